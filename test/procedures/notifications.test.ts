/** Installation results and notifications: believed by their signatures, kept, and taken to their SM-DP+ (SGP.32 3.7). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { Es9TransportError } from '../../src/es9/errors.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { PendingNotification } from '../../src/messages/notifications.ts';
import { deliverNotifications } from '../../src/procedures/notification-delivery.ts';
import { NotificationDesk } from '../../src/procedures/notification-desk.ts';
import { notifications } from '../../src/procedures/notification-rows.ts';
import {
  keepTransaction,
  sweepTransactions,
  transactionOf,
} from '../../src/procedures/transactions.ts';
import { newKey } from '../../tools/lab/pki/issue.ts';
import { issueEuicc } from '../../tools/lab/pki/lab-pki.ts';
import { otherCi } from '../../tools/lab/pki/wrong-twins.ts';
import { settled } from '../support/hand-clock.ts';
import { CrashingStore } from './crashing-store.ts';
import { Download } from './download.ts';
import { eid, type FinalResult, iccid, pki } from './euicc.ts';
import { caller, Rig, type RigOptions } from './rig.ts';
import { refusal, transactionId } from './smdp.ts';

const day = 24 * 3600 * 1000;
const otherEid = parseEid('89049032000000000000000000000163');
const unreachable = new Es9TransportError('unreachable', 'no connection');

/** A download whose profile the device has and installs. */
async function installing(options: RigOptions = {}) {
  const download = await Download.begin(options);
  await download.toAuthenticated();
  await download.getBoundProfilePackage();
  return download;
}

/** The seqNumbers that reached SM-DP+s, as `address seqNumber`. */
function delivered(rig: Rig): string[] {
  return rig.smdp.named('handleNotification').map(({ address, pendingNotification }) => {
    const one = PendingNotification.decode(pendingNotification);
    if (one.type === 'profileInstallationResult') {
      const { notificationMetadata } = one.value.profileInstallationResultData.value;
      return `${address} ${notificationMetadata.seqNumber}`;
    }
    assert.ok(one.type === 'otherSignedNotification');
    return `${address} ${one.value.tbsOtherNotification.value.seqNumber}`;
  });
}

async function states(rig: Rig): Promise<string[]> {
  const { profiles } = (await rig.eim.euiccs.get(eid)) ?? {};
  return (profiles?.list ?? []).map((one) => `${one.iccid} ${one.state}`);
}

/** A round of deliveries when the time of all has come. */
async function laterRound(rig: Rig): Promise<void> {
  await rig.clock.turn(day);
  await deliverNotifications(rig.eim);
}

/** A call that is answered when the test says so. */
function held() {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve: () => resolve() };
}

describe('an installation result', () => {
  it('of a failure ends the order with the command and the reason', async () => {
    const { rig, order } = await installing();
    const failure: FinalResult = {
      type: 'errorResult',
      value: { bppCommandId: 5, errorReason: 10 },
    };
    await rig.notify(rig.euicc.installation(transactionId, failure));
    const { success, outcome, reason } = await rig.end(order);
    assert.deepEqual(
      { success, outcome },
      { success: false, outcome: [{ profileInstallationResult: { finalResult: 'errorResult' } }] },
    );
    assert.match(reason, /installFailedDueToInsufficientMemoryForProfile at loadProfileElements/);
    assert.deepEqual(await states(rig), []);
    assert.equal(delivered(rig).length, 1);
  });

  it('goes to the SM-DP+ of the session, whatever address the profile names', async () => {
    const { rig } = await installing();
    await rig.notify(rig.euicc.installation(transactionId, undefined, { seqNumber: 7 }));
    assert.deepEqual(delivered(rig), ['smdp.example.com 7']);
  });

  it('that is forged leaves the order as it was, and reaches nobody', async () => {
    const { rig, order } = await installing();
    await rig.notify(rig.euicc.installation(transactionId, undefined, { key: newKey() }));
    assert.equal(await rig.at(order), 'work');
    assert.match(
      (await rig.history(order)).at(-1) ?? '',
      /^installation result not believed: its signature/,
    );
    assert.equal(rig.drops.of('esipa: installation result not believed'), 1);
    assert.deepEqual(delivered(rig), []);
    assert.deepEqual(await states(rig), []);
    await rig.notify(rig.euicc.installation(transactionId));
    assert.equal((await rig.end(order)).success, true);
  });

  it('that is forged is no failure of ours where its order was deleted', async () => {
    const { rig, order } = await installing();
    await rig.eim.orders.delete(order.id);
    await rig.notify(rig.euicc.installation(transactionId, undefined, { key: newKey() }));
    assert.deepEqual(delivered(rig), []);
  });

  it('is not believed before the key of the eUICC is known', async () => {
    const download = await Download.begin();
    const { rig, order } = download;
    await download.initiate();
    await rig.notify(rig.euicc.installation(transactionId));
    assert.equal(await rig.at(order), 'work');
    assert.match((await rig.history(order)).at(-1) ?? '', /key of this eUICC is not known/);
  });

  it('of a session that nobody knows goes to its SM-DP+ where a signature proves it, and ends no other', async () => {
    const { rig, order } = await installing();
    await rig.notify(rig.euicc.installation(hex('AABB'), undefined, { key: newKey() }));
    assert.deepEqual(delivered(rig), []);
    await rig.notify(rig.euicc.installation(hex('AABB'), undefined, { seqNumber: 50 }));
    assert.equal(await rig.at(order), 'work');
    assert.deepEqual(delivered(rig), ['notify.example.com 50']);
  });

  it('of a peer that may not speak for the EID changes nothing', async () => {
    const { rig, order } = await installing();
    const key = new Uint8Array(16).fill(1);
    await rig.eim.devices.add({ identity: 'dev1', key, eids: [eid] });
    await rig.notify(rig.euicc.installation(transactionId));
    assert.equal(await rig.at(order), 'work');
    await rig.notify(rig.euicc.installation(transactionId), {
      peerId: 'connection 3',
      identity: { kind: 'psk' as const, name: 'dev1' },
    });
    assert.equal((await rig.end(order)).success, true);
  });

  it('that comes again is neither delivered again nor undoes what came after it', async () => {
    const { rig } = await installing();
    const installation = rig.euicc.installation(transactionId);
    await rig.notify(installation);
    await rig.enable();
    const enabled = rig.euicc.result(
      await rig.fetchPackage(),
      [{ type: 'enableResult', value: 0 }],
      {
        seqNumber: 50,
      },
    );
    // The IPA bundles what the card still holds, the installation result among it.
    const answer = await rig.provide({
      type: 'ePRAndNotifications',
      value: { euiccPackageResult: enabled, notificationList: [installation] },
    });
    assert.deepEqual(answer, { type: 'eimAcknowledgements', value: [50, 42] });
    await settled();
    assert.deepEqual(await states(rig), [`${iccid} enabled`]);
    assert.equal(delivered(rig).length, 1);
  });

  it('comes home to an order that the operator cancelled, and the SM-DP+ hears of it', async () => {
    for (const end of ['cancel', 'delete'] as const) {
      const { rig, order } = await installing();
      await rig.eim.orders[end](order.id);
      await rig.notify(rig.euicc.installation(transactionId));
      assert.deepEqual(await states(rig), [`${iccid} disabled`]);
      assert.equal(delivered(rig).length, 1);
    }
  });

  it('is not answered before it is durable', async () => {
    const store = new CrashingStore();
    const { rig, order } = await installing({ store });
    store.left = 0;
    const installation = rig.euicc.installation(transactionId);
    await assert.rejects(rig.notify(installation), { name: 'StoreError' });
    assert.deepEqual(delivered(rig), []);
    store.left = Number.POSITIVE_INFINITY;
    await rig.restart();
    assert.equal(await rig.at(order), 'work');
    await rig.notify(installation);
    assert.equal((await rig.end(order)).success, true);
  });

  it('may come as the result of its trigger, and is acknowledged', async () => {
    const { rig, order, eimTransactionId } = await installing();
    const installation = rig.euicc.installation(transactionId, undefined, { seqNumber: 7 });
    const answer = await rig.provide({
      type: 'profileDownloadTriggerResult',
      value: { eimTransactionId, profileDownloadTriggerResultData: installation },
    });
    assert.deepEqual(answer, { type: 'eimAcknowledgements', value: [7] });
    assert.equal((await rig.end(order)).success, true);
  });

  it('of a download that the IPA did itself ends the order of its trigger', async () => {
    const { rig, order, eimTransactionId } = await Download.begin({ keyKnown: true });
    const said = (data: ReturnType<typeof rig.euicc.installation>, id = eimTransactionId) =>
      rig.provide({
        type: 'profileDownloadTriggerResult',
        value: { eimTransactionId: id, profileDownloadTriggerResultData: data },
      });
    const empty = { type: 'emptyResponse', value: {} };
    assert.deepEqual(await said(rig.euicc.installation(transactionId), hex('AABB')), empty);
    const forged = rig.euicc.installation(transactionId, undefined, { key: newKey() });
    assert.deepEqual(await said(forged), empty);
    assert.equal(await rig.at(order), 'work');
    assert.deepEqual(await said(rig.euicc.installation(transactionId)), empty);
    assert.equal((await rig.end(order)).success, true);
    assert.deepEqual(await states(rig), [`${iccid} disabled`]);
    assert.deepEqual(delivered(rig), [], 'the IPA takes it there itself');
  });

  it('is believed of a consumer eUICC without a signature', async () => {
    const { rig, order } = await installing({ defaults: { consumerEuicc: true } });
    await rig.notify(rig.euicc.installation(transactionId, undefined, { key: newKey() }));
    assert.equal((await rig.end(order)).success, true);
  });
});

describe('another notification', () => {
  it('is proven by the chain it carries, and goes to the address it names', async () => {
    const rig = await Rig.with({ keyKnown: false });
    const notification = rig.euicc.notification('notificationEnable', { seqNumber: 7 });
    await rig.notify(notification);
    assert.deepEqual(delivered(rig), ['notify.example.com 7']);
    const [call] = rig.smdp.named('handleNotification');
    assert.deepEqual(call?.pendingNotification, PendingNotification.encode(notification));
  });

  it('is acknowledged where it comes with a result', async () => {
    const rig = await Rig.with();
    await rig.enable();
    const euiccPackageResult = rig.euicc.result(
      await rig.fetchPackage(),
      [{ type: 'enableResult', value: 0 }],
      { seqNumber: 7 },
    );
    const notificationList = [
      rig.euicc.notification('notificationDisable', { seqNumber: 8 }),
      rig.euicc.notification('notificationEnable', { seqNumber: 9, key: newKey() }),
      rig.euicc.notification('notificationEnable', { seqNumber: 10 }),
    ];
    const answer = await rig.provide({
      type: 'ePRAndNotifications',
      value: { euiccPackageResult, notificationList },
    });
    assert.deepEqual(answer, { type: 'eimAcknowledgements', value: [7, 8, 10] });
    await settled();
    assert.deepEqual(delivered(rig), ['notify.example.com 8', 'notify.example.com 10']);
  });

  const others = otherCi();
  const wrong: Readonly<Record<string, Parameters<Rig['euicc']['notification']>[1]>> = {
    'signed by another key': { key: newKey() },
    'of a eUICC that nobody knows': { euicc: issueEuicc(pki, otherEid) },
    'of a chain under another CI': { euicc: others.euicc },
    'for an address longer than any': { address: 'a'.repeat(300) },
  };
  for (const [name, options] of Object.entries(wrong)) {
    it(`reaches nobody: ${name}`, async () => {
      const rig = await Rig.with();
      await rig.notify(rig.euicc.notification('notificationEnable', options));
      await deliverNotifications(rig.eim);
      assert.deepEqual(delivered(rig), []);
      assert.equal(rig.drops.of('esipa: notification not believed'), 1);
    });
  }

  it('reaches nobody from a peer that may not speak for the EID', async () => {
    const rig = await Rig.with();
    const key = new Uint8Array(16).fill(1);
    await rig.eim.devices.add({ identity: 'dev1', key, eids: [eid] });
    await rig.notify(rig.euicc.notification('notificationEnable'));
    assert.deepEqual(delivered(rig), []);
  });
});

describe('delivery of notifications', () => {
  it('goes on when the SM-DP+ comes back, also after a restart, in the order of their numbers', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = unreachable;
    for (const seqNumber of [9, 100, 10]) {
      await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber }));
    }
    await rig.restart();
    await laterRound(rig);
    const tried = delivered(rig);
    assert.ok(
      tried.every((one) => one === 'notify.example.com 9'),
      'a later one waits',
    );
    delete rig.smdp.always.handleNotification;
    await laterRound(rig);
    assert.deepEqual(delivered(rig).slice(tried.length), [
      'notify.example.com 9',
      'notify.example.com 10',
      'notify.example.com 100',
    ]);
    await deliverNotifications(rig.eim);
    assert.equal(delivered(rig).length, tried.length + 3, 'each once');
  });

  it('keeps once what comes twice', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = unreachable;
    const notification = rig.euicc.notification('notificationEnable', { seqNumber: 9 });
    await rig.notify(notification);
    await rig.notify(notification);
    delete rig.smdp.always.handleNotification;
    const tried = delivered(rig).length;
    await laterRound(rig);
    assert.equal(delivered(rig).length, tried + 1);
  });

  it('keeps another with a number that the eUICC has given before', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = unreachable;
    const events = ['notificationEnable', 'notificationDisable', 'notificationDelete'] as const;
    for (const event of [...events, ...events]) {
      await rig.notify(rig.euicc.notification(event, { seqNumber: 9 }));
    }
    const desk = new NotificationDesk(rig.eim);
    const kept = await desk.list({ limit: 10 });
    assert.deepEqual(
      kept.map(({ operation }) => operation),
      events,
    );
    for (const { id, operation } of kept) {
      assert.equal((await desk.get(id))?.operation, operation);
    }
    const [first, second] = kept;
    assert.ok(await desk.drop(second?.id ?? ''));
    assert.equal((await desk.list({ after: first?.id ?? '', limit: 10 })).length, 1);
    delete rig.smdp.always.handleNotification;
    const tried = delivered(rig).length;
    await laterRound(rig);
    assert.equal(delivered(rig).length, tried + 2);
  });

  it('takes it to its SM-DP+ although somebody has set the clock back since', async () => {
    const rig = await Rig.with();
    rig.clock.set(365 * day);
    rig.smdp.next('handleNotification', unreachable);
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 9 }));
    rig.smdp.next('handleNotification', new Es9TransportError('status', 'broken', { status: 500 }));
    const address = 'other.example.com';
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 10, address }));
    rig.clock.set(-365 * day);
    const tried = delivered(rig).length;
    await laterRound(rig);
    assert.equal(delivered(rig).length, tried + 2);
  });

  it('does not let one SM-DP+ hold up another', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = unreachable;
    const to = (address: string, seqNumber: number) =>
      rig.notify(rig.euicc.notification('notificationEnable', { seqNumber, address }));
    await to('down.example.com', 1);
    await to('up.example.com', 2);
    delete rig.smdp.always.handleNotification;
    rig.smdp.next('handleNotification', unreachable);
    const tried = delivered(rig).length;
    await laterRound(rig);
    assert.deepEqual(delivered(rig).slice(tried), ['down.example.com 1', 'up.example.com 2']);
  });

  it('does not let one SM-DP+ that never answers hold up another', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = unreachable;
    const to = (address: string, seqNumber: number) =>
      rig.notify(rig.euicc.notification('notificationEnable', { seqNumber, address }));
    await to('slow.example.com', 1);
    await to('up.example.com', 2);
    delete rig.smdp.always.handleNotification;
    const { promise, resolve } = held();
    rig.smdp.next('handleNotification', promise);
    const tried = delivered(rig).length;
    await rig.clock.turn(day);
    const round = deliverNotifications(rig.eim);
    await settled();
    assert.deepEqual(delivered(rig).slice(tried), ['slow.example.com 1', 'up.example.com 2']);
    resolve();
    await round;
  });

  it('does not ask once more for each time that a notification is repeated', async () => {
    const rig = await Rig.with();
    const { promise, resolve } = held();
    rig.smdp.next('handleNotification', promise);
    rig.smdp.always.handleNotification = unreachable;
    const notification = rig.euicc.notification('notificationEnable');
    for (let i = 0; i < 20; i++) await rig.notify(notification);
    resolve();
    await settled();
    assert.equal(delivered(rig).length, 1);
  });

  it('counts the 90 days of a notification from when it first came', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = unreachable;
    const notification = rig.euicc.notification('notificationEnable');
    await rig.notify(notification);
    await rig.clock.turn(60 * day);
    await rig.notify(notification);
    await rig.clock.turn(31 * day);
    await deliverNotifications(rig.eim);
    const tried = delivered(rig).length;
    await deliverNotifications(rig.eim);
    assert.equal(delivered(rig).length, tried);
  });

  it('asks an SM-DP+ that is down once a round, not once for each eUICC', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = unreachable;
    await rig.eim.euiccs.ensure(otherEid);
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 1 }));
    const euicc = issueEuicc(pki, otherEid);
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 1, euicc }));
    const tried = delivered(rig).length;
    await laterRound(rig);
    assert.equal(delivered(rig).length, tried + 1);
  });

  it('leaves an SM-DP+ alone that is down: twice as long after each try, up to a limit', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = unreachable;
    await rig.notify(rig.euicc.notification('notificationEnable'));
    const waits: number[] = [];
    let last = 0;
    for (let minute = 1; minute <= 24 * 60; minute++) {
      const before = delivered(rig).length;
      await rig.clock.turn(60_000);
      await deliverNotifications(rig.eim);
      if (delivered(rig).length === before) continue;
      assert.equal(delivered(rig).length, before + 1);
      waits.push(minute - last);
      last = minute;
    }
    // The limit of the rig: six hours.
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]);
  });

  it('goes on leaving it alone after a restart, and for what comes new', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = unreachable;
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 1 }));
    await rig.restart();
    await deliverNotifications(rig.eim);
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 2 }));
    assert.deepEqual(delivered(rig), ['notify.example.com 1']);
  });

  it('begins with short waits again once the SM-DP+ was there', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = unreachable;
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 1 }));
    for (let i = 0; i < 8; i++) await laterRound(rig);
    delete rig.smdp.always.handleNotification;
    await laterRound(rig);
    rig.smdp.next('handleNotification', unreachable);
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 2 }));
    const tried = delivered(rig).length;
    await rig.clock.turn(60_000);
    await deliverNotifications(rig.eim);
    assert.equal(delivered(rig).length, tried + 1);
  });

  it('comes back when the SM-DP+ asks for it, not sooner', async () => {
    const rig = await Rig.with();
    const retryAfter = 3 * 3600 * 1000;
    const busy = new Es9TransportError('status', 'HTTP status 503', { status: 503, retryAfter });
    rig.smdp.next('handleNotification', busy);
    await rig.notify(rig.euicc.notification('notificationEnable'));
    await rig.clock.turn(retryAfter - 1);
    await deliverNotifications(rig.eim);
    assert.equal(delivered(rig).length, 1);
    await rig.clock.turn(1);
    await deliverNotifications(rig.eim);
    assert.equal(delivered(rig).length, 2);
  });

  it('does not let one that its SM-DP+ stumbles over hold up other eUICCs', async () => {
    const rig = await Rig.with();
    await rig.eim.euiccs.ensure(otherEid);
    const euicc = issueEuicc(pki, otherEid);
    for (const error of [
      new Es9TransportError('status', 'HTTP status 500', { status: 500 }),
      new Es9TransportError('malformed', 'the answer is no JSON'),
    ]) {
      rig.smdp.next('handleNotification', error);
      await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 7 }));
      await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 8 }));
      await rig.notify(rig.euicc.notification('notificationEnable', { euicc, seqNumber: 9 }));
      const tried = delivered(rig).splice(0);
      assert.deepEqual(tried.slice(-2), ['notify.example.com 7', 'notify.example.com 9']);
      await laterRound(rig);
      assert.deepEqual(delivered(rig).slice(tried.length), [
        'notify.example.com 7',
        'notify.example.com 8',
      ]);
    }
  });

  it('does not let one that brings its SM-DP+ down keep the turn for itself', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = unreachable;
    await rig.eim.euiccs.ensure(otherEid);
    const euicc = issueEuicc(pki, otherEid);
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 1 }));
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 2, euicc }));
    await laterRound(rig);
    await laterRound(rig);
    assert.deepEqual(
      delivered(rig).map((one) => one.at(-1)),
      ['1', '2', '1'],
    );
  });

  it('gives up what the SM-DP+ refuses, so that later ones are not held up', async () => {
    const rig = await Rig.with();
    rig.smdp.next('handleNotification', refusal('8.10.1/3.9'));
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 1 }));
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 2 }));
    assert.deepEqual(delivered(rig), ['notify.example.com 1', 'notify.example.com 2']);
    await deliverNotifications(rig.eim);
    assert.equal(delivered(rig).length, 2);
  });

  it('gives up what no SM-DP+ took for 90 days', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = unreachable;
    await rig.notify(rig.euicc.notification('notificationEnable'));
    await rig.clock.turn(90 * day);
    await deliverNotifications(rig.eim);
    await rig.clock.turn(day);
    const tried = delivered(rig).length;
    // Once more at the end of its time, then never.
    await deliverNotifications(rig.eim);
    assert.equal(delivered(rig).length, tried + 1);
    await laterRound(rig);
    assert.equal(delivered(rig).length, tried + 1);
  });

  it('gets through more than are read at a time, and takes no more than 256 of one eUICC', async () => {
    const rig = await Rig.with();
    rig.smdp.always.handleNotification = unreachable;
    await rig.eim.euiccs.ensure(otherEid);
    const others = issueEuicc(pki, otherEid);
    const notify = (seqNumber: number, euicc = others) =>
      rig.say({
        type: 'handleNotificationEsipa',
        value: {
          type: 'pendingNotification',
          value: rig.euicc.notification('notificationEnable', { seqNumber, euicc }),
        },
      });
    for (let i = 1; i <= 256; i++) await notify(i);
    await assert.rejects(notify(257), { name: 'NotKeptError' });
    await notify(1, pki.euicc);
    await settled();
    delete rig.smdp.always.handleNotification;
    const tried = delivered(rig).length;
    await laterRound(rig);
    assert.equal(delivered(rig).length - tried, 257);
  });

  it('makes room for a new one by what was refused', async () => {
    const rig = await Rig.with();
    const notify = (seqNumber: number) =>
      rig.notify(rig.euicc.notification('notificationEnable', { seqNumber }));
    rig.smdp.next('handleNotification', refusal('8.10.1/3.9'));
    await notify(1);
    rig.smdp.always.handleNotification = unreachable;
    for (let i = 2; i <= 257; i++) await notify(i);
    await assert.rejects(notify(258), { name: 'NotKeptError' });
    const kept = await rig.store.list(notifications);
    assert.deepEqual([kept.length, kept[0]?.[1].seqNumber], [256, 2]);
  });
});

describe('compact notifications of an eUICC that is not known', () => {
  const compact: PendingNotification = {
    type: 'compactOtherSignedNotification',
    value: {
      tbsOtherNotification: {
        value: {
          seqNumber: 12,
          profileManagementOperation: ['notificationEnable'],
          notificationAddress: 'smdp.example.com',
        },
        raw: hex('BF2F 19 80010C 81020640 0C10 736D64702E6578616D706C652E636F6D'),
      },
      euiccNotificationSignature: new Uint8Array(64).fill(0x55),
    },
  };

  it('are refused, so that the device keeps them', async () => {
    const rig = await Rig.with();
    await assert.rejects(rig.notify(compact, caller), { name: 'NotKeptError' });
  });

  it('are not acknowledged where they come with a result', async () => {
    const rig = await Rig.with();
    await rig.enable();
    const euiccPackageResult = rig.euicc.result(
      await rig.fetchPackage(),
      [{ type: 'enableResult', value: 0 }],
      { seqNumber: 7 },
    );
    const answer = await rig.provide({
      type: 'ePRAndNotifications',
      value: { euiccPackageResult, notificationList: [compact] },
    });
    assert.deepEqual(answer, { type: 'eimAcknowledgements', value: [7] });
  });
});

describe('sessions that are kept', () => {
  it('are forgotten 90 days after they began, however many there are', async () => {
    const download = await Download.begin();
    const { rig, order } = download;
    const started = rig.clock.now();
    const sessions = Array.from({ length: 300 }, (_, i) => ({
      transactionId: hex(String(1000 + i)),
      orderId: order.id,
      eid,
      smdpAddress: 'smdp.example.com',
      started,
    }));
    await rig.eim.store.commit(sessions.flatMap(keepTransaction));
    await rig.clock.turn(day);
    await download.initiate();
    await rig.clock.turn(89 * day + 1);
    await sweepTransactions(rig.eim);
    assert.equal(await transactionOf(rig.eim, hex('1000')), undefined);
    assert.equal(await transactionOf(rig.eim, hex('1299')), undefined);
    assert.ok(await transactionOf(rig.eim, transactionId));
  });

  it('stay where an SM-DP+ gave the transactionId of an old session again', async () => {
    const download = await Download.begin();
    const { rig } = download;
    await download.initiate();
    await rig.clock.turn(60 * day);
    await download.initiate();
    await rig.clock.turn(31 * day);
    await sweepTransactions(rig.eim);
    assert.ok(await transactionOf(rig.eim, transactionId));
  });

  it('forget their answers after two days', async () => {
    const download = await (await Download.begin()).toAuthenticated();
    const { rig } = download;
    const said = rig.euicc.prepareDownload(transactionId);
    await download.getBoundProfilePackage(said);
    await rig.clock.turn(2 * day + 1);
    await sweepTransactions(rig.eim);
    await download.getBoundProfilePackage(said);
    assert.equal(rig.smdp.named('getBoundProfilePackage').length, 2);
  });

  it('forget their answers with the installation result', async () => {
    const download = await installing();
    const { rig } = download;
    await rig.notify(rig.euicc.installation(transactionId));
    const answers = await rig.store.list({ name: 'transaction-answer' });
    assert.deepEqual(answers, []);
  });
});
