/** Whole orders as a pure model: whatever happens to their stages, and what holds all the same. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type Order,
  type OrderEvent,
  type StageRequest,
  TransitionError,
} from '../../src/orders/order.ts';
import {
  applyToStage,
  currentStage,
  firstStages,
  isWhole,
  knownRequests,
  nameOfStage,
  splitId,
  stageOrder,
  type WholeOrder,
} from '../../src/orders/whole.ts';
import { dispatch, eid } from './support.ts';

const iccid = '989444999999990920F3';
const requests: readonly StageRequest[] = [
  { download: { activationCode: '1$smdp.example.com$MID' } },
  { enableInstalled: { rollback: true } },
  { psmo: [{ getRAT: {} }, { disable: { iccid: '988812010000400310F1' } }] },
  { confirm: { polls: 3, within: 60_000 } },
];

function whole(list = requests): WholeOrder {
  const request = { whole: list };
  const stages = firstStages(request, 1);
  const order: Order = {
    id: 'a',
    eid,
    facility: 'whole',
    request,
    state: { at: 'new' },
    ...(stages && { stages }),
    submitted: 1,
    changed: 1,
    history: [{ at: 1, event: 'submitted' }],
  };
  return isWhole(order) ? order : assert.fail('not whole');
}

const installed = {
  profileInstallationResult: { finalResult: 'successResult', iccid },
};

const anEvent: fc.Arbitrary<OrderEvent> = fc.oneof(
  fc.integer({ min: 0, max: 255 }).map(
    (octet): OrderEvent => ({
      type: 'fetched',
      dispatch: dispatch({ eimTransactionId: Uint8Array.of(octet) }),
    }),
  ),
  fc.constant<OrderEvent>({ type: 'delivered again' }),
  fc.boolean().map(
    (success): OrderEvent => ({
      type: 'finished',
      success,
      outcome: [installed, { enableResult: 'ok' }],
      reason: 'said',
    }),
  ),
  fc.constant<OrderEvent>({ type: 'cancelled', reason: 'enough' }),
  fc
    .constantFrom('no-show' as const, 'stuck' as const, 'unconfirmed' as const)
    .map((deadline): OrderEvent => ({ type: 'overdue', deadline, reason: 'late' })),
  fc.constant<OrderEvent>({ type: 'noted', event: 'something' }),
  fc.constant<OrderEvent>({ type: 'told late', reason: 'at last' }),
);

const stageOrNone = fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined });

describe('a whole order, whatever happens', () => {
  it('has one stage after the other, and ends with the last or the first that fails', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(stageOrNone, anEvent), { maxLength: 40 }), (events) => {
        let order: Order = whole();
        let now = 10;
        for (const [at, event] of events) {
          now += 1;
          const before: Order = structuredClone(order);
          if (!isWhole(order)) assert.fail('not whole any more');
          try {
            order = applyToStage(order, at, event, now);
          } catch (error) {
            assert.ok(error instanceof TransitionError);
            assert.deepEqual(order, before);
            continue;
          }
          if (!isWhole(order)) assert.fail('not whole any more');
          const states = order.stages.map(({ state }) => state);
          const good = states.map((state) => state.at === 'done' && state.success);
          const turn = good.indexOf(false);
          for (const [i, state] of states.entries()) {
            const isBehind = turn >= 0 && i > turn;
            // What is behind has not begun, and nothing done has changed.
            assert.equal(order.stages[i]?.began === undefined, isBehind);
            if (isBehind) assert.equal(state.at, 'new');
            const former = before.stages?.[i]?.state;
            if (former?.at === 'done') assert.deepEqual(state, former);
          }
          const hasFailed = states.some((state) => state.at === 'done' && !state.success);
          const isOver = hasFailed || turn < 0;
          assert.equal(order.state.at === 'done', isOver);
          assert.equal(currentStage(order), isOver ? undefined : turn);
          if (order.state.at === 'done') assert.equal(order.state.success, turn < 0);
          if (before.state.at === 'done') assert.deepEqual(order.state, before.state);
        }
      }),
    );
  });
});

describe('a stage', () => {
  const finished = (outcome: object, success = true): OrderEvent => ({
    type: 'finished',
    success,
    outcome: [{ ...outcome }],
    reason: 'said',
  });

  function after(...outcomes: readonly object[]): WholeOrder {
    let order = whole();
    for (const [i, outcome] of outcomes.entries()) {
      const next = applyToStage(order, i, finished(outcome), 10 + i);
      order = isWhole(next) ? next : assert.fail('not whole');
    }
    return order;
  }

  it('asks for what the download before it installed', () => {
    assert.deepEqual(stageOrder(after(installed), 1)?.request, {
      psmo: [{ enable: { iccid, rollback: true } }],
    });
  });

  it('is an order of no shape where that download told no ICCID', () => {
    const order = after({ profileInstallationResult: { finalResult: 'successResult' } });
    assert.deepEqual(stageOrder(order, 1)?.request, { whole: [] });
  });

  it('that confirms asks for the profile enabled before it, so many times', () => {
    const stage = stageOrder(after(installed, { enableResult: 'ok' }, {}), 3);
    assert.deepEqual(stage?.request, {
      psmo: [{ listProfileInfo: { searchCriteria: { iccid } } }],
    });
    assert.equal(stage?.mostDeliveries, 3);
  });

  it('has its number behind the id of its order', () => {
    assert.equal(stageOrder(whole(), 2)?.id, 'a.3');
    assert.deepEqual(splitId('a.3'), { orderId: 'a', stage: 2 });
    for (const id of ['a', 'a.0', 'a.x', 'a.1.2', ''])
      assert.deepEqual(splitId(id), { orderId: id });
  });

  it('is named by its steps', () => {
    const names = requests.map((_, i) => nameOfStage(requests, i));
    assert.deepEqual(names, [
      'step 1 (download)',
      'step 2 (enable)',
      'steps 3 to 4 (getRAT, disable)',
      'step 5 (confirm)',
    ]);
  });

  it('is checked beforehand where it is known', () => {
    assert.deepEqual(knownRequests({ whole: requests }), [requests[0], requests[2]]);
  });
});
