/**
 * Every operation the whole way: as an operator orders it, through the eIM, CoAP and DTLS to the virtual eUICC, and back
 * as /v1 shows it. Each with its success, and with each number of its enumeration (SGP.32 v1.2, facts sheet 1.5).
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import * as eco from '../../src/messages/eco.ts';
import { EuiccPackageErrorCode } from '../../src/messages/euicc-package.ts';
import type { IpaEuiccDataErrorCode } from '../../src/messages/ipa-euicc-data.ts';
import type { Names } from '../../src/messages/primitives.ts';
import * as psmo from '../../src/messages/psmo.ts';
import { check } from '../../src/rest/api/errors.ts';
import { OrderSubmission, OrderView } from '../../src/rest/api/orders.ts';
import { requestOf } from '../../src/rest/steps.ts';
import { euiccView, orderView } from '../../src/rest/views.ts';
import type { OperationName } from '../../tools/lab/euicc/chip.ts';
import { loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { profile } from '../lab/card.ts';
import { at } from '../rest/http.ts';
import { eid, World } from './world.ts';

const pki = loadLabPki();
const key = new X509Certificate(pki.eimSign.certificate).publicKey
  .export({ format: 'pem', type: 'spki' })
  .toString();

/** ICCIDs as printed, and as in EF.ICCID. */
const [a, b, c, d] = [1, 2, 3, 4].map((n) => `898800000000000000${n}`);
const efOf = (iccid = '') => `${iccid}F`.replace(/(.)(.)/g, '$2$1');

class Flow {
  readonly world: World;

  private constructor(world: World) {
    this.world = world;
  }

  /** A eUICC with A enabled, B, C that may be the fallback profile, and D for eCalls; its eIM has no orders yet. */
  static async begin(): Promise<Flow> {
    const world = await World.begin({ ordered: false });
    world.card.restore({
      ...world.card.snapshot(),
      profiles: [
        profile(efOf(a), {}, true),
        profile(efOf(b)),
        profile(efOf(c), { fallbackAllowed: true }),
        profile(efOf(d), { ecallIndication: true }),
      ],
    });
    return new Flow(world);
  }

  /** Orders these steps, lets the device work, and tells how the order ended. */
  async order(...steps: readonly object[]) {
    const { orders } = this.world.process.eim;
    const submission = check(OrderSubmission, { eid, steps });
    const { id } = await orders.submit({ eid, ...requestOf(submission.steps) });
    await this.world.work();
    const order = await orders.get(id);
    const view = orderView(order ?? assert.fail('it is gone'));
    // What openapi.json says of answers, to the last word.
    check(OrderView, view);
    const { state, success, outcome, reason } = view;
    assert.equal(state, 'done', reason);
    return { success, outcome, reason };
  }

  /** What the operator is told of the eUICC. */
  async view() {
    return euiccView((await this.world.process.eim.euiccs.get(eid)) ?? assert.fail('unknown'));
  }

  /** What the eIM believes of each profile, and what the card holds: ICCID and whether it is enabled. */
  async profiles() {
    const { profiles = [] } = await this.view();
    return {
      believed: profiles.map(({ efIccid, state }) => [efIccid, state === 'enabled']),
      true: this.world.card.snapshot().profiles.map(({ iccid, enabled }) => [iccid, enabled]),
    };
  }
}

describe('every operation, the whole way', () => {
  it('succeeds, one after the other, and the eIM knows of each what the eUICC holds', async () => {
    const flow = await Flow.begin();
    const succeeds = async (steps: readonly object[], outcome: readonly object[]) => {
      const end = await flow.order(...steps);
      assert.deepEqual(end.outcome, outcome, JSON.stringify(end));
      assert.equal(end.success, true);
    };
    const first = await flow.order({ listProfileInfo: {} });
    const list = at(first.outcome[0], 'listProfileInfoResult', 'profileInfoList');
    assert.ok(Array.isArray(list));
    assert.deepEqual(
      list.map((one) => [at(one, 'iccid'), at(one, 'profileState'), at(one, 'fallbackAllowed')]),
      [
        [a, 'enabled', undefined],
        [b, 'disabled', undefined],
        [c, 'disabled', true],
        [d, 'disabled', undefined],
      ],
    );
    const search = { searchCriteria: { iccid: b }, tagList: '5A92' };
    await succeeds(
      [{ listProfileInfo: search }],
      [
        {
          listProfileInfoResult: {
            finalResult: 'successResult',
            profileInfoList: [
              { iccid: b, efIccid: efOf(b), profileName: 'One', fallbackAttribute: false },
            ],
          },
        },
      ],
    );
    await succeeds([{ enable: { iccid: b } }], [{ enableResult: 'ok' }]);
    await succeeds([{ disable: { iccid: b } }], [{ disableResult: 'ok' }]);
    await succeeds(
      [{ enable: { iccid: a, rollback: false } }, { delete: { iccid: b } }, { getRAT: {} }],
      [
        { enableResult: 'ok' },
        { deleteResult: 'ok' },
        {
          getRATResult: [
            {
              pprUpdateControl: false,
              ppr1: true,
              ppr2: true,
              allowedOperators: [{ mccMnc: 'EEEEEE' }],
              consentRequired: false,
            },
          ],
        },
      ],
    );
    await succeeds(
      [{ setFallbackAttribute: { iccid: c } }],
      [{ setFallbackAttributeResult: 'ok' }],
    );
    assert.deepEqual(
      (await flow.view()).profiles?.map(({ iccid, fallback }) => [iccid, fallback]),
      [
        [a, false],
        [c, true],
        [d, false],
      ],
    );
    await succeeds([{ unsetFallbackAttribute: {} }], [{ unsetFallbackAttributeResult: 'ok' }]);
    await succeeds(
      [{ configureImmediateEnable: { immediateEnableFlag: true, defaultSmdpAddress: 'dp' } }],
      [{ configureImmediateEnableResult: 'ok' }],
    );
    assert.deepEqual(flow.world.card.snapshot().immediateEnable, { smdpAddress: 'dp' });
    await succeeds(
      [{ setDefaultDpAddress: { defaultDpAddress: 'dp.example.com' } }],
      [{ setDefaultDpAddressResult: 'ok' }],
    );
    assert.equal((await flow.view()).defaultSmdpAddress, 'dp.example.com');
    const { believed, true: held } = await flow.profiles();
    assert.deepEqual(believed, held);
    assert.deepEqual(held, [
      [efOf(a), true],
      [efOf(c), false],
      [efOf(d), false],
    ]);

    const own = { eimId: 'eim.example.com', eimIdType: 'eimIdTypeFqdn' };
    const ownId = flow.world.process.eim.id;
    const listed = (...eims: readonly object[]) => ({
      listEimResult: { finalResult: 'successResult', eimIdList: eims },
    });
    const mine = { ...own, eimId: ownId };
    await succeeds([{ listEim: {} }], [listed(mine)]);
    const added = {
      eimId: 'other',
      eimFqdn: 'other.example.com',
      counterValue: 5,
      eimPublicKey: key,
    };
    await succeeds(
      [{ addEim: { ...added, associationToken: 'generate' } }, { listEim: {} }],
      [
        { addEimResult: { addEimResultCode: 'ok', associationToken: 2 } },
        listed(mine, { eimId: 'other' }),
      ],
    );
    await succeeds(
      [
        { updateEim: { eimId: 'other', eimIdType: 'eimIdTypeOid', counterValue: 9 } },
        { listEim: {} },
      ],
      [{ updateEimResult: 'ok' }, listed(mine, { eimId: 'other', eimIdType: 'eimIdTypeOid' })],
    );
    assert.deepEqual((await flow.view()).eims, [
      mine,
      { eimId: 'other', eimIdType: 'eimIdTypeOid' },
    ]);
    await succeeds([{ deleteEim: { eimId: 'other' } }], [{ deleteEimResult: 'ok' }]);
    assert.deepEqual((await flow.view()).eims, [mine]);
    assert.deepEqual(flow.world.process.errors, []);
    assert.deepEqual(flow.world.process.drops.all(), {});
  });

  it('is refused, with the reason, where the eUICC stands otherwise, and nothing changes', async () => {
    const flow = await Flow.begin();
    await flow.order({ listProfileInfo: {} });
    const before = await flow.profiles();
    const missing = '89880000000000000999';
    const cases: readonly (readonly [step: object, outcome: object])[] = [
      [{ enable: { iccid: missing } }, { enableResult: 'iccidOrAidNotFound' }],
      [{ enable: { iccid: a } }, { enableResult: 'profileNotInDisabledState' }],
      [{ disable: { iccid: b } }, { disableResult: 'profileNotInEnabledState' }],
      [{ delete: { iccid: a } }, { deleteResult: 'profileNotInDisabledState' }],
      [
        { setFallbackAttribute: { iccid: b } },
        { setFallbackAttributeResult: 'fallbackNotAllowed' },
      ],
      [{ unsetFallbackAttribute: {} }, { unsetFallbackAttributeResult: 'noFallbackAttribute' }],
      [
        { configureImmediateEnable: { defaultSmdpOid: '2.999.10' } },
        { configureImmediateEnableResult: 'commandError' },
      ],
      [{ deleteEim: { eimId: 'nobody' } }, { deleteEimResult: 'eimNotFound' }],
      [{ updateEim: { eimId: 'nobody', counterValue: 5 } }, { updateEimResult: 'eimNotFound' }],
      [
        {
          addEim: {
            eimId: flow.world.process.eim.id,
            eimFqdn: 'f',
            counterValue: 0,
            eimPublicKey: key,
          },
        },
        { addEimResult: { addEimResultCode: 'associatedEimAlreadyExists' } },
      ],
    ];
    for (const [step, outcome] of cases) {
      const end = await flow.order(step);
      assert.deepEqual(end.outcome, [outcome]);
      assert.equal(end.success, false);
    }
    assert.deepEqual(await flow.profiles(), before);
  });

  it('stops at the first that fails, and says what was done before', async () => {
    const flow = await Flow.begin();
    await flow.order({ listProfileInfo: {} });
    const { success, outcome } = await flow.order(
      { disable: { iccid: a } },
      { delete: { iccid: '89880000000000000999' } },
      { delete: { iccid: b } },
    );
    assert.deepEqual(outcome, [{ disableResult: 'ok' }, { deleteResult: 'iccidOrAidNotFound' }]);
    assert.equal(success, false);
    const { believed, true: held } = await flow.profiles();
    assert.deepEqual(believed, held);
    assert.equal(held.length, 4);
  });

  it('ends where processing is terminated, in each form', async () => {
    const flow = await Flow.begin();
    const { faults } = flow.world.card;
    faults.powerCutAtOperation = 2;
    const steps = [{ disable: { iccid: a } }, { delete: { iccid: b } }];
    assert.deepEqual(await flow.order(...steps), {
      success: false,
      outcome: [{ disableResult: 'ok' }, { processingTerminated: 'interruption' }],
      reason: "the eUICC's signed result, seqNumber 2",
    });
    delete faults.powerCutAtOperation;
    const twice = await flow.order({ enable: { iccid: b } }, { enable: { iccid: c } });
    assert.deepEqual(twice.outcome, [
      { enableResult: 'ok' },
      { processingTerminated: 'unknownOrDamagedCommand' },
    ]);
    assert.equal(twice.success, false);
  });

  it('is rolled back where the device cannot reach the eIM with the profile, and not without the flag', async () => {
    const flow = await Flow.begin();
    await flow.order({ listProfileInfo: {} });
    flow.world.device.lostAfterSwitch = true;
    const { success, outcome } = await flow.order({ enable: { iccid: b, rollback: true } });
    assert.deepEqual(outcome, [{ enableResult: 'ok' }, { rollbackResult: 'ok' }]);
    assert.equal(success, false);
    const rolledBack = await flow.profiles();
    assert.deepEqual(rolledBack.believed, rolledBack.true);
    assert.deepEqual(rolledBack.true[0], [efOf(a), true]);
    const stays = await flow.order({ enable: { iccid: b } });
    assert.deepEqual(stays, { ...stays, success: true, outcome: [{ enableResult: 'ok' }] });
    const { believed, true: held } = await flow.profiles();
    assert.deepEqual(believed, held);
    assert.deepEqual(held[1], [efOf(b), true]);
    assert.equal(flow.world.card.snapshot().packageResults.length, 0);
  });

  it('enables a profile as soon as it is installed, where that is configured, and tells of it', async () => {
    const world = await World.begin({ ordered: false });
    const { orders, euiccs } = world.process.eim;
    const { activationCode } = world.smdp;
    const enabled = () => world.card.snapshot().profiles.map((one) => one.enabled);
    const download = () =>
      orders.submit({ eid, facility: 'download', request: { download: { activationCode } } });
    const configure = (defaultSmdpOid: string) => {
      const request = { immediateEnableFlag: true, defaultSmdpOid };
      return orders.submit({
        eid,
        facility: 'psmo',
        request: { psmo: [{ configureImmediateEnable: request }] },
      });
    };
    // Of another SM-DP+: the profile stays disabled.
    await configure('2.999.99');
    await download();
    await world.work();
    assert.deepEqual(enabled(), [false]);
    assert.deepEqual((await euiccs.get(eid))?.stateChangeCauseList, []);

    const other = await World.begin({ ordered: false });
    const { eim } = other.process;
    const request = { psmo: [{ configureImmediateEnable: { immediateEnableFlag: true } }] };
    await eim.orders.submit({ eid, facility: 'psmo', request });
    const code = { activationCode: other.smdp.activationCode };
    await eim.orders.submit({ eid, facility: 'download', request: { download: code } });
    await other.work();
    assert.deepEqual(
      other.card.snapshot().profiles.map((one) => one.enabled),
      [true],
    );
    const { stateChangeCauseList } = (await eim.euiccs.get(eid)) ?? {};
    assert.deepEqual(stateChangeCauseList, ['immediateEnableProfile']);
  });

  it('hands the eUICC over: once deleted, this eIM is a stranger to it', async () => {
    const flow = await Flow.begin();
    const { id } = flow.world.process.eim;
    const added = {
      eimId: 'other',
      eimFqdn: 'other.example.com',
      counterValue: 0,
      eimPublicKey: key,
    };
    await flow.order({ addEim: added }, { listEim: {} });
    const { outcome, success } = await flow.order({ deleteEim: { eimId: id } });
    assert.deepEqual([success, outcome], [true, [{ deleteEimResult: 'ok' }]]);
    assert.deepEqual(
      flow.world.card.snapshot().eims.map(({ eimId }) => eimId),
      ['other'],
    );
    const refused = await flow.order({ getRAT: {} });
    assert.deepEqual(refused.outcome, [{ euiccPackageErrorCode: 'undefinedError' }]);
    assert.match(refused.reason, /does not take the package for this eIM's/);
  });
});

describe('every result code of every operation, the whole way', () => {
  const steps: Readonly<Record<OperationName, readonly [step: object, names: Names] | undefined>> =
    {
      enable: [{ iccid: b }, psmo.EnableProfileResult],
      disable: [{ iccid: a }, psmo.DisableProfileResult],
      delete: [{ iccid: b }, psmo.DeleteProfileResult],
      listProfileInfo: [{}, psmo.ProfileInfoListError],
      getRAT: undefined,
      configureImmediateEnable: [{}, psmo.ConfigureImmediateEnableResult],
      setFallbackAttribute: [{ iccid: c }, psmo.SetFallbackAttributeResult],
      unsetFallbackAttribute: [{}, psmo.UnsetFallbackAttributeResult],
      setDefaultDpAddress: [{ defaultDpAddress: 'dp' }, psmo.SetDefaultDpAddressResult],
      addEim: [
        { eimId: 'x', eimFqdn: 'f', counterValue: 0, eimPublicKey: key },
        eco.AddEimResultCode,
      ],
      deleteEim: [{ eimId: 'x' }, eco.DeleteEimResult],
      updateEim: [{ eimId: 'x', counterValue: 7 }, eco.UpdateEimResult],
      listEim: [{}, eco.ListEimError],
    };
  for (const [name, entry] of Object.entries(steps)) {
    if (entry === undefined) continue;
    const [members, names] = entry;
    it(`${name}: ${Object.keys(names).join(', ')}`, async () => {
      const flow = await Flow.begin();
      for (const [word, code] of Object.entries(names)) {
        flow.world.card.faults.operations = { [name]: code };
        const { outcome, success } = await flow.order({ [name]: members });
        assert.deepEqual(outcome, [outcomeOf(name, word)]);
        assert.equal(success, word === 'ok' || word === 'lastEimDeleted');
      }
    });
  }

  it('of a whole package', async () => {
    const flow = await Flow.begin();
    for (const [word, code] of Object.entries(EuiccPackageErrorCode)) {
      flow.world.card.faults.loadEuiccPackage = code;
      const { outcome, success } = await flow.order({ getRAT: {} });
      assert.deepEqual(outcome, [{ euiccPackageErrorCode: word }]);
      assert.equal(success, false);
    }
    delete flow.world.card.faults.loadEuiccPackage;
    assert.equal((await flow.order({ getRAT: {} })).success, true);
  });
});

function outcomeOf(name: string, word: string): object {
  switch (name) {
    case 'listProfileInfo':
      return { listProfileInfoResult: { finalResult: 'errorResult', profileInfoListError: word } };
    case 'listEim':
      return { listEimResult: { finalResult: 'errorResult', listEimError: word } };
    case 'addEim':
      return { addEimResult: { addEimResultCode: word } };
    default:
      return { [`${name}Result`]: word };
  }
}

describe('data requests, the whole way', () => {
  it('bring every datum, readable, and the eIM keeps it', async () => {
    const flow = await Flow.begin();
    await flow.order({ setDefaultDpAddress: { defaultDpAddress: 'dp.example.com' } });
    const { success, outcome, reason } = await flow.order({ edr: {} });
    assert.equal(success, true, reason);
    const data = at(outcome[0], 'euiccDataResult', 'euiccData');
    assert.equal(at(data, 'defaultSmdpAddress'), 'dp.example.com');
    assert.equal(at(data, 'rootSmdsAddress'), 'testrootsmds.example.com');
    assert.equal(at(data, 'associationToken'), 1);
    assert.equal(at(data, 'euiccInfo1', 'svn'), '2.5.0');
    assert.equal(at(data, 'euiccInfo2', 'ipaMode'), 'ipad');
    assert.deepEqual(at(data, 'euiccInfo2', 'iotSpecificInfo'), {
      iotVersion: ['1.2.0'],
      ecallSupported: true,
      fallbackSupported: true,
    });
    assert.match(
      String(at(data, 'euiccCertificate', 'subject')),
      new RegExp(`serialNumber=${eid}`),
    );
    assert.match(String(at(data, 'eumCertificate', 'issuer')), /./);
    assert.deepEqual(at(data, 'ipaCapabilities'), {
      ipaFeatures: ['indirectRspServerCommunication'],
      ipaSupportedProtocols: ['ipaRetrieveCoaps'],
    });
    assert.deepEqual(at(data, 'deviceInfo'), { tac: '35290611', deviceCapabilities: {} });
    const view = await flow.view();
    for (const name of ['euiccInfo1', 'euiccInfo2', 'ipaCapabilities', 'deviceInfo'] as const) {
      assert.deepEqual(view[name], at(data, name), name);
    }
    assert.deepEqual(
      [view.defaultSmdpAddress, view.rootSmdsAddress, view.associationToken],
      ['dp.example.com', 'testrootsmds.example.com', 1],
    );
    assert.equal(at(view.euiccCertificate, 'der'), at(data, 'euiccCertificate', 'der'));
  });

  it('bring notifications and results that are still on the card, chosen by criteria, and have them forgotten', async () => {
    const flow = await Flow.begin();
    const { card } = flow.world;
    await flow.order({ getRAT: {} });
    // Fallback and return: four notifications that no package brought. The SM-DP+ is not asked here.
    await flow.order({ setFallbackAttribute: { iccid: c } });
    card.transmit(Uint8Array.from([0xbf, 0x5d, 3, 0x80, 1, 0xff]));
    card.transmit(Uint8Array.from([0xbf, 0x5e, 3, 0x80, 1, 0xff]));
    const seqNumbers = () => card.snapshot().notifications.map(({ seqNumber }) => seqNumber);
    const [first = 0, ...others] = seqNumbers();
    assert.equal(others.length, 3);
    const one = await flow.order({
      edr: { tagList: ['notificationsList'], searchCriteriaNotification: { seqNumber: first } },
    });
    const listed = at(one.outcome[0], 'euiccDataResult', 'euiccData', 'notificationsList');
    assert.ok(Array.isArray(listed));
    const metadata = at(listed[0], 'otherSignedNotification', 'tbsOtherNotification');
    assert.deepEqual(
      [listed.length, at(metadata, 'seqNumber'), at(metadata, 'profileManagementOperation')],
      [1, first, ['notificationDisable']],
    );
    assert.deepEqual(seqNumbers(), others);
    await flow.order({
      edr: {
        tagList: 'A0A2',
        searchCriteriaNotification: { profileManagementOperation: ['notificationEnable'] },
        searchCriteriaEuiccPackageResult: { seqNumber: 0 },
      },
    });
    assert.equal(seqNumbers().length, 1);
    await flow.order({ edr: { tagList: 'A0A2' } });
    assert.deepEqual(seqNumbers(), []);
  });

  it('are refused with the code of the IPA, and what is known stays', async () => {
    const flow = await Flow.begin();
    await flow.order({ edr: {} });
    const before = await flow.view();
    for (const [edr, word] of [
      // A tag of v1.0.
      [{ tagList: '80' }, 'incorrectTagList'],
      [{ tagList: 'A5', euiccCiPKId: '00112233' }, 'euiccCiPKIdNotFound'],
    ]) {
      const { success, outcome } = await flow.order({ edr });
      assert.deepEqual([success, outcome], [false, [{ euiccDataResult: { edrResult: word } }]]);
    }
    flow.world.card.transmit(Uint8Array.from([0xbf, 0x5b, 3, 0x80, 1, 0xff]));
    const during = await flow.order({ edr: {} });
    const edrResult: keyof typeof IpaEuiccDataErrorCode = 'ecallActive';
    assert.deepEqual(during.outcome, [{ euiccDataResult: { edrResult } }]);
    const euiccPackageErrorCode: keyof typeof EuiccPackageErrorCode = 'ecallActive';
    assert.deepEqual((await flow.order({ getRAT: {} })).outcome, [{ euiccPackageErrorCode }]);
    const after = await flow.view();
    assert.deepEqual(after.euiccInfo2, before.euiccInfo2);
    assert.deepEqual(after.euiccCertificate, before.euiccCertificate);
  });
});
