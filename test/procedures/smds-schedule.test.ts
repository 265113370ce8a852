/** The eIM looks for events by itself, when a device polls and nothing else is due. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseEid } from '../../src/messages/ids.ts';
import { eid } from './euicc.ts';
import { Rig } from './rig.ts';

const hour = 3_600_000;
const nothing = { type: 'eimPackageError', value: 1 };
const address = 'smds.example.com';

async function lookups(rig: Rig): Promise<number> {
  return (await rig.eim.orders.list({ eid, facility: 'download' })).length;
}

describe('a lookup on schedule', () => {
  it('is ordered with a poll that finds nothing, once in its time, over restarts too', async () => {
    const rig = await Rig.with({ smdsSchedule: { every: 6 * hour, address, eids: [] } });
    const trigger = await rig.poll();
    assert.ok(trigger.type === 'profileDownloadTriggerRequest');
    assert.deepEqual(trigger.value.profileDownloadData, {
      type: 'contactSmds',
      value: { smdsAddress: address },
    });
    const [order] = await rig.eim.orders.list({ eid });
    assert.ok(order);
    assert.match(order.byEim ?? '', /every 6 hours/);
    await rig.eim.orders.finish(order.id, { success: true, outcome: [], reason: 'no event' });
    assert.deepEqual(await rig.poll(), nothing);
    await rig.restart();
    await rig.clock.turn(6 * hour - 1);
    assert.deepEqual(await rig.poll(), nothing);
    await rig.clock.turn(1);
    assert.equal((await rig.poll()).type, 'profileDownloadTriggerRequest');
    assert.equal(await lookups(rig), 2);
  });

  it('that found nothing goes with the next: they do not pile up in the store', async () => {
    const rig = await Rig.with({ smdsSchedule: { every: hour, address, eids: [] } });
    const ids: string[] = [];
    const end = async (smdsResult: string) => {
      assert.equal((await rig.poll()).type, 'profileDownloadTriggerRequest');
      const order = await rig.eim.orders.next(eid);
      assert.ok(order);
      ids.push(order.id);
      const success = smdsResult === 'noEvent';
      await rig.eim.orders.finish(order.id, { success, outcome: [{ smdsResult }], reason: '' });
      await rig.clock.turn(hour);
    };
    for (const result of ['noEvent', 'noEvent', 'tooManyServers', 'noEvent', 'noEvent']) {
      await end(result);
      await rig.restart();
    }
    const left = await rig.eim.orders.list({ eid });
    assert.deepEqual(
      left.map(({ id }) => id),
      [ids[2], ids[4]],
    );
  });

  it('is not put off by a lookup in a time to come, before somebody set the clock back', async () => {
    const rig = await Rig.with({ smdsSchedule: { every: hour, address, eids: [] } });
    rig.clock.set(365 * 24 * hour);
    await rig.poll();
    const order = await rig.eim.orders.next(eid);
    assert.ok(order);
    await rig.eim.orders.finish(order.id, { success: true, outcome: [], reason: 'no event' });
    rig.clock.set(-365 * 24 * hour);
    assert.equal((await rig.poll()).type, 'profileDownloadTriggerRequest');
  });

  it('waits behind what operators ordered', async () => {
    const rig = await Rig.with({ smdsSchedule: { every: hour, eids: [] } });
    await rig.enable();
    assert.equal((await rig.poll()).type, 'euiccPackageRequest');
    assert.equal(await lookups(rig), 0);
  });

  it('is for the eUICCs named alone', async () => {
    const other = parseEid('89044045118427484800000000011628');
    const rig = await Rig.with({ smdsSchedule: { every: hour, eids: [other] } });
    assert.deepEqual(await rig.poll(), nothing);
    assert.deepEqual(await rig.poll(), nothing);
    assert.equal(await lookups(rig), 0);
  });

  it('is never ordered where nobody has set how often', async () => {
    const rig = await Rig.with();
    assert.deepEqual(await rig.poll(), nothing);
    assert.equal(await lookups(rig), 0);
  });
});
