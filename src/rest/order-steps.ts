/** The steps of an order, as /v1 answers them: as they were posted, and, of a whole order, how far each got. */
import { writeDuration } from '../base/duration.ts';
import { members } from '../base/members.ts';
import type { Order, OrderRequest, OrderState, Outcome, StageRequest } from '../orders/order.ts';
import { isSuccess } from '../orders/outcome.ts';
import { isWhole, stageOrder, type WholeOrder } from '../orders/whole.ts';
import { withBothIccids } from './api/ids.ts';
import { readableConfiguration, readableDataResult } from './readable-data.ts';

type Readable = Readonly<Record<string, unknown>>;

/** One entry for each step, in order. */
export function stepViews(order: Order): readonly Readable[] {
  if (isWhole(order)) return order.request.whole.flatMap((_, i) => stageViews(order, i));
  return stepsOf(order.request).map(readableStep);
}

function stepsOf(request: OrderRequest | StageRequest): readonly object[] {
  if ('psmo' in request) return request.psmo;
  if ('eco' in request) return request.eco;
  if ('whole' in request) return request.whole.flatMap(stepsOf);
  if ('enableInstalled' in request) return [{ enable: request.enableInstalled }];
  if ('confirm' in request) {
    const { polls, within } = request.confirm;
    return [{ confirm: { polls, within: writeDuration(within) } }];
  }
  return [request];
}

/** The steps of one stage: its state and, once it is done, what came of each of them. */
function stageViews(order: WholeOrder, at: number): readonly Readable[] {
  const [asked, progress] = [order.request.whole[at], order.stages[at]];
  if (asked === undefined || progress === undefined) return [];
  const { state } = progress;
  const known = 'enableInstalled' in asked ? stageOrder(order, at)?.request : undefined;
  const steps = stepsOf(known !== undefined && 'psmo' in known ? known : asked);
  return steps.map((step, i) => {
    // An entry that ends a list early is about the operations behind it too.
    const outcome = state.at === 'done' ? (state.outcome[i] ?? state.outcome.at(-1)) : undefined;
    return {
      ...readableStep(step),
      state: stateOf(order, state, outcome),
      ...(outcome === undefined ? {} : { outcome: readableOutcome(outcome) }),
      ...(state.at === 'done' ? { reason: state.reason } : {}),
    };
  });
}

function stateOf(order: Order, state: OrderState, outcome: Outcome | undefined): string {
  if (state.at === 'work') return 'underway';
  if (state.at === 'new') return order.state.at === 'done' ? 'skipped' : 'waiting';
  const isDone = state.success || (outcome !== undefined && isSuccess(outcome));
  return isDone ? 'done' : 'failed';
}

function readableStep(step: object): Readable {
  return readable(
    Object.fromEntries(
      Object.entries(step).map(([name, value]) => {
        const { eimConfigurationData, confirmationCode } = members(value);
        if (confirmationCode !== undefined) {
          return [name, { ...members(value), confirmationCode: 'given' }];
        }
        const isDer = typeof eimConfigurationData === 'string';
        return [name, isDer ? readableConfiguration(eimConfigurationData) : value];
      }),
    ),
  );
}

/** An entry of an outcome. */
export function readableOutcome(outcome: Outcome): Readable {
  const { euiccDataResult, ...rest } = outcome;
  if (euiccDataResult === undefined) return readable(outcome);
  return readable({ ...rest, euiccDataResult: readableDataResult(euiccDataResult) });
}

function readable(value: object): Readable {
  return Object.fromEntries(Object.entries(withBothIccids(value) ?? {}));
}
