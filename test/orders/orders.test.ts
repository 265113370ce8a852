import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Drops, type LogLine, makeLog } from '../../src/base/log.ts';
import type { OrderFilter } from '../../src/orders/finding.ts';
import type { Order } from '../../src/orders/order.ts';
import { Orders } from '../../src/orders/orders.ts';
import { LevelStore } from '../../src/store/level.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { put, StoreError, table } from '../../src/store/store.ts';
import { testBox } from '../support/box.ts';
import { newFolder } from '../support/folders.ts';
import { HandClock, settled } from '../support/hand-clock.ts';
import {
  bench,
  dispatch,
  download,
  eid,
  eidOfNumber,
  enable,
  otherEid,
  states,
  success,
} from './support.ts';

const box = testBox();
const beside = table<number>('beside');

function transactionId(number: number): { eimTransactionId: Uint8Array } {
  return { eimTransactionId: Uint8Array.of(0x01, number) };
}

describe('an order', () => {
  it('is kept as submitted', async () => {
    const { orders, clock } = bench();
    const order = await orders.submit(download);
    assert.match(order.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual(order, {
      ...download,
      id: order.id,
      state: { at: 'new' },
      submitted: clock.now(),
      changed: clock.now(),
      history: [{ at: clock.now(), event: 'submitted' }],
    });
    assert.deepEqual(await orders.get(order.id), order);
    assert.equal(await orders.get('00000000-0000-4000-8000-000000000000'), undefined);
  });

  it('goes from new over work to done', async () => {
    const { orders, clock } = bench();
    const { id } = await orders.submit(enable);
    await clock.turn(1000);
    const sent = dispatch({ counterValue: 2, first: clock.now(), last: clock.now() });
    assert.deepEqual((await orders.fetched(id, sent)).state, { at: 'work', dispatch: sent });
    await clock.turn(1000);
    await orders.deliveredAgain(id);
    await orders.note(id, 'result not believed', 'a wrong signature');
    await clock.turn(1000);
    const done = await orders.finish(id, success);
    assert.deepEqual(done.state, {
      at: 'done',
      ...success,
      dispatch: { ...sent, last: sent.last + 1000, deliveries: 2 },
    });
    assert.equal(done.changed, clock.now());
    assert.deepEqual(
      done.history.map(({ event }) => event),
      ['submitted', 'fetched', 'delivered again', 'result not believed', 'finished'],
    );
    assert.deepEqual(await orders.get(id), done);
  });

  it('that is done never changes again', async () => {
    const { orders } = bench();
    const { id } = await orders.submit(download);
    const done = await orders.finish(id, success);
    await assert.rejects(orders.fetched(id, dispatch()), { name: 'TransitionError' });
    await assert.rejects(orders.deliveredAgain(id), { name: 'TransitionError' });
    await assert.rejects(orders.finish(id, success), { name: 'TransitionError' });
    await assert.rejects(orders.cancel(id), { name: 'TransitionError' });
    assert.deepEqual(await orders.note(id, 'a late result'), done);
    assert.deepEqual(await orders.get(id), done);
  });

  it('that nobody knows is refused by name', async () => {
    const { orders } = bench();
    const due = { name: 'OrderError', code: 'unknown', message: 'there is no order x' };
    await assert.rejects(orders.fetched('x', dispatch()), due);
    await assert.rejects(orders.deliveredAgain('x'), due);
    await assert.rejects(orders.note('x', 'note'), due);
    await assert.rejects(orders.finish('x', success), due);
    await assert.rejects(orders.cancel('x'), due);
    assert.equal(await orders.delete('x'), false);
  });
});

describe('the queue of an EID', () => {
  it('is first come, first served, one at a time', async () => {
    const { orders } = bench();
    const submitted: Order[] = [];
    for (let i = 0; i < 12; i++) submitted.push(await orders.submit(i % 2 ? download : enable));
    for (const [i, { id }] of submitted.entries()) {
      assert.equal((await orders.next(eid))?.id, id);
      await orders.fetched(id, dispatch(transactionId(i)));
      assert.equal((await orders.next(eid))?.id, id);
      await orders.finish(id, success);
    }
    assert.equal(await orders.next(eid), undefined);
  });

  it('keeps the order of submits that were not waited for', async () => {
    const { orders } = bench();
    const submitted = await Promise.all(Array.from({ length: 20 }, () => orders.submit(download)));
    const listed = await orders.list({ eid });
    assert.deepEqual(
      listed.map(({ id }) => id),
      submitted.map(({ id }) => id),
    );
  });

  it('is not that of another EID', async () => {
    const { orders } = bench();
    const mine = await orders.submit(download);
    const theirs = await orders.submit({ ...download, eid: otherEid });
    assert.equal((await orders.next(eid))?.id, mine.id);
    assert.equal((await orders.next(otherEid))?.id, theirs.id);
    assert.equal(await orders.next(eidOfNumber(99)), undefined);
  });

  it('never holds an order of facility euicc', async () => {
    const { orders } = bench();
    const { id } = await orders.submit({ eid, facility: 'euicc', request: { euicc: { get: [] } } });
    assert.equal(await orders.next(eid), undefined);
    await assert.rejects(orders.fetched(id, dispatch()), Error);
    assert.equal((await orders.finish(id, success)).state.at, 'done');
  });

  it('goes on after a cancelled or deleted order', async () => {
    const { orders } = bench();
    const [first, second, third] = [
      await orders.submit(download),
      await orders.submit(download),
      await orders.submit(download),
    ];
    await orders.fetched(first.id, dispatch());
    await orders.cancel(first.id);
    assert.equal((await orders.next(eid))?.id, second.id);
    await orders.delete(second.id);
    assert.equal((await orders.next(eid))?.id, third.id);
  });

  it('refuses the fetch of an order that is not first: our bug', async () => {
    const { orders } = bench();
    await orders.submit(download);
    const second = await orders.submit(download);
    await assert.rejects(
      orders.fetched(second.id, dispatch()),
      /another order of its EID is first/,
    );
    assert.equal((await orders.get(second.id))?.state.at, 'new');
  });

  it('has an end', async () => {
    const { orders } = bench({ mostOpen: 3 });
    const first = await orders.submit(download);
    await orders.submit(download);
    await orders.submit(download);
    await assert.rejects(orders.submit(download), { name: 'OrderError', code: 'full' });
    await orders.submit({ ...download, eid: otherEid });
    await orders.cancel(first.id);
    await orders.submit(download);
  });
});

describe('a commit with an order', () => {
  it('takes the changes of the caller along', async () => {
    const { orders, store } = bench();
    const { id } = await orders.submit(enable);
    await orders.fetched(id, dispatch(), [put(beside, 'counter', 2)]);
    assert.equal(await store.get(beside, 'counter'), 2);
    await orders.finish(id, success, [put(beside, 'profiles', 1)]);
    assert.equal(await store.get(beside, 'profiles'), 1);
  });

  it('that cannot be leaves the changes of the caller out', async () => {
    const { orders, store } = bench();
    const { id } = await orders.submit(enable);
    await orders.cancel(id);
    await assert.rejects(orders.fetched(id, dispatch(), [put(beside, 'counter', 2)]));
    await assert.rejects(orders.finish(id, success, [put(beside, 'counter', 2)]));
    assert.equal(await store.get(beside, 'counter'), undefined);
  });

  it('that the disk refuses leaves the order as it was', async () => {
    class FullStore extends MemoryStore {
      full = false;
      override async commit(changes: Parameters<MemoryStore['commit']>[0]): Promise<void> {
        if (this.full) throw new StoreError('the disk is full');
        await super.commit(changes);
      }
    }
    const store = new FullStore();
    const { orders } = bench({}, store);
    const order = await orders.submit(enable);
    const heard: string[] = [];
    orders.onChange(({ id }) => heard.push(id));
    store.full = true;
    await assert.rejects(orders.fetched(order.id, dispatch()), StoreError);
    await assert.rejects(orders.submit(enable), StoreError);
    store.full = false;
    assert.deepEqual(await orders.list(), [order]);
    assert.deepEqual(heard, []);
    assert.equal((await orders.fetched(order.id, dispatch())).state.at, 'work');
  });
});

describe('an eIM package', () => {
  it('leads to its order, in work and done, until the order is deleted', async () => {
    const { orders } = bench();
    const { id } = await orders.submit(enable);
    const { eimTransactionId } = dispatch();
    assert.equal(await orders.byTransaction(eid, eimTransactionId), undefined);
    await orders.fetched(id, dispatch());
    assert.equal((await orders.byTransaction(eid, eimTransactionId))?.id, id);
    assert.equal((await orders.byTransaction(undefined, eimTransactionId))?.id, id);
    await orders.finish(id, success);
    assert.equal((await orders.byTransaction(eid, eimTransactionId))?.state.at, 'done');
    await orders.delete(id);
    assert.equal(await orders.byTransaction(eid, eimTransactionId), undefined);
  });

  it('of another EID leads nowhere', async () => {
    const { orders } = bench();
    const { id } = await orders.submit(enable);
    await orders.fetched(id, dispatch());
    assert.equal(await orders.byTransaction(otherEid, dispatch().eimTransactionId), undefined);
    assert.equal(await orders.byTransaction(eid, Uint8Array.of(0xaa)), undefined);
  });
});

describe('an eIM package that is built anew', () => {
  it('takes the place of the last, by whose name the order is found no more', async () => {
    const { orders } = bench();
    const { id } = await orders.submit(enable);
    const [former, fresh] = [transactionId(1), transactionId(2)];
    await orders.fetched(id, dispatch(former));
    const after = await orders.rebuilt(id, dispatch({ ...fresh, counterValue: 9 }), 'a replay', []);
    assert.equal(await orders.byTransaction(eid, former.eimTransactionId), undefined);
    assert.equal((await orders.byTransaction(eid, fresh.eimTransactionId))?.id, id);
    assert.equal(after.history.at(-1)?.detail, 'counterValue 9: a replay');
    await orders.delete(id);
    assert.equal(await orders.byTransaction(eid, fresh.eimTransactionId), undefined);
  });
});

describe("an order of the eIM's own", () => {
  it('says so, and why', async () => {
    const { orders } = bench();
    const order = await orders.submit({ ...enable, byEim: 'a doubt' });
    assert.equal((await orders.get(order.id))?.byEim, 'a doubt');
    assert.equal(order.history[0]?.detail, 'by the eIM: a doubt');
  });
});

describe('an EID that is idle', () => {
  it('is known to be once its empty queue was seen, until it has an order', async () => {
    const { orders } = bench();
    assert.equal(orders.isIdle(eid), false);
    await orders.next(eid);
    assert.equal(orders.isIdle(eid), true);
    await orders.submit(enable);
    assert.equal(orders.isIdle(eid), false);
  });
});

describe('the list', () => {
  async function five() {
    const made = bench();
    const { orders } = made;
    const a = await orders.submit(download);
    const b = await orders.submit(enable);
    const c = await orders.submit({ ...enable, eid: otherEid });
    const d = await orders.submit({ ...download, eid: otherEid });
    const e = await orders.submit(download);
    await orders.fetched(a.id, dispatch());
    await orders.cancel(c.id);
    const names = new Map([a, b, c, d, e].map(({ id }, i) => [id, 'abcde'[i] ?? '']));
    const listed = async (filter: OrderFilter) =>
      (await orders.list(filter)).map(({ id }) => names.get(id)).join('');
    return { ...made, a, b, c, d, e, listed };
  }

  it('is filtered, in order of arrival, and paged', async () => {
    const { listed, b, c, e } = await five();
    assert.equal(await listed({}), 'abcde');
    assert.equal(await listed({ reverse: true }), 'edcba');
    assert.equal(await listed({ facility: 'psmo' }), 'bc');
    assert.equal(await listed({ facility: 'eco' }), '');
    assert.equal(await listed({ eid }), 'abe');
    assert.equal(await listed({ eid: otherEid, reverse: true }), 'dc');
    assert.equal(await listed({ eid, facility: 'download' }), 'ae');
    assert.equal(await listed({ at: 'new' }), 'bde');
    assert.equal(await listed({ at: 'work' }), 'a');
    assert.equal(await listed({ at: 'done' }), 'c');
    assert.equal(await listed({ limit: 2 }), 'ab');
    assert.equal(await listed({ limit: 0 }), '');
    assert.equal(await listed({ after: b.id, limit: 2 }), 'cd');
    assert.equal(await listed({ after: b.id, eid }), 'e');
    assert.equal(await listed({ after: c.id, reverse: true }), 'ba');
    assert.equal(await listed({ after: e.id }), '');
  });

  it('after an order that is gone is refused', async () => {
    const { orders, b } = await five();
    await orders.delete(b.id);
    await assert.rejects(orders.list({ after: b.id }), { code: 'unknown' });
  });

  it('of more than a page is whole', async () => {
    const { orders } = bench({ mostOpen: 1000 });
    for (let i = 0; i < 600; i++) await orders.submit(i % 3 ? download : enable);
    assert.equal((await orders.list()).length, 600);
    assert.equal((await orders.list({ eid })).length, 600);
    assert.equal((await orders.list({ facility: 'psmo' })).length, 200);
    assert.equal((await orders.list({ eid, facility: 'psmo', limit: 150 })).length, 150);
  });
});

describe('watchers', () => {
  it('hear each change when it is durable, until they leave', async () => {
    const { orders } = bench();
    const heard: string[] = [];
    const off = orders.onChange((order, what) => heard.push(`${what} ${order.state.at}`));
    const { id } = await orders.submit(download);
    await orders.fetched(id, dispatch());
    await orders.deliveredAgain(id);
    await orders.finish(id, success);
    await orders.delete(id);
    off();
    await orders.submit(download);
    assert.deepEqual(heard, [
      'changed new',
      'changed work',
      'changed work',
      'changed done',
      'deleted done',
    ]);
  });

  it('that fail disturb nobody', async () => {
    const { store, clock } = bench();
    const lines: string[] = [];
    const log = makeLog('orders', ({ event }) => lines.push(event), new Drops());
    const orders = new Orders({ store, clock, log, box });
    const heard: string[] = [];
    orders.onChange(() => {
      throw new Error('no');
    });
    orders.onChange(({ id }) => heard.push(id));
    const { id } = await orders.submit(download);
    assert.deepEqual(heard, [id]);
    assert.ok(lines.includes('orders: a listener failed'));
  });
});

describe('the log of orders', () => {
  it('tells how each ended, and nothing of what it asked for', async () => {
    const { store, clock } = bench();
    const lines: LogLine[] = [];
    const log = makeLog('orders', (line) => lines.push(line));
    const orders = new Orders({ store, clock, log, box, settings: { noShow: 1000 } });
    const [good, bad, late] = [
      await orders.submit(enable),
      await orders.submit(download),
      await orders.submit(download),
    ];
    await orders.finish(good.id, success);
    await orders.cancel(bad.id);
    await clock.turn(1000);
    await orders.sweep();
    const ends = lines.filter(({ event }) => event === 'orders: order finished');
    assert.deepEqual(
      ends.map(({ level, fields }) => ({ level, ...fields })),
      [
        { level: 'info', id: good.id, eid, success: true },
        { level: 'info', id: bad.id, eid, success: false },
        { level: 'info', id: late.id, eid, success: false },
      ],
    );
    assert.doesNotMatch(JSON.stringify(lines), /MID/);
  });

  it('tells no end of an order that goes on', async () => {
    const { store, clock } = bench();
    const lines: string[] = [];
    const log = makeLog('orders', ({ event }) => lines.push(event));
    const orders = new Orders({ store, clock, log, box });
    const { id } = await orders.submit(download);
    await orders.fetched(id, dispatch());
    await orders.note(id, 'a line');
    assert.ok(!lines.includes('orders: order finished'));
  });
});

describe('deadlines', () => {
  const day = 86_400_000;
  const settings = { noShow: 10 * day, stuck: 5 * day, expired: 20 * day };

  it('end what nobody fetched', async () => {
    const { orders, clock } = bench(settings);
    const { id } = await orders.submit(download);
    await clock.turn(10 * day - 1);
    assert.deepEqual(await orders.sweep(), { noShow: 0, stuck: 0, deleted: 0 });
    await clock.turn(1);
    assert.deepEqual(await orders.sweep(), { noShow: 1, stuck: 0, deleted: 0 });
    const order = await orders.get(id);
    assert.deepEqual(order?.state, {
      at: 'done',
      success: false,
      outcome: [{ procedureError: 'noshowOrder' }],
      reason: 'no device fetched it within 10 days',
    });
    assert.equal(order?.history.at(-1)?.event, 'no-show');
    assert.equal(await orders.next(eid), undefined);
  });

  it('end what got stuck, however often it was delivered again, and let the next one pass', async () => {
    const { orders, clock } = bench(settings);
    const first = await orders.submit(enable);
    await clock.turn(4 * day);
    await orders.fetched(first.id, dispatch());
    const second = await orders.submit(download);
    await clock.turn(4 * day);
    await orders.deliveredAgain(first.id);
    assert.deepEqual(await orders.sweep(), { noShow: 0, stuck: 0, deleted: 0 });
    await clock.turn(1 * day);
    assert.deepEqual(await orders.sweep(), { noShow: 0, stuck: 1, deleted: 0 });
    const stuck = (await orders.get(first.id))?.state;
    assert.deepEqual(stuck?.at === 'done' && stuck.outcome, [{ procedureError: 'stuckOrder' }]);
    assert.equal((await orders.next(eid))?.id, second.id);
  });

  it('delete what was done long ago, and every trace of it', async () => {
    const { orders, clock, store } = bench(settings);
    const { id } = await orders.submit(enable);
    await orders.fetched(id, dispatch());
    await orders.finish(id, success);
    await clock.turn(20 * day - 1);
    assert.equal((await orders.sweep()).deleted, 0);
    await clock.turn(1);
    assert.equal((await orders.sweep()).deleted, 1);
    assert.equal(await orders.get(id), undefined);
    for (const name of [
      'order',
      'order-id',
      'order-of-euicc',
      'order-queue',
      'order-package',
      'order-since',
    ]) {
      assert.deepEqual(await store.list(table(name)), [], name);
    }
  });

  it('reach more than a page, and only those that are late', async () => {
    const { orders, clock } = bench({ ...settings, mostOpen: 1000 });
    for (let i = 0; i < 300; i++) await orders.submit(download);
    await clock.turn(9 * day);
    const young = await orders.submit(download);
    await clock.turn(1 * day);
    assert.equal((await orders.sweep()).noShow, 300);
    assert.equal((await orders.next(eid))?.id, young.id);
  });

  it('tell of a sweep that fails, unless a stop cut it off', async () => {
    const lines: string[] = [];
    const log = makeLog('orders', ({ event }) => lines.push(event));
    for (const stopped of [false, true]) {
      const store = new MemoryStore();
      store.list = () => Promise.reject(new Error('store is closed'));
      const orders = new Orders({ store, clock: new HandClock(), log, box });
      const stop = orders.keepSwept();
      if (stopped) stop();
      await settled();
      if (!stopped) stop();
      assert.deepEqual(lines.splice(0), stopped ? [] : ['orders: sweep failed']);
    }
  });

  it('are watched by themselves until that is stopped', async () => {
    const { orders, clock } = bench({ ...settings, sweepEvery: 60_000 });
    const first = await orders.submit(download);
    const stop = orders.keepSwept();
    await clock.turn(1);
    assert.equal((await orders.get(first.id))?.state.at, 'new');
    // The hand clock runs an alarm for each minute; a day of them would be long.
    const { id } = await orders.submit(download);
    const short = new Orders({
      ...{ store: new MemoryStore(), clock, log: makeLog('orders', () => {}) },
      box,
      settings: { noShow: 90_000, sweepEvery: 60_000 },
    });
    const late = await short.submit(download);
    const stopShort = short.keepSwept();
    await clock.turn(60_000);
    assert.equal((await short.get(late.id))?.state.at, 'new');
    await clock.turn(60_000);
    assert.equal((await short.get(late.id))?.state.at, 'done');
    assert.equal((await orders.get(id))?.state.at, 'new');
    stop();
    stopShort();
    assert.equal(clock.pending, 0);
  });
});

for (const [name, open] of [
  ['MemoryStore', async () => new MemoryStore()],
  ['LevelStore', () => LevelStore.open(newFolder())],
] as const) {
  describe(`many at once, ${name}`, () => {
    it('100 submits all arrive, each once', async () => {
      const store = await open();
      const { orders } = bench({}, store);
      const submitted = await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          orders.submit({ ...download, eid: eidOfNumber(i % 10) }),
        ),
      );
      const listed = await orders.list();
      assert.equal(new Set(listed.map(({ id }) => id)).size, 100);
      assert.deepEqual(listed.map(({ id }) => id).sort(), submitted.map(({ id }) => id).sort());
      assert.equal((await orders.list({ eid: eidOfNumber(3) })).length, 10);
      await store.close();
    });

    it('of 100 fetches of one order one wins', async () => {
      const store = await open();
      const { orders } = bench({}, store);
      const { id } = await orders.submit(enable);
      const ends = await Promise.allSettled(
        Array.from({ length: 100 }, (_, i) =>
          orders.fetched(id, dispatch(transactionId(i)), [put(beside, 'counter', i)]),
        ),
      );
      const won = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
      assert.equal(won.length, 1);
      assert.deepEqual(await orders.get(id), won[0]);
      const { state } = won[0] ?? {};
      const winner = state?.at === 'work' ? state.dispatch.eimTransactionId[1] : undefined;
      assert.equal(await store.get(beside, 'counter'), winner);
      await store.close();
    });

    it('100 fetches of 100 EIDs, with cancels among them, end in one state each', async () => {
      const store = await open();
      const { orders } = bench({}, store);
      const submitted = await Promise.all(
        Array.from({ length: 100 }, (_, i) => orders.submit({ ...enable, eid: eidOfNumber(i) })),
      );
      const ends = await Promise.all(
        submitted.map(async ({ id }, i) => {
          const [fetched, cancelled] = await Promise.allSettled([
            orders.fetched(id, dispatch(transactionId(i))),
            orders.cancel(id),
          ]);
          return { id, fetched: fetched.status, cancelled: cancelled.status };
        }),
      );
      for (const { id, fetched, cancelled } of ends) {
        const state = (await orders.get(id))?.state;
        assert.equal(cancelled, 'fulfilled');
        assert.equal(state?.at, 'done');
        assert.equal(state?.at === 'done' && state.dispatch !== undefined, fetched === 'fulfilled');
      }
      await store.close();
    });
  });
}

describe('a restart', () => {
  it('keeps every order where it was', async () => {
    const folder = newFolder();
    const store = await LevelStore.open(folder);
    const { orders } = bench({}, store);
    const [a, b, c] = [
      await orders.submit(download),
      await orders.submit(enable),
      await orders.submit({ ...enable, eid: otherEid }),
    ];
    await orders.fetched(a.id, dispatch());
    await orders.finish(c.id, success);
    const all = await orders.list();
    await store.close();

    const again = await LevelStore.open(folder);
    const { orders: later } = bench({}, again);
    assert.deepEqual(await later.list(), all);
    assert.deepEqual(states(all), ['work', 'new', 'done']);
    assert.equal((await later.next(eid))?.id, a.id);
    assert.equal((await later.byTransaction(eid, dispatch().eimTransactionId))?.id, a.id);
    // The order of arrival goes on.
    const d = await new Orders({
      store: again,
      clock: bench().clock,
      log: makeLog('orders', () => {}),
      box,
    }).submit(download);
    assert.deepEqual(
      (await later.list({ eid })).map(({ id }) => id),
      [a.id, b.id, d.id],
    );
    await again.close();
  });
});
