/** Which pushes are due: read off an order, and found by EID. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Eid } from '../../src/messages/ids.ts';
import { isPushDue } from '../../src/orders/push-due.ts';
import { table } from '../../src/store/store.ts';
import { bench, dispatch, eid, eidOfNumber, enable, success, wholeEnable } from './support.ts';

const pushed = { ...enable, push: true };

async function due({ orders }: ReturnType<typeof bench>): Promise<readonly Eid[]> {
  const found: Eid[] = [];
  for await (const eid of orders.eidsWithPushDue()) found.push(eid);
  return found;
}

describe('a push', () => {
  it('is due from the order on, until its package leaves', async () => {
    const at = bench();
    const { id } = await at.orders.submit(pushed);
    assert.deepEqual(await due(at), [eid]);
    await at.orders.fetched(id, dispatch());
    assert.deepEqual(await due(at), []);
  });

  it('is due for nobody who did not ask for it', async () => {
    const at = bench();
    await at.orders.submit(enable);
    assert.deepEqual(await due(at), []);
  });

  for (const end of ['not pushed', 'push failed', 'push taken']) {
    it(`is due no more once it was tried: ${end}`, async () => {
      const at = bench();
      const { id } = await at.orders.submit(pushed);
      for (const line of ['push waits', 'pushed']) await at.orders.note(id, line);
      assert.deepEqual(await due(at), [eid]);
      const tried = await at.orders.note(id, end);
      assert.equal(isPushDue(tried), false);
      assert.deepEqual(await due(at), []);
    });
  }

  it('is due anew with each stage', async () => {
    const at = bench();
    const { id } = await at.orders.submit({ ...wholeEnable, push: true });
    await at.orders.note(id, 'not pushed');
    await at.orders.fetched(`${id}.1`, dispatch());
    assert.deepEqual(await due(at), []);
    await at.orders.finish(`${id}.1`, success);
    assert.deepEqual(await due(at), [eid]);
    await at.orders.note(`${id}.2`, 'not pushed');
    assert.deepEqual(await due(at), []);
  });

  for (const end of ['cancelled', 'deleted', 'overdue'] as const) {
    it(`of an order that is ${end} leaves no row behind`, async () => {
      const at = bench({ noShow: 1000 });
      const { id } = await at.orders.submit(pushed);
      if (end === 'cancelled') await at.orders.cancel(id);
      if (end === 'deleted') await at.orders.delete(id);
      if (end === 'overdue') {
        await at.clock.turn(1001);
        await at.orders.sweep();
      }
      assert.deepEqual(await at.store.list(table('order-push')), []);
    });
  }

  it('is found once for each eUICC, over more than a page of orders', async () => {
    const at = bench({ mostOpen: 1000 });
    const many = eidOfNumber(1);
    for (let i = 0; i < 300; i++) await at.orders.submit({ ...pushed, eid: many });
    const others = Array.from({ length: 300 }, (_, i) => eidOfNumber(2 + i));
    for (const other of others) await at.orders.submit({ ...pushed, eid: other });
    assert.deepEqual(await due(at), [many, ...others]);
  });
});
