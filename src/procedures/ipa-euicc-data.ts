/**
 * Data that the IPA fetches from the eUICC (SGP.32 3.1.2, 2.11.1.2): what an order asks for, and what the eIM asks of
 * itself, in a question before or behind an order:
 * - its certificates, before the first eUICC Package for an eUICC whose key is not known, so that the result can be
 *   verified;
 * - what the device is, before a download for an IPA that leaves ctxParams1 to the eIM (eimCtxParams1Generation);
 * - the results that it keeps, where one was lost on its way: the eUICC has executed a package and reports a replay.
 *
 * A question is kept until it is answered, so that a repeated poll gets the same bytes.
 */
import { equal, hex } from '../base/bytes.ts';
import { CounterError, counterReserve, type EuiccRecord, largestCounter } from '../fleet/euiccs.ts';
import { hasFeature } from '../fleet/ipa-capabilities.ts';
import { type KnownLevel, levelOf } from '../fleet/protocol-level.ts';
import type { EuiccPackageResult } from '../messages/euicc-package.ts';
import { EuiccPackageErrorCode } from '../messages/euicc-package.ts';
import type { Eid } from '../messages/ids.ts';
import {
  type IpaEuiccData,
  IpaEuiccDataErrorCode,
  IpaEuiccDataRequest,
  type IpaEuiccDataResponse,
  type IpaEuiccDataResponseError,
} from '../messages/ipa-euicc-data.ts';
import { nameOf } from '../messages/primitives.ts';
import type { Infer } from '../messages/schema.ts';
import { tagListFor } from '../orders/levels.ts';
import { BadOrderError, dataRequestOf, isPackageRequest } from '../orders/operations.ts';
import {
  type DownloadRequest,
  type EdrRequest,
  type Order,
  type Outcome,
  TransitionError,
} from '../orders/order.ts';
import { OrderError } from '../orders/orders.ts';
import { euiccPackageError, procedureError } from '../orders/outcome.ts';
import { put, remove, table } from '../store/store.ts';
import { type BuiltPackage, type Caller, type Eim, fetchesFor } from './eim.ts';
import { endOrder, noteOrder } from './end-order.ts';
import { euiccDataOutcome, keptData } from './euicc-data.ts';
import { buildEuiccPackage } from './euicc-package.ts';
import { keyOf } from './learn-euicc.ts';
import { asksForAll, settledBy } from './settle.ts';

/** How far above the last one a counterValue is that is to be ahead of the eUICC's: years of daily orders. */
const counterStep = 10_000;

interface Question {
  readonly eimTransactionId: Uint8Array;
  readonly eimPackage: Uint8Array;
  readonly orderId: string;
  readonly about: keyof typeof tagLists;
  readonly deliveries: number;
}

/** One open question for each EID. */
const questions = table<Question>('euicc-data-request');

/** What is asked for, by tags of IpaEuiccData. */
const tagLists = {
  /** euiccInfo1, euiccInfo2, association token, both certificates, IPA's capabilities, device. */
  certificates: hex('BF20 BF22 84 A5 A6 A8 A9'),
  /** euiccPackageResultList. */
  results: hex('A2'),
  /** What of the device stands in ctxParams1. */
  device: hex('A8 A9'),
  /** defaultSmdpAddress, rootSmdsAddress, IPA's capabilities. */
  servers: hex('81 83 A8'),
} as const;

/**
 * The data request that comes before this order's own package; undefined where none does, and `unanswered` where it
 * was handed out too often, which has ended the order.
 */
export async function euiccDataDue(
  eim: Eim,
  order: Order,
): Promise<Uint8Array | 'unanswered' | undefined> {
  const kept = await eim.store.get(questions, order.eid);
  const open = kept?.orderId === order.id ? kept : undefined;
  if (order.state.at === 'work') {
    return open === undefined ? undefined : handOut(eim, order.eid, open);
  }
  if ('download' in order.request) return downloadDataDue(eim, order, order.request.download, open);
  if (!isPackageRequest(order.request)) return undefined;
  const record = await eim.euiccs.ensure(order.eid);
  const known = keyOf(eim, record);
  if (record.consumerEuicc || 'key' in known) {
    // The operator has said what the eUICC was asked for: a late answer is about nothing any more.
    if (open !== undefined) await eim.store.commit([remove(questions, order.eid)]);
    return undefined;
  }
  if (open !== undefined) return handOut(eim, order.eid, open);
  const question = await ask(eim, order, 'certificates', 1);
  await noteOrder(
    eim,
    order.id,
    'asked for certificates',
    record.publicKey === undefined ? 'the key of this eUICC is not known yet' : known.doubt,
  );
  return question.eimPackage;
}

/** The question that comes before a download through the eIM, which does not know yet what it takes. */
async function downloadDataDue(
  eim: Eim,
  order: Order,
  download: DownloadRequest,
  open: Question | undefined,
): Promise<Uint8Array | 'unanswered' | undefined> {
  const record = await eim.euiccs.ensure(order.eid);
  const missing = missingFor(record, download);
  if (missing === undefined) {
    if (open !== undefined) await eim.store.commit([remove(questions, order.eid)]);
    return undefined;
  }
  if (open?.about === missing.about) return handOut(eim, order.eid, open);
  const question = await ask(eim, order, missing.about, 1);
  await noteOrder(eim, order.id, missing.event, missing.why);
  return question.eimPackage;
}

interface Missing {
  readonly about: 'device' | 'servers';
  readonly event: string;
  readonly why: string;
}

function missingFor(record: EuiccRecord, download: DownloadRequest): Missing | undefined {
  if (record.deviceInfo === undefined && hasFeature(record, 'eimCtxParams1Generation')) {
    return {
      about: 'device',
      event: 'asked for the device',
      why: 'the IPA leaves ctxParams1 to the eIM, which does not know its deviceInfo yet',
    };
  }
  if (!isForEim(record, download) || !isServerMissing(record, download)) return undefined;
  return {
    about: 'servers',
    event: 'asked for the servers',
    why: 'the eIM is to relay to the server that the eUICC names, which it does not know yet',
  };
}

/** Whether the device can go nowhere but through the eIM, as far as is known. */
function isForEim(record: EuiccRecord, { mode }: DownloadRequest): boolean {
  if (mode !== undefined) return mode === 'indirect';
  return (
    hasFeature(record, 'indirectRspServerCommunication') &&
    !hasFeature(record, 'directRspServerCommunication')
  );
}

/** Whether the download goes to a server that the eUICC alone can name, and has not. */
function isServerMissing(
  { defaultSmdpAddress = '', rootSmdsAddress = '' }: Partial<EuiccRecord>,
  download: DownloadRequest,
): boolean {
  if ('defaultSmdp' in download) return defaultSmdpAddress === '';
  return 'smds' in download && download.smds.address === undefined && rootSmdsAddress === '';
}

/** Has the next poll asked for the eUICC's certificates, on behalf of an order in work. */
export async function askForCertificates(eim: Eim, order: Order): Promise<void> {
  await ask(eim, order, 'certificates', 0);
}

/** Whether a question about this order waits for its answer, handed out or not. */
export async function isAskedFor(eim: Eim, order: Order): Promise<boolean> {
  return (await eim.store.get(questions, order.eid))?.orderId === order.id;
}

/** Whether a question about this order has been handed out and is not answered. */
export async function isAsked(eim: Eim, order: Order): Promise<boolean> {
  const open = await eim.store.get(questions, order.eid);
  return open?.orderId === order.id && open.deliveries > 0;
}

/**
 * Has the next poll asked for the results that the eUICC keeps; false where they have been asked for this order
 * before, and that came to nothing. While the question is open, its answer decides: a report of the replay may come twice.
 */
export async function askForResults(eim: Eim, order: Order): Promise<boolean> {
  const open = await eim.store.get(questions, order.eid);
  if (open?.orderId === order.id && open.about === 'results') return true;
  if (order.state.at !== 'work' || order.state.dispatch.former !== undefined) {
    return false;
  }
  await ask(eim, order, 'results', 0);
  await noteOrder(
    eim,
    order.id,
    'asked for results',
    'the eUICC says that this is a replay: it has executed the package before and the result was lost on the way, or its counterValue is ahead of ours',
  );
  return true;
}

async function ask(
  eim: Eim,
  order: Order,
  about: Question['about'],
  deliveries: number,
): Promise<Question> {
  const eimTransactionId = eim.random(16);
  const level = levelOf(await eim.euiccs.ensure(order.eid));
  const tagList = tagListFor(level, tagLists[about]);
  const eimPackage = IpaEuiccDataRequest.encode({ tagList, eimTransactionId });
  const question = { eimTransactionId, eimPackage, orderId: order.id, about, deliveries };
  await eim.store.commit([put(questions, order.eid, question)]);
  return question;
}

async function handOut(eim: Eim, eid: Eid, open: Question): Promise<Uint8Array | 'unanswered'> {
  if (open.deliveries >= eim.settings.maxDeliveries) {
    await unanswered(eim, eid, open, `asked ${open.deliveries} times, and never answered`);
    return 'unanswered';
  }
  await eim.store.commit([put(questions, eid, { ...open, deliveries: open.deliveries + 1 })]);
  return open.eimPackage;
}

/** Ends the order that a question was asked for: it will have no answer that helps. */
async function unanswered(eim: Eim, eid: Eid, open: Question, why: string): Promise<void> {
  const ends: Readonly<Record<Question['about'], readonly [Outcome, string]>> = {
    certificates: [
      procedureError('undefinedError'),
      `the key of this eUICC cannot be learned: ${why}; set it (signPubKey), or consumerEuicc where it has none`,
    ],
    results: [
      euiccPackageError(EuiccPackageErrorCode.replayError),
      `the eUICC has executed this package before, or its counterValue is ahead of ours, and the result is not to be had: ${why}; if its counterValue is ahead, set a higher one (eim euicc set EID --counter-value)`,
    ],
    device: [
      procedureError('undefinedError'),
      `the IPA leaves ctxParams1 to the eIM, and does not tell its deviceInfo: ${why}`,
    ],
    servers: [
      procedureError('undefinedError'),
      `the eIM does not know the eUICC's default SM-DP+ or root SM-DS: ${why}; name it in the order, or set a default (setDefaultDpAddress)`,
    ],
  };
  if (open.about === 'results' && (await buildAnew(eim, open, why))) return;
  if (open.about === 'certificates' && (await isDownloadInWork(eim, open.orderId))) {
    // Its result waits for them, and counts without (direct-download.ts).
    await eim.store.commit([remove(questions, eid)]);
    return;
  }
  const [outcome, reason] = ends[open.about];
  eim.log.warn('eUICC data not to be had', { eid, order: open.orderId, why });
  await endOrder(eim, open.orderId, { success: false, outcome: [outcome], reason }, [
    remove(questions, eid),
  ]);
}

async function isDownloadInWork(eim: Eim, orderId: string): Promise<boolean> {
  const order = await eim.orders.get(orderId);
  return order?.state.at === 'work' && 'download' in order.request;
}

/**
 * Builds the package of a replay anew, once, with a counterValue well above: it left but once and the eUICC has no
 * result of it, so it was not executed, and its counterValue is ahead of ours. False where that is not so.
 */
async function buildAnew(eim: Eim, open: Question, why: string): Promise<boolean> {
  const order = await eim.orders.get(open.orderId);
  if (order?.state.at !== 'work' || !isPackageRequest(order.request)) return false;
  const { eid, request } = order;
  const { dispatch } = order.state;
  const { counterValue: former, first, last, deliveries } = dispatch;
  if (former === undefined || deliveries > 1 || dispatch.former !== undefined) return false;
  const known = (await eim.euiccs.ensure(eid)).counterValue;
  // In memory at once, on the disk with the package: where that failed before, it is above already.
  if (known < former + counterStep) {
    const above = Math.max(known, former) + counterStep;
    if (above >= largestCounter - counterReserve) return false;
    eim.euiccs.change(eid, { counterValue: above });
  }
  const eimTransactionId = eim.random(16);
  let built: BuiltPackage;
  try {
    built = await buildEuiccPackage(eim, eid, request, eimTransactionId);
  } catch (error) {
    // No counterValue is left, or the key is not configured any more.
    if (!(error instanceof CounterError || error instanceof BadOrderError)) throw error;
    return false;
  }
  const { eimPackage, counterValue, also } = built;
  const { outstanding } = await eim.euiccs.ensure(eid);
  try {
    await eim.orders.rebuilt(
      order.id,
      {
        eimTransactionId,
        eimPackage,
        ...(counterValue === undefined ? {} : { counterValue }),
        first,
        last,
        deliveries: 0,
        former: { eimTransactionId: dispatch.eimTransactionId, counterValue: former },
      },
      `the eUICC takes ${former} for a replay that it has no result of (${why}): its counterValue is ahead of ours`,
      [
        ...also,
        remove(questions, eid),
        ...(outstanding?.orderId === order.id && counterValue !== undefined
          ? eim.euiccs.change(eid, { outstanding: { ...outstanding, counterValue } })
          : []),
      ],
    );
  } catch (error) {
    // Cancelled or deleted meanwhile.
    if (!(error instanceof TransitionError || error instanceof OrderError)) throw error;
    await eim.store.commit([remove(questions, eid)]);
  }
  return true;
}

/** The open question that a response answers: it names its eimTransactionId, or comes from who fetches for this EID. */
async function questionOf(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  eimTransactionId: Uint8Array | undefined,
): Promise<Question | undefined> {
  const open = await eim.store.get(questions, eid);
  if (open === undefined) return undefined;
  const isIts =
    eimTransactionId === undefined
      ? fetchesFor(eim, caller, eid)
      : equal(eimTransactionId, open.eimTransactionId);
  return isIts ? open : undefined;
}

/**
 * Takes the answer to an open question, or to an order of data. What it proves is kept, and the order goes on with the next poll; results that
 * were asked for are handed back to be taken, and `resultsTaken` is called once they are. Runs within the EID's turn.
 */
export async function ipaEuiccDataResponse(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  response: IpaEuiccDataResponse,
): Promise<readonly EuiccPackageResult[]> {
  const open = await questionOf(eim, caller, eid, response.value.eimTransactionId);
  if (open === undefined) return orderedData(eim, caller, eid, response);
  if (response.type === 'ipaEuiccDataResponseError') {
    await unanswered(eim, eid, open, `the IPA answers ${errorName(response.value)}`);
    return [];
  }
  const data = response.value;
  if (open.about === 'results') return data.euiccPackageResultList ?? [];
  const { changes, unproven } = keptData(eim, await eim.euiccs.ensure(eid), data);
  if (open.about === 'device') {
    if (data.deviceInfo === undefined) {
      await unanswered(eim, eid, open, 'it sent none');
      return [];
    }
  } else if (open.about === 'servers') {
    const order = await eim.orders.get(open.orderId);
    const download = order && 'download' in order.request ? order.request.download : undefined;
    const told = { ...(await eim.euiccs.ensure(eid)), ...addressesIn(data) };
    if (download !== undefined && isServerMissing(told, download)) {
      await unanswered(eim, eid, open, 'the eUICC has none');
      return [];
    }
  } else if (unproven !== undefined) {
    const why = unproven === 'absent' ? 'the IPA sent no certificates' : unproven;
    await unanswered(eim, eid, open, why);
    return [];
  }
  await eim.store.commit([...changes, remove(questions, eid)]);
  return [];
}

function addressesIn({ defaultSmdpAddress, rootSmdsAddress }: IpaEuiccData): Partial<EuiccRecord> {
  return {
    ...(defaultSmdpAddress === undefined ? {} : { defaultSmdpAddress }),
    ...(rootSmdsAddress === undefined ? {} : { rootSmdsAddress }),
  };
}

/** The answer to an order of data: kept, and shown in its outcome. Results in it are handed back to be taken. */
async function orderedData(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  response: IpaEuiccDataResponse,
): Promise<readonly EuiccPackageResult[]> {
  const order = await orderOf(eim, caller, eid, response.value.eimTransactionId);
  if (order === undefined || !('edr' in order.request) || order.state.at === 'new') {
    eim.log.drop('eUICC data that nobody asked for', { eid });
    return [];
  }
  if (response.type === 'ipaEuiccDataResponseError') {
    const edrResult = errorName(response.value);
    if (order.state.at === 'work') {
      await endOrder(eim, order.id, {
        success: false,
        outcome: [{ euiccDataResult: { edrResult } }],
        reason: `the IPA answers ${edrResult}`,
      });
    }
    return [];
  }
  const data = response.value;
  if (order.state.at === 'work') {
    const { changes, unproven } = keptData(eim, await eim.euiccs.ensure(eid), data);
    const reason =
      unproven === undefined || unproven === 'absent'
        ? 'the IPA sent the data'
        : `the IPA sent the data; its certificates are not believed: ${unproven}`;
    const outcome = [euiccDataOutcome(data)];
    const settled = asksForAll(hex(order.request.edr.tagList))
      ? settledBy(eim, await eim.euiccs.ensure(eid), 'data', order.state)
      : [];
    await endOrder(eim, order.id, { success: true, outcome, reason }, [...changes, ...settled]);
  } else {
    eim.log.info('eUICC data that came again', { eid, order: order.id });
  }
  return data.euiccPackageResultList ?? [];
}

/** The order whose data request this answers: by eimTransactionId, or the one in work of who fetches for this EID. */
async function orderOf(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  eimTransactionId: Uint8Array | undefined,
): Promise<Order | undefined> {
  if (eimTransactionId !== undefined) return eim.orders.byTransaction(eid, eimTransactionId);
  return fetchesFor(eim, caller, eid) ? eim.orders.next(eid) : undefined;
}

/** The name of the code; a number of a later version as its digits. */
function errorName({ ipaEuiccDataErrorCode }: Infer<typeof IpaEuiccDataResponseError>): string {
  return nameOf(IpaEuiccDataErrorCode, ipaEuiccDataErrorCode);
}

/** An order of data (facility edr). */
export function buildDataRequest(
  request: EdrRequest,
  eimTransactionId: Uint8Array,
  level: KnownLevel,
): BuiltPackage {
  const asked = dataRequestOf(request, eimTransactionId);
  const tagList = tagListFor(level, asked.tagList);
  return { eimPackage: IpaEuiccDataRequest.encode({ ...asked, tagList }), also: [] };
}

/** The results asked for have been taken: where none was that of the order, the order ends without. */
export async function resultsTaken(eim: Eim, eid: Eid): Promise<void> {
  const open = await eim.store.get(questions, eid);
  if (open?.about !== 'results') return;
  const order = await eim.orders.get(open.orderId);
  if (order?.state.at === 'work') {
    await unanswered(eim, eid, open, 'the eUICC keeps it no more');
  } else {
    await eim.store.commit([remove(questions, eid)]);
  }
}

/**
 * Whether an error of the IPA is about an open question, which it then ends; for an eIM package error that names no
 * package, or one that no order sent.
 */
export async function questionRefused(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  eimTransactionId: Uint8Array | undefined,
  why: string,
): Promise<boolean> {
  const open = await questionOf(eim, caller, eid, eimTransactionId);
  if (open === undefined) return false;
  await unanswered(eim, eid, open, why);
  return true;
}
