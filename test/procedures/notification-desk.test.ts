/** What the operator sees of kept notifications, and how they are moved. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Es9TransportError } from '../../src/es9/errors.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { PendingNotification } from '../../src/messages/notifications.ts';
import { deliverNotifications } from '../../src/procedures/notification-delivery.ts';
import { NotificationDesk } from '../../src/procedures/notification-desk.ts';
import { issueEuicc } from '../../tools/lab/pki/lab-pki.ts';
import { eid, iccid, pki } from './euicc.ts';
import { Rig } from './rig.ts';
import { refusal } from './smdp.ts';

const otherEid = parseEid('89049032000000000000000000000163');
const address = 'notify.example.com';
const unreachable = new Es9TransportError('unreachable', 'no connection');
const stumble = new Es9TransportError('status', 'HTTP status 500', { status: 500 });
const id = (seqNumber: number, of = eid, at = address) => `${of}-${seqNumber}-${at}`;

async function begin() {
  const rig = await Rig.with();
  const desk = new NotificationDesk(rig.eim);
  const notify = (seqNumber: number, to = address) =>
    rig.notify(rig.euicc.notification('notificationEnable', { seqNumber, address: to }));
  const told = () => rig.smdp.named('handleNotification').length;
  const ids = async (filter = {}) =>
    (await desk.list({ limit: 100, ...filter })).map((one) => one.id);
  return { rig, desk, notify, told, ids };
}

describe('what the operator sees of a notification', () => {
  it('is whose it is, what it says, where it goes, and how far it got', async () => {
    const { rig, desk } = await begin();
    rig.smdp.next('handleNotification', unreachable);
    const notification = rig.euicc.notification('notificationDisable', { seqNumber: 7 });
    const received = rig.clock.now();
    await rig.notify(notification);
    assert.deepEqual(await desk.get(id(7)), {
      id: id(7),
      eid,
      seqNumber: 7,
      operation: 'notificationDisable',
      iccid,
      address,
      announcedAddress: address,
      state: 'waiting',
      received,
      tries: 1,
      lastTry: received,
      nextTry: received + 60_000,
      reason: 'no connection',
      pendingNotification: PendingNotification.encode(notification),
    });
  });

  it('is that it was refused, with the words of the SM-DP+', async () => {
    const { rig, desk, notify, ids } = await begin();
    rig.smdp.next('handleNotification', refusal('8.10.1/3.9', 'who is that'));
    await notify(7);
    const { state, reason, nextTry } = (await desk.get(id(7))) ?? {};
    assert.deepEqual(
      [state, reason, nextTry],
      ['refused', 'the SM-DP+ refuses it: 8.10.1/3.9 who is that', undefined],
    );
    assert.deepEqual(await ids({ state: 'refused' }), [id(7)]);
    assert.deepEqual(await ids({ state: 'waiting' }), []);
  });

  it('is nothing once it was delivered', async () => {
    const { desk, notify, ids } = await begin();
    await notify(7);
    assert.deepEqual(await ids(), []);
    assert.equal(await desk.get(id(7)), undefined);
  });

  it('comes in pages, by eUICC if asked', async () => {
    const { rig, notify, ids } = await begin();
    rig.smdp.always.handleNotification = unreachable;
    await rig.eim.euiccs.ensure(otherEid);
    const euicc = issueEuicc(pki, otherEid);
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 3, euicc }));
    for (const seqNumber of [10, 9]) await notify(seqNumber);
    const all = [id(3, otherEid), id(9), id(10)].sort();
    assert.deepEqual((await ids()).sort(), all);
    assert.deepEqual(await ids({ eid }), [id(9), id(10)]);
    const [first] = await ids({ limit: 1 });
    assert.equal((await ids({ after: first })).length, 2);
    assert.deepEqual(await ids({ eid, after: id(9) }), [id(10)]);
  });

  it('has the address that the eUICC named, whatever stands in it', async () => {
    const { rig, desk, notify } = await begin();
    rig.smdp.always.handleNotification = unreachable;
    const odd = 'a b/ü-1-x:99';
    await notify(7, odd);
    assert.equal((await desk.get(id(7, eid, odd)))?.address, odd);
  });

  it('is nothing for an id that is none', async () => {
    const { desk } = await begin();
    for (const wrong of ['', eid, `${eid}-x-y`, `${eid}-7`, `${eid}-7-`, '../../x']) {
      assert.equal(await desk.get(wrong), undefined, wrong);
      assert.equal(await desk.drop(wrong), false);
    }
  });
});

describe('retry', () => {
  it('takes it to an SM-DP+ that is left alone, at once', async () => {
    const { rig, desk, notify, told, ids } = await begin();
    rig.smdp.next('handleNotification', unreachable);
    await notify(7);
    assert.equal(await desk.retry(id(7)), undefined);
    assert.equal(told(), 2);
    assert.deepEqual(await ids(), []);
  });

  it('tells what is left where it fails again', async () => {
    const { rig, desk, notify } = await begin();
    rig.smdp.always.handleNotification = unreachable;
    await notify(7);
    const left = await desk.retry(id(7));
    assert.deepEqual([left?.state, left?.tries], ['waiting', 2]);
  });

  it('takes those of the eUICC before it there first, and no refused one', async () => {
    const { rig, desk, notify, ids } = await begin();
    rig.smdp.next('handleNotification', refusal('8.10.1/3.9'), stumble);
    for (const seqNumber of [1, 2, 3, 4]) await notify(seqNumber);
    rig.smdp.calls.splice(0);
    assert.equal(await desk.retry(id(3)), undefined);
    const seqNumbers = rig.smdp.named('handleNotification').map(({ pendingNotification }) => {
      const one = PendingNotification.decode(pendingNotification);
      assert.ok(one.type === 'otherSignedNotification');
      return one.value.tbsOtherNotification.value.seqNumber;
    });
    assert.deepEqual(seqNumbers.slice(0, 2), [2, 3]);
    assert.ok((await ids()).includes(id(1)));
  });

  it('takes a refused one there again, and rounds do not', async () => {
    const { rig, desk, notify, told } = await begin();
    rig.smdp.next('handleNotification', refusal('8.10.1/3.9'));
    await notify(7);
    await rig.clock.turn(24 * 3600 * 1000);
    await deliverNotifications(rig.eim);
    assert.equal(told(), 1);
    assert.equal(await desk.retry(id(7)), undefined);
    assert.equal(told(), 2);
  });
});

describe('drop', () => {
  it('forgets it, lets the next go on, and says so in the log', async () => {
    const { rig, desk, notify, told, ids } = await begin();
    rig.smdp.next('handleNotification', stumble);
    await notify(7);
    await notify(8);
    assert.equal(told(), 1);
    assert.equal(await desk.drop(id(7)), true);
    assert.equal(await desk.drop(id(7)), false);
    await deliverNotifications(rig.eim);
    assert.equal(told(), 2);
    assert.deepEqual(await ids(), []);
    assert.ok(
      rig.lines.some(({ event }) => event === 'esipa: notification dropped by the operator'),
    );
  });

  it('of one that is under way is not undone by the failure of its delivery', async () => {
    const { rig, desk, ids } = await begin();
    let fail = () => {};
    const late = new Promise<never>((_, reject) => {
      fail = () => reject(unreachable);
    });
    late.catch(() => {});
    rig.smdp.next('handleNotification', late);
    await rig.notify(rig.euicc.notification('notificationEnable', { seqNumber: 7 }));
    assert.equal(await desk.drop(id(7)), true);
    fail();
    await deliverNotifications(rig.eim);
    assert.deepEqual(await ids(), []);
  });
});
