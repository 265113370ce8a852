/**
 * eIM package retrieval (SGP.32 3.1.1.1, ESipa.GetEimPackage 6.3.2.6): the next thing to do for this EID, or that there
 * is nothing. A package is built once: its bytes, its counter and the order's step are durable before they leave, and
 * a device that polls again without having reported gets the same bytes.
 */
import { BytesError, toHex } from '../base/bytes.ts';
import { CounterError } from '../fleet/euiccs.ts';
import { levelOf } from '../fleet/protocol-level.ts';
import { ActivationCodeError } from '../messages/activation-code.ts';
import {
  EimPackageError,
  eidInBarePoll,
  type GetEimPackageRequest,
  GetEimPackageResponse,
  isBarePoll,
} from '../messages/eim-package.ts';
import { type Eid, eidLength, eidOf, IdError, isEidAt } from '../messages/ids.ts';
import { DerError, tlv } from '../messages/tlv.ts';
import { beyondLevel } from '../orders/levels.ts';
import { BadOrderError, isPackageRequest } from '../orders/operations.ts';
import { type Order, type OrderRequest, TransitionError } from '../orders/order.ts';
import { type Finish, OrderError } from '../orders/orders.ts';
import { type ProcedureError, procedureError } from '../orders/outcome.ts';
import { settleDirect } from './direct-download.ts';
import {
  type BuiltPackage,
  type Caller,
  callerText,
  type Eim,
  isKnown,
  maySpeakFor,
} from './eim.ts';
import { buildEuiccPackage } from './euicc-package.ts';
import { buildDataRequest, euiccDataDue } from './ipa-euicc-data.ts';
import { buildDownloadTrigger } from './profile-download-trigger.ts';
import { leaving, settle, stateChanged } from './settle.ts';

/**
 * The answer to a poll of which memory alone can tell that it finds nothing to do, as most do; undefined where it cannot
 * tell, and `getEimPackage` is to look.
 */
export function nothingToDo(
  eim: Eim,
  caller: Caller,
  request: GetEimPackageRequest,
): Uint8Array | undefined {
  return tellsOfChange(request) ? undefined : nothingFor(eim, caller, request.eidValue, 0);
}

/** The same for a message that nobody has read: undefined, too, where it is no poll with nothing but an EID. */
export function nothingToDoForBare(
  eim: Eim,
  caller: Caller,
  message: Uint8Array,
): Uint8Array | undefined {
  return isBarePoll(message) ? nothingFor(eim, caller, message, eidInBarePoll) : undefined;
}

/** @param at where the EID's octets begin */
function nothingFor(
  eim: Eim,
  caller: Caller,
  octets: Uint8Array,
  at: number,
): Uint8Array | undefined {
  // A peer polls for the same EID again and again: its text need not be made anew, which maps would have to hash.
  const last = eim.polls.get(caller.peerId);
  const same = last !== undefined && isEidAt(last, octets, at);
  const eid = same ? last : eidIn(octets.subarray(at, at + eidLength));
  if (eid === undefined) return undefined;
  if (!eim.orders.isIdle(eid) || eim.serial.isBusy(eid)) return undefined;
  if (!eim.euiccs.hasNothingToAsk(eid)) return undefined;
  if (eim.smdsSchedule?.rests(eid) === false) return undefined;
  if (!eim.devices.anyCovers(eid) || !maySpeakFor(eim, caller, eid)) return undefined;
  if (!eim.euiccs.heard(eid, caller, true)) return undefined;
  if (!same) eim.polls.set(caller.peerId, eid);
  return nothingAvailable;
}

/** Returns the GetEimPackageResponse, `BF4F…`. */
export async function getEimPackage(
  eim: Eim,
  caller: Caller,
  request: GetEimPackageRequest,
): Promise<Uint8Array> {
  const eid = eidIn(request.eidValue);
  if (eid === undefined) {
    eim.log.warn('poll with an invalid EID', {
      eid: toHex(request.eidValue),
      by: callerText(caller),
    });
    return refusal(EimPackageError.invalidEid);
  }
  if (!maySpeakFor(eim, caller, eid)) {
    eim.log.warn('poll for an EID that the caller may not speak for', {
      eid,
      by: callerText(caller),
    });
    return refusal(EimPackageError.eidNotFound);
  }
  if (!(await isKnown(eim, eid))) {
    eim.log.info('poll for an unknown EID', { eid, by: callerText(caller) });
    return refusal(EimPackageError[eim.settings.unknownEid]);
  }
  return eim.serial.run(eid, () => next(eim, caller, eid, request));
}

async function next(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  request: GetEimPackageRequest,
): Promise<Uint8Array> {
  eim.polls.set(caller.peerId, eid);
  await eim.euiccs.contact(eid, { ...caller, ...stateChange(request) });
  if (tellsOfChange(request)) await stateChanged(eim, eid);
  let due = await nextEimPackage(eim, eid);
  if (due === undefined && (await settle(eim, eid))) due = await nextEimPackage(eim, eid);
  if (due === undefined && (await eim.smdsSchedule?.order(eid)) === true) {
    due = await nextEimPackage(eim, eid);
  }
  if (due === undefined) {
    eim.euiccs.rests(eid);
    return nothingAvailable;
  }
  return tlv(0xbf4f, due.eimPackage);
}

/** Undefined where the octets are no EID. */
function eidIn(octets: Uint8Array): Eid | undefined {
  try {
    return eidOf(octets);
  } catch (error) {
    if (error instanceof IdError) return undefined;
    throw error;
  }
}

/** An eIM package that may leave: what it is, and the order that it is for, are durable. */
export interface DuePackage {
  readonly order: Order;
  /** `BF51…`, `BF52…` or `BF54…`. */
  readonly eimPackage: Uint8Array;
}

/**
 * The next eIM package for this EID, counted as handed out; undefined where there is none, or its order is not one that
 * `admits` takes. Runs within the EID's turn.
 */
export async function nextEimPackage(
  eim: Eim,
  eid: Eid,
  admits: (order: Order) => boolean = () => true,
): Promise<DuePackage | undefined> {
  for (;;) {
    const order = await eim.orders.next(eid);
    if (order === undefined || !admits(order)) return undefined;
    try {
      if (isDownloadInWork(order) && (await settleDirect(eim, eid))) continue;
      const question = await euiccDataDue(eim, order);
      if (question === 'unanswered') continue;
      const eimPackage =
        question ?? (order.state.at === 'work' ? await again(eim, order) : await first(eim, order));
      if (eimPackage !== undefined) return { order, eimPackage };
    } catch (error) {
      // Cancelled or deleted since we looked: nothing was stored, nothing leaves.
      if (!(error instanceof TransitionError || error instanceof OrderError)) throw error;
    }
  }
}

function isDownloadInWork({ state, request }: Order): boolean {
  return state.at === 'work' && 'download' in request;
}

function tellsOfChange(request: GetEimPackageRequest): boolean {
  return stateChange(request).stateChangeCause !== undefined;
}

function stateChange(request: GetEimPackageRequest): { stateChangeCause?: number } {
  if (request.stateChangeCause !== undefined) return { stateChangeCause: request.stateChangeCause };
  return request.notifyStateChange === undefined ? {} : { stateChangeCause: 127 };
}

/** How often a question of the eIM's own is handed out: it is not to hold up orders. */
const mostOfOwn = 4;

/** The bytes that left before; undefined where they left too often without an answer, which ends the order. */
async function again(eim: Eim, order: Order): Promise<Uint8Array | undefined> {
  if (order.state.at !== 'work') throw new Error(`order ${order.id} is ${order.state.at}`);
  const { dispatch } = order.state;
  const { byEim, mostDeliveries = byEim === undefined ? Number.POSITIVE_INFINITY : mostOfOwn } =
    order;
  if (dispatch.deliveries >= Math.min(mostDeliveries, eim.settings.maxDeliveries)) {
    await eim.orders.finish(order.id, {
      success: false,
      outcome: [procedureError('stuckOrder')],
      reason: `handed out ${dispatch.deliveries} times, and the device never reported a result: it counts as undelivered`,
    });
    return undefined;
  }
  await eim.orders.deliveredAgain(order.id);
  return dispatch.eimPackage;
}

/** Builds the order's package and makes it durable; undefined where it cannot be built, which ends the order. */
async function first(eim: Eim, order: Order): Promise<Uint8Array | undefined> {
  const eimTransactionId = eim.random(16);
  let built: BuiltPackage;
  try {
    built = await build(eim, order, eimTransactionId);
  } catch (error) {
    const finish = unbuildable(order, error);
    if (finish === undefined) throw error;
    await eim.orders.finish(order.id, finish);
    return undefined;
  }
  const now = eim.clock.now();
  const { eimPackage, counterValue } = built;
  await eim.orders.fetched(
    order.id,
    {
      eimTransactionId,
      eimPackage,
      ...(counterValue === undefined ? {} : { counterValue }),
      first: now,
      last: now,
      deliveries: 1,
    },
    [...built.also, ...(await leaving(eim, order, counterValue))],
  );
  return eimPackage;
}

async function build(eim: Eim, order: Order, eimTransactionId: Uint8Array): Promise<BuiltPackage> {
  const { request } = order;
  const euicc = await eim.euiccs.ensure(order.eid);
  const level = levelOf(euicc);
  const beyond = beyondLevel(level, request);
  if (beyond !== undefined) throw new BadOrderError(beyond);
  if ('download' in request) return buildDownloadTrigger(euicc, request, eimTransactionId);
  if (isPackageRequest(request)) {
    return buildEuiccPackage(eim, order.eid, request, eimTransactionId);
  }
  if ('edr' in request) return buildDataRequest(request.edr, eimTransactionId, level);
  if ('whole' in request) {
    throw new BadOrderError(
      'the download before it told no ICCID of what it installed: order the enable with its ICCID',
    );
  }
  throw new BadOrderError(`this eIM cannot carry out a ${order.facility} order of this shape`);
}

/** How an order ends whose package could not be built; undefined where that is not the order's fault. */
function unbuildable(order: Order, error: unknown): Finish | undefined {
  if (error instanceof CounterError) {
    const outcome = [procedureError('undefinedError')];
    return { success: false, outcome, reason: error.message };
  }
  const isItsFault =
    error instanceof BadOrderError ||
    error instanceof ActivationCodeError ||
    error instanceof DerError ||
    error instanceof BytesError;
  if (!isItsFault) return undefined;
  const outcome = [procedureError(badRequest(order.request))];
  return { success: false, outcome, reason: error.message };
}

function badRequest(request: OrderRequest): ProcedureError {
  if ('psmo' in request) return 'badPsmo';
  if ('eco' in request) return 'badEco';
  return 'edr' in request ? 'badEdr' : 'badOrder';
}

function refusal(code: number): Uint8Array {
  return GetEimPackageResponse.encode({ type: 'eimPackageError', value: code });
}

const nothingAvailable = refusal(EimPackageError.noEimPackageAvailable);
