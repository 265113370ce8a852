/** The virtual eUICC: what it says of itself, how it keeps its state, and that no octets bring it down. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concat, hex, toHex } from '../../src/base/bytes.ts';
import { eidOctets } from '../../src/messages/ids.ts';
import { EUICCInfo1, EUICCInfo2 } from '../../src/messages/rsp.ts';
import { readAll, readOnly, type Tlv, tlv } from '../../src/messages/tlv.ts';
import { piecesOf } from '../../tools/lab/bsp/pieces.ts';
import { Euicc } from '../../tools/lab/euicc/euicc.ts';
import { labEid, loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { load, TinySmdp } from './tiny-smdp.ts';

const pki = loadLabPki();
const certificates = {
  credential: pki.euicc,
  eumCertificate: pki.eum.certificate,
  ciCertificates: [pki.ci.certificate],
};

function makeEuicc(seed = 1): Euicc {
  const clock = new HandClock();
  return new Euicc({ eid: labEid, ...certificates, clock, random: seededRandom(seed) });
}

function download(euicc: Euicc): Uint8Array {
  return new TinySmdp(pki, eidOctets(labEid), seededRandom(2)).download(euicc);
}

describe('the virtual eUICC', () => {
  it('tells its EID', () => {
    // rsp-lab.md 1.4
    const eid = makeEuicc().transmit(hex('BF3E 03 5C 01 5A'));
    assert.deepEqual(eid, hex('BF3E 12 5A 10 89049032123451234512345678901235'));
    assert.deepEqual(makeEuicc().transmit(hex('BF3E 03 5C 01 5B')), hex('BF3E 03 81 01 7F'));
  });

  it('tells its versions and the CIs that it knows', () => {
    // rsp-lab.md 2.2: with one key identifier of 20 octets
    const info1 = makeEuicc().transmit(hex('BF20 00'));
    assert.equal(toHex(info1.subarray(0, 12)), 'BF20358203020500A9160414'.slice(0, 24));
    const { euiccCiPKIdListForSigning, euiccCiPKIdListForVerification } = EUICCInfo1.decode(info1);
    assert.deepEqual(euiccCiPKIdListForSigning, euiccCiPKIdListForVerification);
    const info2 = EUICCInfo2.decode(makeEuicc().transmit(hex('BF22 00')));
    assert.deepEqual(info2.euiccCiPKIdListForSigning, euiccCiPKIdListForSigning);
    assert.deepEqual(info2.rspCapability, ['additionalProfile', 'testProfileSupport']);
    assert.equal(info2.ipaMode, 0);
    assert.deepEqual(info2.iotSpecificInfo, {
      iotVersion: [hex('010200')],
      ecallSupported: true,
      fallbackSupported: true,
    });
    assert.ok(info2.uiccCapability.includes('usimSupport'));
  });

  it('makes a challenge of 16 octets, another each time', () => {
    const euicc = makeEuicc();
    const first = euicc.transmit(hex('BF2E 00'));
    assert.equal(toHex(first.subarray(0, 5)), 'BF2E128010');
    assert.equal(first.length, 21);
    assert.notDeepEqual(euicc.transmit(hex('BF2E 00')), first);
  });

  it('tells its addresses and its certificates', () => {
    const euicc = makeEuicc();
    assert.equal(readAll(readOnly(euicc.transmit(hex('BF3C 00'))).value)[0]?.tag, 0x81);
    // rsp-lab.md 5.6: A5 and A6 stand in the place of each certificate's 30.
    const eum = tlv(0xa5, readOnly(pki.eum.certificate).value);
    const own = tlv(0xa6, readOnly(pki.euicc.certificate).value);
    assert.deepEqual(euicc.transmit(hex('BF56 00')), tlv(0xbf56, tlv(0xa0, eum, own)));
    assert.deepEqual(euicc.transmit(hex('BF56 03 80 01 00')), hex('BF56 03 81 01 01'));
  });

  it('lists nothing where there is nothing', () => {
    // rsp-lab.md 4.5, 5.6, 5.8
    const euicc = makeEuicc();
    for (const [command, answer] of [
      ['BF2800', 'BF2802A000'],
      ['BF28 04 81 02 0490', 'BF2802A000'],
      ['BF2B00', 'BF2B02A000'],
      ['BF2B04A0028200', 'BF2B02A200'],
      ['BF2D00', 'BF2D02A000'],
      ['BF5500', 'BF5502A000'],
      ['BF3003800101', 'BF3003800101'],
    ] as const) {
      assert.deepEqual(euicc.transmit(hex(command)), hex(answer), command);
    }
  });

  it('lists profiles by the default tags, by a tagList and by criteria', () => {
    const euicc = makeEuicc();
    download(euicc);
    const aid = 'A0000005591010FFFFFFFF8900001000';
    const one = (fields: string) => tlv(0xbf2d, tlv(0xa0, tlv(0xe3, hex(fields))));
    assert.deepEqual(
      euicc.transmit(hex('BF2D00')),
      one(`5A0A98880000000000000071 4F10${aid} 9F700100 91034C6162 92074C6162204F6E65 950102`),
    );
    assert.deepEqual(
      euicc.transmit(hex('BF2D055C035A9F70')),
      one('5A0A98880000000000000071 9F700100'),
    );
    assert.deepEqual(euicc.transmit(hex('BF2D 09 A003950102 5C029F70')), one('9F700100'));
    const byIccid = 'BF2D 10 A00C5A0A98880000000000000071 5C00';
    assert.deepEqual(euicc.transmit(hex(byIccid)), one(''));
    const byAid = `BF2D 16 A012 4F10${aid} 5C00`;
    assert.deepEqual(euicc.transmit(hex(byAid)), one(''));
    for (const miss of ['A003950101', 'A00C5A0A98880000000000000089', 'A0074F05A000000559']) {
      assert.deepEqual(euicc.transmit(tlv(0xbf2d, hex(miss))), hex('BF2D02A000'), miss);
    }
  });

  it('lists the metadata of notifications, all or by event', () => {
    const euicc = makeEuicc();
    download(euicc);
    const [result] = readAll(readOnly(readOnly(euicc.transmit(hex('BF2B00'))).value).value);
    const metadata = readAll(readAll(result?.value ?? hex(''))[0]?.value ?? hex(''))[1];
    assert.equal(metadata?.tag, 0xbf2f);
    const list = tlv(0xbf28, tlv(0xa0, metadata?.raw ?? hex('')));
    assert.deepEqual(euicc.transmit(hex('BF2800')), list);
    assert.deepEqual(euicc.transmit(hex('BF28 04 81 02 0490')), list);
    assert.deepEqual(euicc.transmit(hex('BF28 04 81 02 0640')), hex('BF2802A000'));
    assert.deepEqual(euicc.transmit(hex('BF2B 06 A0 04 81 02 0410')), hex('BF2B02A000'));
  });

  it('refuses to be made of bad certificates', () => {
    const options = {
      eid: labEid,
      ...certificates,
      clock: new HandClock(),
      random: seededRandom(1),
    };
    const ciCertificates = [pki.dpAuth.certificate];
    assert.throws(() => new Euicc({ ...options, ciCertificates }), { name: 'ChainError' });
    assert.throws(() => new Euicc({ ...options, eumCertificate: hex('3000') }), {
      name: 'ChainError',
    });
  });
});

describe('its state', () => {
  it('goes through a file and back', () => {
    const euicc = makeEuicc();
    download(euicc);
    const file = JSON.stringify(euicc.snapshot());
    const other = makeEuicc();
    other.restore(JSON.parse(file));
    assert.equal(JSON.stringify(other.snapshot()), file);
    assert.deepEqual(other.transmit(hex('BF2B00')), euicc.transmit(hex('BF2B00')));
    assert.deepEqual(other.transmit(hex('BF2D00')), euicc.transmit(hex('BF2D00')));
  });

  it('is a copy: what happens later does not change it', () => {
    const euicc = makeEuicc();
    const before = euicc.snapshot();
    download(euicc);
    assert.equal(before.profiles.length, 0);
    euicc.restore(before);
    download(euicc);
    assert.equal(before.profiles.length, 0);
  });

  it('is refused where it is damaged, or of another eUICC', () => {
    const euicc = makeEuicc();
    const state = euicc.snapshot();
    const wrong = [
      undefined,
      {},
      { ...state, eid: '89049032123451234512345678901236' },
      { ...state, eid: '89049032000000000000000000000033' },
      { ...state, lastSeqNumber: -1 },
      { ...state, notifications: [{ seqNumber: 1, metadata: 'xx', bytes: '' }] },
      { ...state, more: 1 },
    ];
    for (const one of wrong) assert.throws(() => euicc.restore(one), { name: 'EuiccStateError' });
    assert.deepEqual(euicc.snapshot(), state);
  });
});

describe('whatever octets come', () => {
  /** An error TLV, an answer, or nothing while a package is loading. */
  function answered(euicc: Euicc, command: Uint8Array): void {
    const answer = euicc.transmit(command);
    if (answer.length > 0) readOnly(answer);
  }

  it('answers a command that it does not have, or that says nothing, with undefinedError', () => {
    const euicc = makeEuicc();
    assert.deepEqual(euicc.transmit(hex('BF5F00')), hex('BF5F0381017F'));
    assert.deepEqual(euicc.transmit(hex('BF58058101008200')), hex('BF580381017F'));
    assert.deepEqual(euicc.transmit(hex('BF3800')), hex('BF380381017F'));
    assert.deepEqual(euicc.transmit(hex('BF3802A0')), hex('81017F'));
    assert.deepEqual(euicc.transmit(hex('')), hex('81017F'));
    assert.deepEqual(euicc.transmit(hex('BF2E0000')), hex('BF2E0381017F'));
  });

  it('stays up under random octets', () => {
    const euicc = makeEuicc();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => answered(euicc, bytes)),
      {
        numRuns: 500,
      },
    );
  });

  it('stays up under random contents of every function', () => {
    const euicc = makeEuicc();
    const tags = fc.integer({ min: 0xbf20, max: 0xbf66 });
    const pieces = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc
          .tuple(
            fc.constantFrom(
              0x02,
              0x04,
              0x30,
              0x5a,
              0x5c,
              0x80,
              0x81,
              0x82,
              0xa0,
              0xa1,
              0xa2,
              0x5f37,
            ),
            fc.uint8Array({ maxLength: 40 }),
          )
          .map(([tag, value]) => tlv(tag, value)),
      ),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(tags, pieces, (tag, parts) => answered(euicc, tlv(tag, concat(...parts)))),
      { numRuns: 1_000 },
    );
  });

  /** The fields of the arm A0 of an answer; undefined where it is another arm. */
  function okOf(answer: Uint8Array): Tlv[] | undefined {
    if (answer[0] !== 0xbf) return undefined;
    const [arm] = readAll(readOnly(answer).value);
    return arm?.tag === 0xa0 ? readAll(arm.value) : undefined;
  }

  it('stays up under a tampered octet anywhere in a download', () => {
    const server = new TinySmdp(pki, eidOctets(labEid), seededRandom(2));
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(2), (at, change, which) => {
        const euicc = makeEuicc();
        const tamper = (bytes: Uint8Array, due: boolean) => {
          const copy = bytes.slice();
          if (due) copy[at % copy.length] = (copy[at % copy.length] ?? 0) ^ change;
          return copy;
        };
        const challenge = readOnly(readOnly(euicc.transmit(hex('BF2E00'))).value).value;
        const authenticate = tamper(server.authenticateCommand(challenge), which === 0);
        const signature1 = okOf(euicc.transmit(authenticate))?.[1];
        if (signature1 === undefined) return;
        const prepare = tamper(server.prepareCommand(signature1.value), which === 1);
        const signed2 = okOf(euicc.transmit(prepare))?.[0];
        const otpk = signed2 === undefined ? undefined : readAll(signed2.value)[1];
        if (otpk === undefined) return;
        const bound = tamper(server.bind(otpk.value), which === 2);
        const result = load(euicc, [bound]);
        if (result.length > 0) readOnly(result);
        assert.equal(euicc.snapshot().profiles.length, which === 2 ? 0 : 1);
      }),
      { numRuns: 60 },
    );
  });

  it('stays up under a package in random pieces, tampered or not', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 8 }), (picks) => {
        const euicc = makeEuicc();
        const pieces = piecesOf(new TinySmdp(pki, eidOctets(labEid), seededRandom(2)).bound(euicc));
        for (const pick of [0, ...picks]) answered(euicc, pieces[pick] ?? hex('BF2800'));
      }),
      { numRuns: 30 },
    );
  });
});
