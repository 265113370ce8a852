/** What the eIM asks of itself where its picture of an eUICC is in doubt: what, when, how often, and what ends it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { type EimPackageResult, GetEimPackageResponse } from '../../src/messages/eim-package.ts';
import type { EuiccResultData } from '../../src/messages/euicc-package.ts';
import { eidOctets, parseIccid } from '../../src/messages/ids.ts';
import type { EcoRequest, PsmoRequest } from '../../src/orders/order.ts';
import { eid, iccid } from './euicc.ts';
import { Rig } from './rig.ts';

const nothing = { type: 'eimPackageError', value: 1 };
const other = parseIccid('98880000000000000071');
const hour = 3_600_000;

/** A poll that tells of a change. */
async function pollWith(rig: Rig, stateChangeCause: number) {
  const value = { eidValue: eidOctets(eid), notifyStateChange: true, stateChangeCause } as const;
  return GetEimPackageResponse.decode(await rig.say({ type: 'getEimPackageRequest', value }));
}

/** A eUICC of which profiles, eIMs and the IPA's data are known: `other` is enabled, `iccid` is not. */
async function known(ownQuestions = 8): Promise<Rig> {
  const rig = await Rig.with({ settings: { ownQuestions } });
  const list = [
    { iccid: other, state: 'enabled', fallback: false },
    { iccid: parseIccid(iccid), state: 'disabled', fallback: false },
  ] as const;
  await rig.eim.euiccs.update(eid, {
    profiles: { since: 0, list, seqNumber: 5 },
    eims: { since: 0, list: [{ eimId: 'eIM' }, { eimId: 'second' }] },
    defaultSmdpAddress: 'smdp.example.com',
  });
  await rig.poll();
  return rig;
}

/** What the eIM asked of itself so far, the oldest first. */
async function asked(rig: Rig): Promise<string[]> {
  const orders = await rig.eim.orders.list({ eid });
  return orders.flatMap(({ byEim, request }) =>
    byEim === undefined ? [] : [JSON.stringify(request)],
  );
}

const questions = {
  data: '{"edr":{"tagList":"81BF20BF228384A8A9"}}',
  eims: '{"eco":[{"listEim":{}}]}',
  profiles: '{"psmo":[{"listProfileInfo":{}}]}',
} as const;

/** The device works off what it is given, one after the other, each refused where `refuses`. */
async function work(rig: Rig, refuses = false): Promise<void> {
  for (;;) {
    const answer = await rig.poll();
    if (answer.type === 'eimPackageError') return;
    if (answer.type === 'ipaEuiccDataRequest') {
      const { eimTransactionId } = answer.value;
      await rig.provide({
        type: 'ipaEuiccDataResponse',
        value: refuses
          ? {
              type: 'ipaEuiccDataResponseError',
              value: { eimTransactionId, ipaEuiccDataErrorCode: 127 },
            }
          : {
              type: 'ipaEuiccData',
              value: { eimTransactionId, defaultSmdpAddress: 'dp.example.com' },
            },
      });
      continue;
    }
    assert.ok(answer.type === 'euiccPackageRequest', answer.type);
    const signed = rig.euicc.read(answer.value);
    const list: EuiccResultData = refuses
      ? { type: 'processingTerminated', value: 127 }
      : signed.euiccPackage.type === 'ecoList'
        ? { type: 'listEimResult', value: { type: 'eimIdList', value: [{ eimId: 'eIM' }] } }
        : {
            type: 'listProfileInfoResult',
            value: {
              type: 'profileInfoListOk',
              value: [{ iccid: hex(iccid), profileState: 1, fallbackAttribute: false }],
            },
          };
    const value = rig.euicc.result(signed, [list]);
    await rig.provide({ type: 'euiccPackageResult', value } satisfies EimPackageResult);
  }
}

describe('a change that the device tells of', () => {
  const table = [
    [0, ['data', 'eims', 'profiles']],
    [1, ['profiles']],
    [2, ['profiles']],
    [3, ['data', 'profiles']],
    [4, ['data', 'eims', 'profiles']],
    [5, ['profiles']],
    [6, ['data']],
    [127, ['data', 'eims', 'profiles']],
  ] as const;
  for (const [cause, topics] of table) {
    it(`of cause ${cause} has ${topics.join(', ')} asked for, within that call`, async () => {
      const rig = await known();
      assert.notDeepEqual(await pollWith(rig, cause), nothing);
      await work(rig);
      assert.deepEqual(
        await asked(rig),
        topics.map((topic) => questions[topic]),
      );
      const record = await rig.eim.euiccs.get(eid);
      assert.deepEqual(record?.doubts, {});
      assert.equal(record?.lastStateChange?.at, record?.lastContact);
      const isAsked = (topic: string) => topics.some((one) => one === topic);
      assert.deepEqual(record?.profiles?.list.length, isAsked('profiles') ? 1 : 2);
      assert.deepEqual(record?.eims?.list.length, isAsked('eims') ? 1 : 2);
      const sure = record?.origins.profiles?.sure;
      assert.equal(sure, isAsked('profiles') ? 'proven' : undefined);
      assert.equal(
        record?.origins.defaultSmdpAddress?.sure,
        isAsked('data') ? 'reported' : undefined,
      );
    });
  }

  it('has nothing asked for where nothing is known', async () => {
    const rig = await Rig.with();
    assert.deepEqual(await pollWith(rig, 0), nothing);
    assert.deepEqual(await asked(rig), []);
  });

  it('waits for the orders of the operator, whose list may settle it', async () => {
    const rig = await known();
    await rig.psmo({ listProfileInfo: {} });
    await pollWith(rig, 1);
    await work(rig);
    assert.deepEqual(await asked(rig), []);
    assert.deepEqual((await rig.eim.euiccs.get(eid))?.doubts, {});
  });

  it('is asked about also where the eIM dies before it has asked', async () => {
    const rig = await known(0);
    assert.deepEqual(await pollWith(rig, 1), nothing);
    assert.equal((await rig.eim.euiccs.get(eid))?.doubts.profiles?.asked, 0);
    await rig.restart();
    const { eim } = rig;
    Object.assign(eim.settings, { ownQuestions: 8 });
    await work(rig);
    assert.deepEqual(await asked(rig), [questions.profiles]);
  });
});

describe('questions of the eIM’s own', () => {
  it('are asked twice in vain, in two calls, then no more; the doubt stays', async () => {
    const rig = await known();
    await pollWith(rig, 1);
    for (let call = 0; call < 6; call++) {
      await work(rig, true);
      await rig.clock.turn(hour);
    }
    assert.deepEqual(await asked(rig), [questions.profiles, questions.profiles]);
    assert.equal((await rig.eim.euiccs.get(eid))?.doubts.profiles?.asked, 2);
  });

  it('are no more than so many a day, however often a device tells of a change', async () => {
    const rig = await known(3);
    for (let i = 0; i < 20; i++) {
      await pollWith(rig, 1);
      await work(rig);
      await rig.clock.turn(60_000);
    }
    assert.equal((await asked(rig)).length, 3);
    assert.ok((await rig.eim.euiccs.get(eid))?.doubts.profiles);
    await rig.clock.turn(24 * hour);
    await work(rig);
    assert.equal((await asked(rig)).length, 4);
    assert.deepEqual((await rig.eim.euiccs.get(eid))?.doubts, {});
  });

  it('are given up after four deliveries, so that orders are not held up', async () => {
    const rig = await known();
    await pollWith(rig, 1);
    for (let i = 0; i < 3; i++) assert.equal((await rig.poll()).type, 'euiccPackageRequest');
    assert.deepEqual(await rig.poll(), nothing);
  });

  it('are not for an eUICC that has put this eIM away', async () => {
    const rig = await known();
    await rig.eim.euiccs.update(eid, { eims: { since: 0, list: [{ eimId: 'second' }] } });
    assert.deepEqual(await pollWith(rig, 1), nothing);
    assert.deepEqual(await asked(rig), []);
  });
});

describe('a result that does not fit the picture', () => {
  const one = (operation: PsmoRequest | EcoRequest, result: EuiccResultData) =>
    [operation, result] as const;
  const doubted: Readonly<Record<string, ReturnType<typeof one>>> = {
    'an enable of what was taken for enabled': one(
      { enable: { iccid: other } },
      { type: 'enableResult', value: 0 },
    ),
    'no enable, of what was taken for disabled': one(
      { enable: { iccid } },
      { type: 'enableResult', value: 2 },
    ),
    'a profile that is not there': one(
      { disable: { iccid: other } },
      { type: 'disableResult', value: 1 },
    ),
    'no disable, of what was taken for enabled': one(
      { disable: { iccid: other } },
      { type: 'disableResult', value: 2 },
    ),
    'no delete, of what was taken for disabled': one(
      { delete: { iccid } },
      { type: 'deleteResult', value: 2 },
    ),
    'an interruption': one({ delete: { iccid } }, { type: 'processingTerminated', value: 3 }),
    'an eIM that is not there': one(
      { deleteEim: { eimId: 'second' } },
      { type: 'deleteEimResult', value: 1 },
    ),
    'an eIM that was not known': one(
      { deleteEim: { eimId: 'third' } },
      { type: 'deleteEimResult', value: 0 },
    ),
  };
  const fits: Readonly<Record<string, ReturnType<typeof one>>> = {
    'an enable': one({ enable: { iccid } }, { type: 'enableResult', value: 0 }),
    'no enable of what is enabled': one(
      { enable: { iccid: other } },
      { type: 'enableResult', value: 2 },
    ),
    'a profile that was not known either': one(
      { delete: { iccid: '98880000000000000099' } },
      { type: 'deleteResult', value: 1 },
    ),
    'a busy card': one({ enable: { iccid } }, { type: 'enableResult', value: 5 }),
    'an eIM put away': one(
      { deleteEim: { eimId: 'second' } },
      { type: 'deleteEimResult', value: 0 },
    ),
  };
  const run = async ([operation, result]: ReturnType<typeof one>) => {
    const rig = await known();
    const isEco = 'deleteEim' in operation;
    const request = isEco ? { eco: [operation] } : { psmo: [operation as PsmoRequest] };
    await rig.eim.orders.submit({ eid, facility: isEco ? 'eco' : 'psmo', request });
    const value = rig.euicc.result(await rig.fetchPackage(), [result]);
    await rig.provide({ type: 'euiccPackageResult', value });
    return { rig, topic: isEco ? 'eims' : 'profiles' } as const;
  };
  for (const [name, row] of Object.entries(doubted)) {
    it(`has the eUICC asked: ${name}`, async () => {
      const { rig, topic } = await run(row);
      assert.ok((await rig.eim.euiccs.get(eid))?.doubts[topic]);
      await work(rig);
      assert.deepEqual(await asked(rig), [questions[topic]]);
    });
  }
  for (const [name, row] of Object.entries(fits)) {
    it(`has nothing asked where it fits: ${name}`, async () => {
      const { rig } = await run(row);
      assert.deepEqual(await rig.poll(), nothing);
    });
  }
});

describe('a clock that somebody sets back', () => {
  const year = 365 * 24 * hour;

  it('does not keep the eIM from asking, nor what it is told from counting', async () => {
    const rig = await known();
    rig.clock.set(year);
    for (let i = 0; i < 2; i++) {
      assert.notDeepEqual(await pollWith(rig, 1), nothing);
      await work(rig, true);
      await rig.clock.turn(hour);
    }
    await rig.psmo({ getRAT: {} });
    await pollWith(rig, 1);
    rig.clock.set(-year);
    await rig.clock.turn(hour);
    await work(rig);
    assert.deepEqual((await rig.eim.euiccs.get(eid))?.doubts, {});
  });

  it('does not let the questions of a wrong time fill the day', async () => {
    const rig = await known(2);
    rig.clock.set(year);
    for (let i = 0; i < 2; i++) {
      await pollWith(rig, 1);
      await work(rig);
      await rig.clock.turn(hour);
    }
    rig.clock.set(-year);
    await rig.clock.turn(hour);
    assert.notDeepEqual(await pollWith(rig, 1), nothing);
  });
});

describe('a eUICC whose sequence numbers go back', () => {
  it('is believed of what a package of now has it tell, and is asked once', async () => {
    const rig = await known();
    await rig.eim.euiccs.update(
      eid,
      { profiles: { since: 0, list: [], seqNumber: 5000 } },
      { at: rig.clock.now(), source: 'a notification', sure: 'proven' },
    );
    await rig.clock.turn(hour);
    for (let i = 0; i < 4; i++) {
      await rig.psmo({ listProfileInfo: {} });
      await work(rig);
      await rig.clock.turn(hour);
    }
    assert.deepEqual(await asked(rig), []);
    const record = await rig.eim.euiccs.get(eid);
    assert.deepEqual(record?.doubts, {});
    assert.equal(record?.profiles?.seqNumber, rig.euicc.seqNumber);
  });
});

describe('a result of an eCO that comes again', () => {
  it('raises no doubt about the eIMs, for it tells nothing new', async () => {
    const rig = await known();
    const order = await rig.eim.orders.submit({
      eid,
      facility: 'eco',
      request: { eco: [{ deleteEim: { eimId: 'second' } }] },
    });
    const value = rig.euicc.result(await rig.fetchPackage(), [
      { type: 'deleteEimResult', value: 0 },
    ]);
    await rig.provide({ type: 'euiccPackageResult', value });
    const { outcome } = await rig.end(order);
    assert.deepEqual(outcome, [{ deleteEimResult: 'ok' }]);
    await rig.provide({ type: 'euiccPackageResult', value });
    assert.deepEqual((await rig.eim.euiccs.get(eid))?.doubts, {});
    assert.deepEqual(await rig.poll(), nothing);
  });
});

describe('a notification', () => {
  const state = async (rig: Rig) =>
    (await rig.eim.euiccs.get(eid))?.profiles?.list.map((each) => each.state);

  it('that is newer than the picture changes it', async () => {
    const rig = await known();
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 6 }));
    assert.deepEqual(await state(rig), ['disabled', 'enabled']);
    await rig.notify(rig.euicc.notification('notificationDisable', { seqNumber: 7 }));
    assert.deepEqual(await state(rig), ['disabled', 'disabled']);
    await rig.notify(rig.euicc.notification('notificationDelete', { seqNumber: 8 }));
    assert.deepEqual(await state(rig), ['disabled']);
    assert.deepEqual(await rig.poll(), nothing);
    assert.match((await rig.eim.euiccs.get(eid))?.origins.profiles?.source ?? '', /seqNumber 8/);
  });

  it('that is older changes nothing', async () => {
    const rig = await known();
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 5 }));
    assert.deepEqual(await state(rig), ['enabled', 'disabled']);
  });

  it('of a profile that is not known has the eUICC asked', async () => {
    const rig = await known();
    await rig.notify(rig.euicc.notification('notificationDelete', { seqNumber: 6 }));
    await rig.notify(rig.euicc.notification('notificationInstall', { seqNumber: 7 }));
    await work(rig);
    assert.deepEqual(await asked(rig), [questions.profiles]);
  });
});
