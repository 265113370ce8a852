/** The numbered events of orders: none is lost between two reads, over a restart too, for as long as they are kept. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { Orders } from '../../src/orders/orders.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { eid, otherEid } from '../rest/running.ts';
import { testBox } from '../support/box.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';

const request = { psmo: [{ listProfileInfo: {} }] } as const;

function opened(store = new MemoryStore(), clock = new HandClock()) {
  const options = { store, clock, log: silentLog(), random: seededRandom(3), box: testBox() };
  return {
    store,
    clock,
    orders: new Orders(options),
    again: () => new Orders({ ...options, random: seededRandom(4) }),
  };
}

describe('events of orders', () => {
  it('tell each change, in order, with what the history says', async () => {
    const { orders } = opened();
    const { id } = await orders.submit({ eid, facility: 'psmo', request });
    await orders.note(id, 'seen', 'by the test');
    await orders.cancel(id);
    await orders.delete(id);
    const found = await orders.events.list({ after: 0, limit: 10 });
    assert.deepEqual(
      found.map(({ number, order, event, state, detail, success }) => [
        number,
        order === id,
        event,
        state,
        detail,
        success,
      ]),
      [
        [1, true, 'submitted', 'new', undefined, undefined],
        [2, true, 'seen', 'new', 'by the test', undefined],
        [3, true, 'cancelled', 'done', 'cancelled by the operator', false],
        [4, true, 'deleted', 'done', undefined, false],
      ],
    );
  });

  it('go on after the last number when the eIM was away', async () => {
    const first = opened();
    await first.orders.submit({ eid, facility: 'psmo', request });
    const cursor = await first.orders.events.newest();
    const orders = first.again();
    assert.equal(await orders.events.newest(), cursor);
    const { id } = await orders.submit({ eid: otherEid, facility: 'psmo', request });
    const missed = await orders.events.list({ after: cursor, limit: 10 });
    assert.deepEqual(
      missed.map(({ number, order }) => [number, order]),
      [[cursor + 1, id]],
    );
  });

  it('of one order are its own alone', async () => {
    const { orders } = opened();
    const one = await orders.submit({ eid, facility: 'psmo', request });
    const other = await orders.submit({ eid: otherEid, facility: 'psmo', request });
    await orders.cancel(one.id);
    const list = (order: string, after = 0) => orders.events.list({ after, limit: 10, order });
    assert.deepEqual(
      (await list(one.id)).map(({ number }) => number),
      [1, 3],
    );
    assert.deepEqual(
      (await list(one.id, 1)).map(({ number }) => number),
      [3],
    );
    assert.deepEqual(
      (await list(other.id)).map(({ number }) => number),
      [2],
    );
    assert.deepEqual(await list('no-such-order'), []);
  });

  it('are deleted when they are old, but for the newest, which holds the count', async () => {
    const { orders, clock, again } = opened();
    for (const of of [eid, otherEid]) await orders.submit({ eid: of, facility: 'psmo', request });
    await clock.turn(orders.settings.eventsKept - 1);
    await orders.sweep();
    assert.equal((await orders.events.list({ after: 0, limit: 10 })).length, 2);
    await clock.turn(2);
    await orders.sweep();
    assert.equal(await orders.events.oldest(), 2);
    assert.equal(await again().events.newest(), 2);
  });

  it('of changes that were refused are none', async () => {
    const { orders } = opened();
    const { id } = await orders.submit({ eid, facility: 'psmo', request });
    await orders.cancel(id);
    await assert.rejects(orders.cancel(id), { name: 'TransitionError' });
    assert.equal(await orders.events.newest(), 2);
  });
});
