/**
 * Whole orders: stages one behind the other, each what travels in one eIM package. `stepWhole` is the only way they
 * change; effects are the caller's.
 *
 * ```
 *   stage 1   new ──▶ work ──▶ done, a success ─┐
 *   stage 2                                     └▶ new ──▶ work ──▶ done, no success: the order ends
 *   stage 3                                                                          and this one is skipped
 * ```
 *
 * To procedures a stage is an order of its own: `stageOrder` shows it so, under the id `<order>.<stage>`. What it asks
 * for may depend on what came of those before it.
 */
import { members } from '../base/members.ts';
import { IdError, iccidDigits, parseIccid } from '../messages/ids.ts';
import {
  type Dispatch,
  type HistoryEntry,
  historyLine,
  type Order,
  type OrderEvent,
  type OrderRequest,
  type OrderState,
  type Outcome,
  type StageProgress,
  type StageRequest,
  step,
  TransitionError,
  withLine,
} from './order.ts';
import { durationText } from './settings.ts';

/** An order of several stages. */
export type WholeOrder = Order & {
  readonly request: { readonly whole: readonly StageRequest[] };
  readonly stages: readonly StageProgress[];
};

export function isWhole(order: Order): order is WholeOrder {
  return order.stages !== undefined && 'whole' in order.request;
}

/** The stages as they are when an order is submitted; undefined where it has none. */
export function firstStages(
  request: OrderRequest,
  now: number,
): readonly StageProgress[] | undefined {
  if (!('whole' in request)) return undefined;
  return request.whole.map((_, i) => ({
    state: { at: 'new' },
    changed: now,
    ...(i === 0 ? { began: now } : {}),
  }));
}

/** `5a…c.2`: the second stage of order `5a…c`. */
export function stageId(orderId: string, stage: number): string {
  return `${orderId}.${stage + 1}`;
}

/** An order's id, and of which of its stages it is, from 0; undefined where it is the whole order's. */
export function splitId(id: string): { readonly orderId: string; readonly stage?: number } {
  const [, orderId, number] = /^([^.]+)\.([1-9][0-9]{0,3})$/.exec(id) ?? [];
  if (orderId === undefined) return { orderId: id };
  return { orderId, stage: Number(number) - 1 };
}

/** The stage whose turn it is; undefined where the order has ended. */
export function currentStage({ state, stages }: WholeOrder): number | undefined {
  if (state.at === 'done') return undefined;
  const at = stages.findIndex((stage) => stage.state.at !== 'done');
  return at < 0 ? undefined : at;
}

/** Whether one stage is done and the next has not left yet. */
export function hasStageToBegin(order: Order): boolean {
  const at = isWhole(order) ? currentStage(order) : undefined;
  return at !== undefined && at > 0 && order.stages?.[at]?.state.at === 'new';
}

/** What the deadlines count: the stage whose turn it is, else the order. */
export function ageOf(order: Order): {
  readonly at: OrderState['at'];
  readonly changed: number;
} {
  const at = isWhole(order) ? currentStage(order) : undefined;
  const { state, changed } = (at === undefined ? undefined : order.stages?.[at]) ?? order;
  return { at: state.at, changed };
}

/** Until when the stage whose turn it is may take, where it says so; milliseconds since 1970. */
export function dueOf(order: Order): number | undefined {
  const at = isWhole(order) ? currentStage(order) : undefined;
  if (!isWhole(order) || at === undefined) return undefined;
  const request = order.request.whole[at];
  const began = order.stages[at]?.began;
  if (request === undefined || began === undefined || !('confirm' in request)) return undefined;
  return began + request.confirm.within;
}

/** What left for the device. */
export function dispatchOf(state: OrderState): Dispatch | undefined {
  return state.at === 'new' ? undefined : state.dispatch;
}

/** What left for the device, of whichever stage. */
export function dispatchesOf({ state, stages }: Order): readonly Dispatch[] {
  const states = stages === undefined ? [state] : stages.map((stage) => stage.state);
  return states.map(dispatchOf).filter((dispatch) => dispatch !== undefined);
}

/** The stage as an order of its own; undefined where there is none. */
export function stageOrder(order: WholeOrder, at: number): Order | undefined {
  const { stages, ...rest } = order;
  const [progress, request] = [stages[at], order.request.whole[at]];
  if (progress === undefined || request === undefined) return undefined;
  const { state, changed } = progress;
  const common = { ...rest, id: stageId(order.id, at), state, changed };
  if ('enableInstalled' in request) {
    const iccid = installedBefore(order, at);
    // Without an ICCID it is an order of a shape that cannot be carried out, and ends so.
    if (iccid === undefined) return { ...common, facility: 'psmo', request: { whole: [] } };
    const enable = { iccid, ...request.enableInstalled };
    return { ...common, facility: 'psmo', request: { psmo: [{ enable }] } };
  }
  if ('confirm' in request) {
    const iccid = enabledBefore(order, at);
    const listProfileInfo = iccid === undefined ? {} : { searchCriteria: { iccid } };
    return {
      ...common,
      facility: 'psmo',
      request: { psmo: [{ listProfileInfo }] },
      mostDeliveries: request.confirm.polls,
    };
  }
  if ('download' in request) return { ...common, facility: 'download', request };
  if ('psmo' in request) return { ...common, facility: 'psmo', request };
  if ('eco' in request) return { ...common, facility: 'eco', request };
  return { ...common, facility: 'edr', request };
}

/** ICCID, as in EF.ICCID, of the profile that the nearest download before this stage installed. */
function installedBefore({ stages, request }: WholeOrder, at: number): string | undefined {
  for (let i = at - 1; i >= 0; i--) {
    const [stage, asked] = [stages[i], request.whole[i]];
    if (stage?.state.at !== 'done' || asked === undefined || !('download' in asked)) continue;
    const result = stage.state.outcome.find((one) => one.profileInstallationResult !== undefined);
    const { iccid } = members(result?.profileInstallationResult);
    return typeof iccid === 'string' ? iccid : undefined;
  }
  return undefined;
}

/**
 * ICCID, as in EF.ICCID, of the profile that the stages before this one enabled last; undefined where they enabled none,
 * or disabled or deleted it since.
 */
function enabledBefore(order: WholeOrder, at: number): string | undefined {
  let enabled: string | undefined;
  for (const [i, asked] of order.request.whole.slice(0, at).entries()) {
    if ('enableInstalled' in asked) enabled = installedBefore(order, i);
    for (const one of 'psmo' in asked ? asked.psmo : []) {
      if ('enable' in one) enabled = one.enable.iccid;
      const gone = 'disable' in one ? one.disable : 'delete' in one ? one.delete : undefined;
      if (gone?.iccid === enabled) enabled = undefined;
    }
  }
  return enabled;
}

/**
 * The order after an event of one of its stages, or of itself (`at` undefined), which is then that of the stage whose
 * turn it is; `now` in milliseconds since 1970. Throws TransitionError.
 */
export function applyToStage(
  order: WholeOrder,
  at: number | undefined,
  event: OrderEvent,
  now: number,
): Order {
  const turn = currentStage(order);
  const index = at ?? turn;
  const before = index === undefined ? undefined : order.stages[index];
  if (index === undefined || before === undefined) throw new TransitionError(order.state, event);
  if (index !== turn && event.type !== 'told late') throw new TransitionError(before.state, event);
  const meant = asMeant(order, index, event, before.state);
  const stages = stepWhole(order.stages, index, meant, now);
  const line = historyLine(before.state, meant, now);
  const isSame = stages.every((stage, i) => stage.state.at === order.stages[i]?.state.at);
  const state = event.type === 'told late' ? order.state : wholeState(order, stages);
  return {
    ...order,
    stages,
    state,
    changed: isSame ? order.changed : now,
    history: withLine(order.history, ofStage(line, order.request.whole, index)),
  };
}

/** The stages after an event of one of them; a success begins the next. Throws TransitionError. */
export function stepWhole(
  stages: readonly StageProgress[],
  at: number,
  event: OrderEvent,
  now: number,
): readonly StageProgress[] {
  return stages.map((stage, i) => {
    if (i === at) {
      const state = step(stage.state, event, now);
      return { ...stage, state, changed: state.at === stage.state.at ? stage.changed : now };
    }
    const begins = i === at + 1 && event.type === 'finished' && event.success;
    return begins ? { ...stage, changed: now, began: now } : stage;
  });
}

/** The state of the order whose stages these are. */
function wholeState({ request }: WholeOrder, stages: readonly StageProgress[]): OrderState {
  const ended = stages.map(({ state }) => state).filter((state) => state.at === 'done');
  const dispatch = stages
    .map(({ state }) => dispatchOf(state))
    .findLast((one) => one !== undefined);
  const last = ended.at(-1);
  if (last === undefined || (last.success && ended.length < stages.length)) {
    return dispatch === undefined ? { at: 'new' } : { at: 'work', dispatch };
  }
  return {
    at: 'done',
    success: last.success,
    ...(ended.some(({ unproven }) => unproven === true) ? { unproven: true } : {}),
    outcome: ended.flatMap(({ outcome }) => outcome),
    reason: last.success
      ? ended.map(({ reason }) => reason).join('; ')
      : `${nameOfStage(request.whole, ended.length - 1)}: ${last.reason}${undone(request.whole, ended.length)}`,
    ...(dispatch && { dispatch }),
  };
}

/** What was not begun, for people. */
function undone(requests: readonly StageRequest[], from: number): string {
  const names = requests.slice(from).map((_, i) => nameOfStage(requests, from + i));
  return names.length === 0 ? '' : ` (not begun: ${names.join(', ')})`;
}

/** The event as it counts for this stage: what a confirmation is told, it judges. */
function asMeant(order: WholeOrder, at: number, event: OrderEvent, before: OrderState): OrderEvent {
  const request = order.request.whole[at];
  if (request === undefined || !('confirm' in request)) return event;
  const iccid = enabledBefore(order, at);
  if (event.type === 'overdue') {
    return { type: 'finished', success: false, outcome: [noAnswer], reason: event.reason };
  }
  if (event.type !== 'finished') return event;
  if (!event.success) {
    const deliveries = before.at === 'work' ? before.dispatch.deliveries : 0;
    const isUnanswered = event.outcome.some((one) => one.procedureError === 'stuckOrder');
    return {
      ...event,
      outcome: [isUnanswered ? noAnswer : { confirmResult: 'failed' }, ...event.outcome],
      reason: isUnanswered
        ? `the device fetched the question ${deliveries} times and its eUICC never answered${advice(iccid)}`
        : event.reason,
    };
  }
  if (iccid === undefined) {
    return { ...event, outcome: [{ confirmResult: 'ok' }], reason: 'the device came back' };
  }
  const state = listedState(event.outcome, iccid);
  if (state === 'enabled') {
    return {
      ...event,
      outcome: [{ confirmResult: 'ok' }],
      reason: `the device came back, and by the word of its eUICC profile ${printed(iccid)} is enabled`,
    };
  }
  const found = state === undefined ? 'not among its profiles' : state;
  return {
    ...event,
    success: false,
    outcome: [{ confirmResult: 'notEnabled' }],
    reason:
      `the device came back, but by the word of its eUICC profile ${printed(iccid)} is ${found}: ` +
      'it went back to another one (rollback or fallback). See which with an order of listProfileInfo, ' +
      'find out why the profile did not connect, then order its enable again',
  };
}

const noAnswer: Outcome = { confirmResult: 'noAnswer' };

/** How an order ends whose device did not come back in time. */
export function overdueReason(order: Order): string {
  const at = isWhole(order) ? currentStage(order) : undefined;
  if (!isWhole(order) || at === undefined) return 'it took too long';
  const request = order.request.whole[at];
  const within = request !== undefined && 'confirm' in request ? request.confirm.within : 0;
  const stage = order.stages[at];
  const how =
    stage?.state.at === 'work'
      ? `the device fetched the question, and its eUICC did not answer within ${durationText(within)}`
      : `the device did not come back within ${durationText(within)}`;
  return `${how}${advice(enabledBefore(order, at))}`;
}

function advice(iccid: string | undefined): string {
  const enabled = iccid === undefined ? '' : `. Profile ${printed(iccid)} was enabled before`;
  return (
    `${enabled}. What to do: see when it last called (eim euicc show); if it stays away, look at its coverage and ` +
    'at the APN and roaming of the profile. It may still come back by itself, and what is ordered then is carried out'
  );
}

/** The profile's state in the eUICC's own list, in the words of the outcome. */
function listedState(outcome: readonly Outcome[], iccid: string): string | undefined {
  for (const one of outcome) {
    const { profileInfoList } = members(one.listProfileInfoResult);
    if (!Array.isArray(profileInfoList)) continue;
    for (const profile of profileInfoList) {
      const { iccid: listed, profileState } = members(profile);
      if (typeof listed !== 'string' || listed.toUpperCase() !== iccid.toUpperCase()) continue;
      return typeof profileState === 'string' ? profileState : 'in a state that it does not tell';
    }
  }
  return undefined;
}

function ofStage(
  { at, event, detail }: HistoryEntry,
  requests: readonly StageRequest[],
  index: number,
): HistoryEntry {
  const name = nameOfStage(requests, index);
  return { at, event, detail: detail === undefined ? name : `${name}: ${detail}` };
}

/** `step 2 (enable)`: a stage by the steps that it is of, for people. */
export function nameOfStage(requests: readonly StageRequest[], index: number): string {
  const names = requests.map(operationsOf);
  const first = names.slice(0, index).flat().length + 1;
  const own = names[index] ?? [];
  const number = own.length > 1 ? `steps ${first} to ${first + own.length - 1}` : `step ${first}`;
  return `${number} (${own.join(', ')})`;
}

function operationsOf(request: StageRequest): readonly string[] {
  if ('enableInstalled' in request) return ['enable'];
  if ('psmo' in request) return request.psmo.flatMap((one) => Object.keys(one));
  if ('eco' in request) return request.eco.flatMap((one) => Object.keys(one));
  return Object.keys(request);
}

/** An ICCID as on the card; as it came where it holds no digits. */
function printed(iccid: string): string {
  try {
    return iccidDigits(parseIccid(iccid));
  } catch (error) {
    if (!(error instanceof IdError)) throw error;
    return iccid;
  }
}

/** The requests of an order that are known from the beginning, for the checks of what can be carried out. */
export function knownRequests(request: OrderRequest): readonly OrderRequest[] {
  if (!('whole' in request)) return [request];
  return request.whole.flatMap((stage) =>
    'enableInstalled' in stage || 'confirm' in stage ? [] : [stage],
  );
}
