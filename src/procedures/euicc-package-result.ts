/**
 * What an eUICC says became of an eUICC Package (SGP.32 2.11.2): verified, matched to its order, then believed. A
 * result that does not fit leaves the order as it was; it is logged, and the order's history tells of it. A result that
 * comes again (lost acknowledgement) is acknowledged again.
 */
import { concat, equal } from '../base/bytes.ts';
import type { EuiccRecord } from '../fleet/euiccs.ts';
import type { Topic } from '../fleet/knowledge.ts';
import {
  EuiccPackageErrorCode,
  type EuiccPackageErrorDataSigned,
  type EuiccPackageErrorUnsigned,
  type EuiccPackageResult,
  type EuiccPackageResultDataSigned,
  type EuiccResultData,
} from '../messages/euicc-package.ts';
import type { Eid } from '../messages/ids.ts';
import type { QuirkName } from '../messages/quirks.ts';
import type { Signed } from '../messages/schema.ts';
import { isPackageRequest, type PackageRequest } from '../orders/operations.ts';
import { type Order, TransitionError } from '../orders/order.ts';
import { OrderError } from '../orders/orders.ts';
import { euiccPackageError, isSuccess } from '../orders/outcome.ts';
import { verifyEcdsa } from '../trust/ecdsa.ts';
import { tokenTlv } from '../trust/eim-signer.ts';
import { speaks, tolerates } from './dialect.ts';
import { type Caller, callerText, type Eim, fetchesFor } from './eim.ts';
import { noteOrder } from './end-order.ts';
import { askForResults } from './ipa-euicc-data.ts';
import { keyOf } from './learn-euicc.ts';
import { asAsked, isEachAnswered, outcomesOf } from './outcomes.ts';
import { learnedFrom } from './picture.ts';
import { withStatesUnknown } from './profiles.ts';
import { doubtsAbout } from './settle.ts';

/** The seqNumber of a result that the eUICC may forget; undefined where there is none to acknowledge. */
type Acknowledged = number | undefined;

/** An order of an eUICC Package. */
type PackageOrder = Order & { readonly request: PackageRequest };
/** One whose package is with the device. */
type InWork = PackageOrder & { readonly state: { readonly at: 'work' } };

/** The names by which a result says which package it is of. */
interface Correlation {
  readonly eimId: string;
  readonly counterValue?: number;
  readonly eimTransactionId?: Uint8Array | undefined;
}

/** The orders that a result may be of. */
interface Found {
  /** The one whose package it names, in whatever state. */
  readonly order?: PackageOrder;
  /** The one whose package is with the device. */
  readonly current?: InWork;
}

/** How often an operator may change an order while a result of it is taken: cancel it, then delete it. */
const mostRaces = 2;

/** Takes a result of the eUICC with this EID; returns the seqNumber to acknowledge. Runs within the EID's turn (`eim.serial`). */
export async function euiccPackageResult(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  result: EuiccPackageResult,
): Promise<Acknowledged> {
  for (let races = 0; ; races++) {
    try {
      return await taken(eim, caller, eid, result);
    } catch (error) {
      // Cancelled or deleted since it was found: nothing was stored, and the result is one of an order that has ended.
      const isRace = error instanceof TransitionError || error instanceof OrderError;
      if (!isRace || races >= mostRaces) throw error;
    }
  }
}

async function taken(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  result: EuiccPackageResult,
): Promise<Acknowledged> {
  switch (result.type) {
    case 'euiccPackageResultSigned': {
      const { euiccPackageResultDataSigned, euiccSignEPR } = result.value;
      return executed(eim, eid, euiccPackageResultDataSigned, euiccSignEPR);
    }
    case 'euiccPackageErrorSigned': {
      const { euiccPackageErrorDataSigned, euiccSignEPE } = result.value;
      return refused(eim, eid, euiccPackageErrorDataSigned, euiccSignEPE);
    }
    case 'euiccPackageErrorUnsigned':
      return notTrusted(eim, caller, eid, result.value);
  }
}

async function executed(
  eim: Eim,
  eid: Eid,
  { value, raw }: Signed<EuiccPackageResultDataSigned>,
  signature: Uint8Array,
): Promise<Acknowledged> {
  const found = await find(eim, eid, value);
  const record = await eim.euiccs.ensure(eid);
  const doubt =
    doubtIn(eim, record, value, found, { data: raw, signature }) ??
    (await deviationIn(eim, record, value, signature, found));
  if (doubt !== undefined) return disbelieve(eim, eid, found, doubt);
  const acknowledged = record.consumerEuicc ? undefined : value.seqNumber;
  const { order, current } = found;
  if (order?.state.at === 'done' && record.outstanding?.orderId === order.id) {
    await tooLate(eim, record, order, value);
    return acknowledged;
  }
  if (order === undefined || order.id !== current?.id) {
    const what = `counterValue ${value.counterValue}, seqNumber ${value.seqNumber}`;
    eim.log.info('result of a package that is not in work', { eid, what });
    if (order === undefined && current !== undefined) {
      await noteOrder(eim, current.id, 'result of another package', what);
    }
    await rolledBackSince(eim, record, order, value);
    await doneSince(eim, record, value);
    return acknowledged;
  }
  const results = await asMeant(eim, eid, order.request, value.euiccResult);
  const outcome = outcomesOf(order.request, results);
  await eim.orders.finish(
    order.id,
    {
      // A list that ends early leaves operations undone.
      success: isEachAnswered(order.request, results) && outcome.every(isSuccess),
      unproven: record.consumerEuicc,
      outcome,
      reason: record.consumerEuicc
        ? `the device's result of a consumer eUICC, unproven, seqNumber ${value.seqNumber}`
        : `the eUICC's signed result, seqNumber ${value.seqNumber}`,
    },
    learnedFrom(eim, record, { order, results, seqNumber: value.seqNumber }),
  );
  return acknowledged;
}

/** The result of the package that left last, once its order has ended without: it counts for the picture all the same. */
async function tooLate(
  eim: Eim,
  record: EuiccRecord,
  order: PackageOrder,
  { euiccResult, seqNumber }: EuiccPackageResultDataSigned,
): Promise<void> {
  const results = asAsked(order.request, euiccResult);
  const outcome = outcomesOf(order.request, results)
    .map((one) => JSON.stringify(one))
    .join(' ');
  await eim.orders.toldLate(
    order.id,
    `the eUICC's signed result, seqNumber ${seqNumber}, came after the end: ${outcome}`,
    learnedFrom(eim, record, { order, results, seqNumber }),
  );
}

/** The results as the operations asked for have them; as they stand where nothing is tolerated. */
async function asMeant(
  eim: Eim,
  eid: Eid,
  request: PackageRequest,
  results: readonly EuiccResultData[],
): Promise<readonly EuiccResultData[]> {
  const asked = asAsked(request, results);
  if (asked === results) return results;
  return (await tolerates(eim, eid, 'single-result-universal', 'euiccResult')) ? asked : results;
}

/**
 * A rollback after the eIM had the first result, whose acknowledgement got lost: the order has ended with the profile
 * enabled, which it is not any more. Which one is, the eUICC has not said.
 */
async function rolledBackSince(
  eim: Eim,
  record: EuiccRecord,
  order: Order | undefined,
  { euiccResult }: EuiccPackageResultDataSigned,
): Promise<void> {
  const { eid, profiles } = record;
  const isRollback = euiccResult.some(
    ({ type, value }) => type === 'rollbackResult' && value === 0,
  );
  if (!isRollback || order?.state.at !== 'done') return;
  const isKnown = order.state.outcome.some(({ rollbackResult }) => rollbackResult !== undefined);
  if (isKnown) return;
  eim.log.warn('the device went back to the profile of before, after its result was taken', {
    eid,
    order: order.id,
  });
  if (profiles === undefined) return;
  const why = `the device rolled order ${order.id} back after its result was taken`;
  await eim.store.commit([
    ...eim.euiccs.change(eid, { profiles: withStatesUnknown(profiles) }),
    ...doubtsAbout(eim, record, ['profiles'], why),
  ]);
}

/** A result that no order explains any more, newer than the picture: what it changed only the eUICC can tell. */
async function doneSince(
  eim: Eim,
  record: EuiccRecord,
  { euiccResult, seqNumber, counterValue }: EuiccPackageResultDataSigned,
): Promise<void> {
  const { profiles, eims } = record;
  const about: Topic[] = [];
  if (
    seqNumber > (profiles?.seqNumber ?? 0) &&
    euiccResult.some(({ type, value }) => value === 0 && ofProfiles.includes(type))
  ) {
    about.push('profiles');
  }
  const isNews = seqNumber > (eims?.seqNumber ?? 0);
  if (isNews && euiccResult.some(({ type }) => ofEims.includes(type))) about.push('eims');
  const why = `a result of counterValue ${counterValue}, of which no order is waiting`;
  const doubts = doubtsAbout(eim, record, about, why);
  if (doubts.length > 0) await eim.store.commit([...doubts]);
}

/** Results that tell of a change, where they are good. */
const ofProfiles: readonly EuiccResultData['type'][] = [
  'enableResult',
  'disableResult',
  'deleteResult',
  'setFallbackAttributeResult',
  'unsetFallbackAttributeResult',
  'rollbackResult',
];
const ofEims: readonly EuiccResultData['type'][] = [
  'addEimResult',
  'deleteEimResult',
  'updateEimResult',
];

/** A signed error has no seqNumber and is not kept on the card: there is nothing to acknowledge. */
async function refused(
  eim: Eim,
  eid: Eid,
  { value, raw }: Signed<EuiccPackageErrorDataSigned>,
  signature: Uint8Array,
): Promise<Acknowledged> {
  const found = await find(eim, eid, value);
  const record = await eim.euiccs.ensure(eid);
  const doubt =
    doubtIn(eim, record, value, found, { data: raw, signature }) ??
    (await deviationIn(eim, record, value, signature, found));
  if (doubt !== undefined) return disbelieve(eim, eid, found, doubt);
  const { order, current } = found;
  if (order === undefined || order.id !== current?.id) return undefined;
  const code = value.euiccPackageErrorCode;
  const isReplay = code === EuiccPackageErrorCode.replayError;
  if (isReplay && (await askForResults(eim, current))) return undefined;
  const outcome = euiccPackageError(code);
  await eim.orders.finish(
    order.id,
    {
      success: false,
      outcome: [outcome],
      reason: `the eUICC refused the package, signed: ${Object.values(outcome).join()}${advice(code, value.counterValue)}`,
    },
    // Nothing of it was executed; of a replay that is not known.
    isReplay ? [] : eim.euiccs.forget(eid, 'outstanding'),
  );
  return undefined;
}

/** What an operator can do about it. */
function advice(code: number, counterValue: number): string {
  switch (code) {
    case EuiccPackageErrorCode.replayError:
      return `; its counterValue is ahead of ours, ${counterValue}: set a higher one (eim euicc set EID --counter-value)`;
    case EuiccPackageErrorCode.counterValueOutOfRange:
      return `; counterValue ${counterValue} is more than it takes: have another eIM give this one's configuration a new counterValue (updateEim, or deleteEim and addEim), then set it here (eim euicc set EID --counter-value)`;
    default:
      return '';
  }
}

/**
 * The eUICC could not tell that the package is this eIM's (unknown eimId, wrong signature, wrong association token).
 * Anyone could say so: it counts only from one who knows the package's own eimTransactionId or who fetches this EID's
 * packages, and it changes nothing but the order that it names.
 */
async function notTrusted(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  error: EuiccPackageErrorUnsigned,
): Promise<Acknowledged> {
  const found = await find(eim, eid, error);
  const { order, current } = found;
  const { consumerEuicc } = await eim.euiccs.ensure(eid);
  // `-` stands where no eIM is named (field-shapes.ts): some name none in a package that they could not read.
  if (error.eimId !== '-' && error.eimId !== eim.id && !consumerEuicc) {
    const because = `an unsigned error for eIM ${JSON.stringify(error.eimId)}`;
    return disbelieve(eim, eid, found, because);
  }
  if (error.eimTransactionId === undefined && !fetchesFor(eim, caller, eid)) {
    const because = `an unsigned error that names no eimTransactionId, of an ${callerText(caller)}`;
    return disbelieve(eim, eid, found, because);
  }
  if (error.eimTransactionId !== undefined && order === undefined) {
    return disbelieve(eim, eid, found, 'an unsigned error with another eimTransactionId');
  }
  if (current === undefined || (order !== undefined && order.id !== current.id)) return undefined;
  // v1.3 gives a code; where the code is all there is, its shape says nothing of the version.
  const hasCode = error.unknown?.some(([tag]) => tag === 0x8f) === true;
  if (hasCode && error.eimId === eim.id)
    await speaks(eim, eid, 'v1.3', 'a code in an unsigned error');
  const token =
    error.associationToken === undefined
      ? ''
      : `; it says that its association token is ${error.associationToken}`;
  await eim.orders.finish(
    current.id,
    {
      success: false,
      outcome: [{ euiccPackageErrorCode: 'undefinedError' }],
      reason: `the eUICC does not take the package for this eIM's (eimId, signing key or association token)${token}`,
    },
    eim.euiccs.forget(eid, 'outstanding'),
  );
  return undefined;
}

/**
 * The order that a result is of: by eimTransactionId; where the result has none, by the counterValue of the package that
 * is in work, or was the last that left.
 */
async function find(
  eim: Eim,
  eid: Eid,
  { eimTransactionId, counterValue }: Correlation,
): Promise<Found> {
  const next = await eim.orders.next(eid);
  const current = next !== undefined && isPackage(next) && isInWork(next) ? next : undefined;
  const found = current === undefined ? {} : { current };
  if (eimTransactionId !== undefined) {
    const order = await eim.orders.byTransaction(eid, eimTransactionId);
    if (order !== undefined) return isPackage(order) ? { ...found, order } : found;
  }
  if (counterValue === undefined) return found;
  if (current !== undefined) {
    const { dispatch } = current.state;
    // Built anew because of a replay, and now the result of before comes home.
    for (const sent of [dispatch, dispatch.former]) {
      const isIts = isSame(sent?.eimTransactionId, eimTransactionId);
      if (isIts && sent?.counterValue === counterValue) return { current, order: current };
    }
  }
  if (eimTransactionId !== undefined) return found;
  const { outstanding } = (await eim.euiccs.get(eid)) ?? {};
  if (outstanding?.counterValue !== counterValue) return found;
  const last = await eim.orders.get(outstanding.orderId);
  return last === undefined || !isPackage(last) ? found : { ...found, order: last };
}

/** Whether a name is that of a package; none may be any's. */
function isSame(sent: Uint8Array | undefined, named: Uint8Array | undefined): boolean {
  return named === undefined || (sent !== undefined && equal(sent, named));
}

function isPackage(order: Order): order is PackageOrder {
  return isPackageRequest(order.request);
}

function isInWork(order: PackageOrder): order is InWork {
  return order.state.at === 'work';
}

/**
 * Why this result is not to be believed; undefined where nothing speaks against it. A consumer eUICC behind an IPA
 * that emulates SGP.32 signs nothing that could be checked: the operator has said so of it, and it is believed.
 */
function doubtIn(
  eim: Eim,
  record: EuiccRecord,
  value: Correlation,
  { order, current }: Found,
  signed: { readonly data: Uint8Array; readonly signature: Uint8Array },
): string | undefined {
  if (record.consumerEuicc) return undefined;
  if (value.eimId !== eim.id) return `it is for eIM ${JSON.stringify(value.eimId)}`;
  const known = keyOf(eim, record);
  if ('doubt' in known) return known.doubt;
  // SGP.32 2.11.2: see docs/interpretation-log.md#euiccsignepr-input
  const input = concat(signed.data, tokenTlv(record.associationToken));
  if (!verifyEcdsa(known.key, input, signed.signature)) {
    return `its signature does not fit the eUICC's key and association token ${record.associationToken}`;
  }
  if (current === undefined) return undefined;
  const { counterValue, former } = current.state.dispatch;
  // Built anew because of a replay, and the result of before comes home all the same.
  if (order?.id === current.id && value.counterValue === former?.counterValue) return undefined;
  if (order?.id === current.id && value.counterValue !== counterValue) {
    return `its counterValue is ${value.counterValue}, that of the package ${counterValue}`;
  }
  if (order?.id !== current.id && value.counterValue === counterValue) {
    return 'its eimTransactionId is not that of the package with its counterValue';
  }
  return undefined;
}

/** What is believed of the result and is not as the standard has it: counted; why it is refused where nothing is tolerated. */
async function deviationIn(
  eim: Eim,
  { eid, consumerEuicc }: EuiccRecord,
  { eimTransactionId }: Correlation,
  signature: Uint8Array,
  { order }: Found,
): Promise<string | undefined> {
  const met: QuirkName[] = [];
  if (!consumerEuicc && signature.length !== plainSignature) met.push('signature-der');
  // Every package of ours names one.
  if (eimTransactionId === undefined && order !== undefined) met.push('transaction-id-absent');
  for (const quirk of met) {
    if (!(await tolerates(eim, eid, quirk, 'euiccPackageResult'))) {
      return `${quirk}: not as the standard has it`;
    }
  }
  return undefined;
}

/** Octets of r‖s. */
const plainSignature = 64;

/** Leaves the order as it was; says so in the log and in the order's history, there once for what keeps coming. */
async function disbelieve(
  eim: Eim,
  eid: Eid,
  { order, current }: Found,
  because: string,
): Promise<Acknowledged> {
  const event = 'result not believed';
  eim.log.drop(event);
  eim.log.warn(event, { eid, order: (order ?? current)?.id, because });
  const concerned = order ?? current;
  if (concerned?.state.at !== 'work') return undefined;
  const last = concerned.history.at(-1);
  if (last?.event === event && last.detail === because) return undefined;
  await noteOrder(eim, concerned.id, event, because);
  return undefined;
}
