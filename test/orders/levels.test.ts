/** What devices of each version of SGP.32 can take, and how the version is known (facts sheet sgp32-eim, 10). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex, toHex } from '../../src/base/bytes.ts';
import { levelOf } from '../../src/fleet/protocol-level.ts';
import { beyondLevel, tagListFor } from '../../src/orders/levels.ts';
import type { OrderRequest } from '../../src/orders/order.ts';
import { Euicc } from '../../tools/lab/euicc/euicc.ts';
import { eid, pki } from '../procedures/euicc.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';

const iccid = '989444999999990920F3';
const seen = (level: 'v1.0' | 'v1.2' | 'v1.3') => ({ level, by: 'a test', at: 0 });

/** EUICCInfo2 of the lab's eUICC, with this iotVersion. */
function info(version: string): Uint8Array {
  const card = new Euicc({
    eid,
    credential: pki.euicc,
    eumCertificate: pki.eum.certificate,
    ciCertificates: [pki.ci.certificate],
    clock: new HandClock(),
    random: seededRandom(1),
  });
  const told = toHex(card.transmit(hex('BF2200')));
  const own = /B4..A0050403(.{6})/.exec(told)?.[1] ?? assert.fail(told);
  return hex(told.replace(`A0050403${own}`, `A0050403${version}`));
}

describe('the level of a device', () => {
  it('is what the operator set, before all else', () => {
    const facts = {
      levelSet: 'v1.3',
      levelSeen: seen('v1.0'),
      euiccInfo2: info('010200'),
    } as const;
    assert.deepEqual([levelOf(facts).level, levelOf(facts).from], ['v1.3', 'set']);
    assert.equal(levelOf({ ...facts, levelSet: 'learned' }).level, 'v1.0');
  });

  it('is v1.0 where the IPA speaks that, whatever its eUICC has', () => {
    const { level, from } = levelOf({ levelSeen: seen('v1.0'), euiccInfo2: info('010200') });
    assert.deepEqual([level, from], ['v1.0', 'behaviour']);
  });

  for (const [version, level] of [
    ['010000', 'v1.0'],
    ['010001', 'v1.0'],
    ['010100', 'v1.2'],
    ['010200', 'v1.2'],
    ['010300', 'v1.3'],
    ['020000', 'v1.3'],
  ] as const) {
    it(`is ${level} by iotVersion ${version}`, () => {
      const known = levelOf({ levelSeen: seen('v1.2'), euiccInfo2: info(version) });
      assert.deepEqual([known.level, known.from], [level, 'iotVersion']);
    });
  }

  it('is assumed where nothing tells it, or what does cannot be read', () => {
    assert.equal(levelOf({}).from, 'assumed');
    assert.equal(levelOf({ euiccInfo2: hex('BF2203810100') }).from, 'assumed');
    assert.equal(levelOf({ levelSeen: seen('v1.3') }).level, 'v1.3');
  });
});

describe('an order', () => {
  const at = (level: 'v1.0' | 'v1.2' | 'v1.3') => ({ level, from: 'set', by: 'a test' }) as const;
  const configuration = (more: string) => ({
    addEim: {
      eimConfigurationData: `30${(3 + more.length / 2).toString(16).padStart(2, '0')}800165${more}`,
    },
  });
  const cases: readonly (readonly [OrderRequest, lowest: 'v1.0' | 'v1.2' | 'v1.3', why: RegExp])[] =
    [
      [{ psmo: [{ enable: { iccid } }, { listProfileInfo: {} }] }, 'v1.0', /./],
      [{ psmo: [{ configureImmediateEnable: {} }] }, 'v1.0', /./],
      [
        { psmo: [{ enable: { iccid } }, { setFallbackAttribute: { iccid } }] },
        'v1.2',
        /^setFallback/,
      ],
      [{ psmo: [{ unsetFallbackAttribute: {} }] }, 'v1.2', /^unsetFallbackAttribute came with/],
      [{ psmo: [{ setDefaultDpAddress: { defaultDpAddress: '' } }] }, 'v1.2', /^setDefaultDp/],
      [{ eco: [configuration(''), { listEim: {} }] }, 'v1.0', /./],
      [
        { eco: [configuration('8900')] },
        'v1.2',
        /^89 of EimConfigurationData came with SGP.32 v1.2/,
      ],
      [
        { eco: [configuration('AA00')] },
        'v1.3',
        /^AA of EimConfigurationData came with SGP.32 v1.3/,
      ],
      [{ edr: { tagList: 'A081BF20A8' } }, 'v1.0', /./],
      [{ edr: { tagList: 'BF20A2' } }, 'v1.2', /^euiccPackageResultList/],
      [
        { edr: { tagList: 'A0', searchCriteriaEuiccPackageResult: { seqNumber: 1 } } },
        'v1.2',
        /^searchC/,
      ],
      [{ edr: { tagList: 'A5', euiccCiPKId: 'F5417214' } }, 'v1.2', /^a shortened euiccCiPKId/],
    ];
  for (const [request, lowest, why] of cases) {
    it(`${JSON.stringify(request).slice(0, 60)} needs ${lowest}`, () => {
      for (const level of ['v1.0', 'v1.2', 'v1.3'] as const) {
        const beyond = beyondLevel(at(level), request);
        if (level >= lowest) assert.equal(beyond, undefined, level);
        else assert.match(beyond ?? '', why, level);
      }
      assert.equal(beyondLevel(levelOf({}), request), undefined, 'nothing is known');
    });
  }

  it('for data is spelt as v1.0 has it, for v1.0 alone', () => {
    const asked = hex('A081BF20BF2283A5A6A8A9');
    assert.deepEqual(tagListFor({ level: 'v1.2' }, asked), asked);
    assert.equal(toHex(tagListFor({ level: 'v1.0' }, asked)), 'BF2B80BF20BF2283A5A688A9');
    assert.deepEqual(tagListFor({ level: 'v1.0' }, hex('BF')), hex('BF'), 'what is no list stays');
  });
});
