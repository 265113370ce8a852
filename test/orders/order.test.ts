import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  apply,
  longestHistory,
  type Order,
  type OrderEvent,
  type OrderState,
  step,
  TransitionError,
} from '../../src/orders/order.ts';
import { dispatch, download } from './support.ts';

const now = 5000;
const sent = dispatch({ counterValue: 8 });

const before: Readonly<Record<OrderState['at'], OrderState>> = {
  new: { at: 'new' },
  work: { at: 'work', dispatch: sent },
  done: { at: 'done', success: true, outcome: [{ enableResult: 'ok' }], reason: 'well' },
};

const other = dispatch({ counterValue: 10_008, deliveries: 0 });

const events = {
  fetched: { type: 'fetched', dispatch: sent },
  'delivered again': { type: 'delivered again' },
  finished: { type: 'finished', success: true, outcome: [{ enableResult: 'ok' }], reason: 'well' },
  cancelled: { type: 'cancelled', reason: 'enough' },
  'no-show': { type: 'overdue', deadline: 'no-show', reason: 'nobody' },
  stuck: { type: 'overdue', deadline: 'stuck', reason: 'nothing' },
  noted: { type: 'noted', event: 'something' },
  rebuilt: { type: 'rebuilt', dispatch: other, reason: 'replayed' },
  'told late': { type: 'told late', reason: 'at last' },
} as const satisfies Readonly<Record<string, OrderEvent>>;

function failed(procedureError: string, reason: string): OrderState {
  return { at: 'done', success: false, outcome: [{ procedureError }], reason };
}

/** Every state × every event; undefined: cannot be. */
const table: Readonly<Record<OrderState['at'], Readonly<Record<keyof typeof events, unknown>>>> = {
  new: {
    fetched: before.work,
    'delivered again': undefined,
    finished: before.done,
    cancelled: failed('abortedOrder', 'enough'),
    'no-show': failed('noshowOrder', 'nobody'),
    stuck: undefined,
    noted: before.new,
    rebuilt: undefined,
    'told late': undefined,
  },
  work: {
    fetched: undefined,
    'delivered again': { at: 'work', dispatch: { ...sent, last: now, deliveries: 2 } },
    finished: { ...before.done, dispatch: sent },
    cancelled: { ...failed('abortedOrder', 'enough'), dispatch: sent },
    'no-show': undefined,
    stuck: { ...failed('stuckOrder', 'nothing'), dispatch: sent },
    noted: before.work,
    rebuilt: { at: 'work', dispatch: other },
    'told late': undefined,
  },
  done: {
    fetched: undefined,
    'delivered again': undefined,
    finished: undefined,
    cancelled: undefined,
    'no-show': undefined,
    stuck: undefined,
    noted: undefined,
    rebuilt: undefined,
    'told late': before.done,
  },
};

describe('step', () => {
  for (const at of ['new', 'work', 'done'] as const) {
    for (const [name, event] of Object.entries(events)) {
      const due = table[at][name as keyof typeof events];
      it(`of an order that is ${at} and ${name}: ${due === undefined ? 'cannot be' : 'is'}`, () => {
        const copy = structuredClone(before[at]);
        if (due === undefined) {
          assert.throws(() => step(before[at], event, now), {
            name: 'TransitionError',
            message: `an order that is ${at} cannot be ${name}`,
          });
        } else {
          assert.deepEqual(step(before[at], event, now), due);
        }
        assert.deepEqual(before[at], copy);
      });
    }
  }
});

describe('apply', () => {
  const order: Order = {
    ...download,
    id: 'a',
    state: { at: 'new' },
    submitted: 1,
    changed: 1,
    history: [{ at: 1, event: 'submitted' }],
  };

  it('tells the story', () => {
    let told = apply(order, events.fetched, 10);
    told = apply(told, { type: 'noted', event: 'authenticated', detail: 'by the SM-DP+' }, 20);
    told = apply(told, events['delivered again'], 30);
    told = apply(told, events.finished, 40);
    assert.deepEqual(told.history, [
      { at: 1, event: 'submitted' },
      { at: 10, event: 'fetched', detail: 'counterValue 8' },
      { at: 20, event: 'authenticated', detail: 'by the SM-DP+' },
      { at: 30, event: 'delivered again' },
      { at: 40, event: 'finished', detail: 'well' },
    ]);
  });

  it('counts as changed only what changes new, work, done', () => {
    const fetched = apply(order, events.fetched, 10);
    assert.equal(fetched.changed, 10);
    assert.equal(apply(fetched, events.noted, 20).changed, 10);
    assert.equal(apply(fetched, events['delivered again'], 20).changed, 10);
    assert.equal(apply(fetched, events.finished, 20).changed, 20);
  });

  it('warns that a device may still execute what is cancelled in work', () => {
    const cancelled = apply(apply(order, events.fetched, 10), events.cancelled, 20);
    assert.match(cancelled.history.at(-1)?.detail ?? '', /enough; .*may still execute it/);
    assert.equal(apply(order, events.cancelled, 20).history.at(-1)?.detail, 'enough');
  });

  it('keeps the first line of a long history, and the newest', () => {
    let noisy = order;
    for (let i = 0; i < 300; i++) {
      noisy = apply(noisy, { type: 'noted', event: `event ${i}`, detail: 'x'.repeat(5000) }, i);
    }
    assert.equal(noisy.history.length, longestHistory);
    assert.equal(noisy.history[0]?.event, 'submitted');
    assert.equal(noisy.history[1]?.event, `event ${300 - longestHistory + 1}`);
    assert.equal(noisy.history.at(-1)?.event, 'event 299');
    assert.ok((noisy.history.at(-1)?.detail?.length ?? 0) <= 1001);
  });

  it('changes nothing of an order that is done, but for a line in its history', () => {
    const done = apply(order, events.finished, 10);
    const { 'told late': late, ...others } = events;
    for (const event of Object.values(others)) {
      assert.throws(() => apply(done, event, 20), TransitionError);
    }
    const after = apply(done, late, 20);
    assert.deepEqual(after, { ...done, history: after.history });
    assert.deepEqual(after.history, [
      ...done.history,
      { at: 20, event: 'told late', detail: 'at last' },
    ]);
  });
});
