/**
 * Direct profile download (SGP.32 3.2.1): the IPA goes to SM-DP+ and SM-DS by itself, and its order ends with what comes
 * home first: the result of the trigger, or the eUICC's notification of the installation. What comes second finds the
 * order ended.
 *
 * A result can only be believed of an eUICC whose key is known. Where it is not, the result waits while the IPA is asked
 * for the certificates; where they are not to be had, the order ends with the result unproven.
 *
 * ```
 *   direct-result!<eid>   an installation result that waits for the eUICC's key
 * ```
 */

import type { EuiccRecord } from '../fleet/euiccs.ts';
import { type Eid, iccidOf } from '../messages/ids.ts';
import {
  type NotificationMetadata,
  PendingNotification,
  ProfileInstallationResult,
} from '../messages/notifications.ts';
import type { Order } from '../orders/order.ts';
import { OrderError } from '../orders/orders.ts';
import { isWhole, splitId, stageOrder } from '../orders/whole.ts';
import { type Change, put, remove, table } from '../store/store.ts';
import { counted, isToldAgain } from './direct-told.ts';
import { type Caller, type Eim, fetchesFor } from './eim.ts';
import { endOrder, noteOrder } from './end-order.ts';
import { disbelieve, doubtIn, finishOf, installed } from './installation-result.ts';
import { askForCertificates, isAskedFor } from './ipa-euicc-data.ts';
import { keyOf } from './learn-euicc.ts';
import { keepNotification } from './notification-delivery.ts';
import { spokenFor } from './spoken-for.ts';
import { hasSession, transactionOf } from './transactions.ts';

interface Waiting {
  readonly orderId: string;
  /** Contents of BF37, as ProfileInstallationResult encodes them. */
  readonly result: Uint8Array;
}

const waiting = table<Waiting>('direct-result');

/**
 * The installation result in the answer to a trigger. The IPA takes it to the SM-DP+; it is neither kept nor acknowledged
 * here. Runs within the EID's turn.
 */
export async function directInstallation(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  eimTransactionId: Uint8Array | undefined,
  result: ProfileInstallationResult,
): Promise<void> {
  if (await isRelayed(eim, eid, eimTransactionId, result)) return;
  if (await isToldAgain(eim, eid, result)) return;
  const order = await triggered(eim, caller, eid, eimTransactionId);
  if (order === undefined || order.state.at === 'new') {
    eim.log.drop('an installation result of no download that is in work', { eid });
    return;
  }
  const record = await eim.euiccs.ensure(eid);
  if (order.state.at === 'work' && isKeyMissing(eim, record)) return wait(eim, order, result);
  const doubt = doubtIn(eim, record, result);
  if (doubt !== undefined) return disbelieve(eim, eid, order.id, doubt);
  if (order.state.at === 'work') return end(eim, order, record, result);
  if (!isNew(record, result)) return;
  await tellLate(eim, order, record, result);
}

/**
 * Whether this result is of a session that the eIM relayed: then its notification says so. SM-DP+s may give a
 * transactionId again: a result that is told of another download is none of that session.
 */
export async function isRelayed(
  eim: Eim,
  eid: Eid,
  eimTransactionId: Uint8Array | undefined,
  { profileInstallationResultData: { value } }: ProfileInstallationResult,
): Promise<boolean> {
  const transaction = await transactionOf(eim, value.transactionId);
  if (transaction?.eid !== eid) return false;
  if (eimTransactionId === undefined) return true;
  const order = await eim.orders.byTransaction(eid, eimTransactionId);
  return order === undefined || order.id === transaction.orderId;
}

/** The download that a trigger's result is of: by eimTransactionId, else the one in work of who fetches for this EID. */
async function triggered(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  eimTransactionId: Uint8Array | undefined,
): Promise<Order | undefined> {
  let order: Order | undefined;
  if (eimTransactionId !== undefined) order = await eim.orders.byTransaction(eid, eimTransactionId);
  else if (fetchesFor(eim, caller, eid)) order = await eim.orders.next(eid);
  return order !== undefined && 'download' in order.request ? order : undefined;
}

function isKeyMissing(eim: Eim, record: EuiccRecord): boolean {
  return !record.consumerEuicc && 'doubt' in keyOf(eim, record);
}

/** Keeps the result until the IPA has been asked for the eUICC's certificates. */
async function wait(eim: Eim, order: Order, result: ProfileInstallationResult): Promise<void> {
  const { id: orderId, eid } = order;
  const kept = await eim.store.get(waiting, eid);
  await eim.store.commit([
    put(waiting, eid, { orderId, result: ProfileInstallationResult.encode(result) }),
  ]);
  if (kept?.orderId === orderId && (await isAskedFor(eim, order))) return;
  await askForCertificates(eim, order);
  const detail = 'the key of this eUICC is not known yet: the IPA is asked for its certificates';
  await noteOrder(eim, orderId, 'installation result waits', detail);
}

/**
 * Ends the order with the result that waits, once the key of its eUICC is known, or is not to be had; whether it did. Runs
 * within the EID's turn.
 */
export async function settleDirect(eim: Eim, eid: Eid): Promise<boolean> {
  const row = await eim.store.get(waiting, eid);
  if (row === undefined) return false;
  const order = await eim.orders.get(row.orderId);
  if (order?.state.at !== 'work') {
    await eim.store.commit([remove(waiting, eid)]);
    return false;
  }
  const record = await eim.euiccs.ensure(eid);
  const result = ProfileInstallationResult.decode(row.result);
  if (!isKeyMissing(eim, record)) {
    const doubt = doubtIn(eim, record, result);
    const waits = remove(waiting, eid);
    if (doubt === undefined) {
      await end(eim, order, record, result, [waits]);
      return true;
    }
    await disbelieve(eim, eid, order.id, doubt);
    await eim.store.commit([waits]);
    return false;
  }
  if (await isAskedFor(eim, order)) return false;
  const unproven = 'the key of this eUICC is not known, and the IPA did not tell its certificates';
  await endOrder(eim, order.id, finishOf(result, record, { unproven }), [
    remove(waiting, eid),
    await counted(eim, eid, result),
    ...installed(eim, record, order.id, result, 'reported'),
  ]);
  return true;
}

async function end(
  eim: Eim,
  order: Order,
  record: EuiccRecord,
  result: ProfileInstallationResult,
  also: readonly Change[] = [],
): Promise<void> {
  await endOrder(eim, order.id, finishOf(result, record), [
    ...also,
    await counted(eim, order.eid, result),
    ...installed(eim, record, order.id, result),
  ]);
}

/** What comes home after the order has ended: its history and the picture tell of it. */
async function tellLate(
  eim: Eim,
  { id }: Order,
  record: EuiccRecord,
  result: ProfileInstallationResult,
): Promise<void> {
  const changes = [await counted(eim, record.eid, result), ...installed(eim, record, id, result)];
  try {
    await eim.orders.toldLate(id, `after the end: ${finishOf(result, record).reason}`, changes);
  } catch (error) {
    if (!(error instanceof OrderError)) throw error;
    await eim.store.commit(changes);
  }
}

/** Whether the eUICC has told of nothing later yet: what comes twice, or long after, is none. */
function isNew(
  { profiles }: EuiccRecord,
  { profileInstallationResultData: { value } }: ProfileInstallationResult,
): boolean {
  return value.notificationMetadata.seqNumber > (profiles?.seqNumber ?? 0);
}

/**
 * An installation result that comes as a notification, of a session that the eIM did not relay: where the eUICC's
 * signature proves it, of whichever of the eUICCs that the caller speaks for, it is kept, taken to its SM-DP+, and ends the
 * download in work. Undefined where it is not believed.
 */
export async function directNotification(
  eim: Eim,
  caller: Caller,
  result: ProfileInstallationResult,
): Promise<number | undefined> {
  for (const eid of await spokenFor(eim, caller)) {
    const taken = await eim.serial.run(eid, () => notificationOf(eim, eid, result));
    if (taken !== undefined) return taken;
  }
  return undefined;
}

/** Runs within the EID's turn. */
async function notificationOf(
  eim: Eim,
  eid: Eid,
  result: ProfileInstallationResult,
): Promise<number | undefined> {
  const record = await eim.euiccs.ensure(eid);
  if (isKeyMissing(eim, record) || record.consumerEuicc) return undefined;
  if (doubtIn(eim, record, result) !== undefined) return undefined;
  const { seqNumber, notificationAddress } =
    result.profileInstallationResultData.value.notificationMetadata;
  const kept = await keepNotification(eim, {
    eid,
    seqNumber,
    address: notificationAddress,
    announcedAddress: notificationAddress,
    pendingNotification: PendingNotification.encode({
      type: 'profileInstallationResult',
      value: result,
    }),
  });
  const isTold = await isToldAgain(eim, eid, result);
  const order = isTold || !isNew(record, result) ? undefined : await directInWork(eim, eid);
  if (order !== undefined && (await isSurelyOf(eim, order))) {
    await endOrder(eim, order.id, finishOf(result, record), [
      ...kept.changes,
      await counted(eim, eid, result),
      ...installed(eim, record, order.id, result),
    ]);
  } else {
    await eim.store.commit(kept.changes);
  }
  kept.deliver();
  return seqNumber;
}

/** The download in work that the IPA does by itself, as far as the eIM knows. */
async function directInWork(eim: Eim, eid: Eid): Promise<Order | undefined> {
  const order = await eim.orders.next(eid);
  if (order?.state.at !== 'work' || !('download' in order.request)) return undefined;
  return (await hasSession(eim, order.id)) ? undefined : order;
}

/**
 * Whether a notification can be of no other download: none left for the device before and was given up by the eIM,
 * which the device may have carried out since. Where one did, the result of the trigger tells.
 */
async function isSurelyOf(eim: Eim, { id, eid }: Order): Promise<boolean> {
  for (const order of await eim.orders.list({ eid })) {
    if (order.id === splitId(id).orderId || order.state.at !== 'done') continue;
    for (const download of downloadsOf(order)) {
      if (!isGivenUp(download) || (await hasSession(eim, download.id))) continue;
      const detail = `a notification tells of an installation, which may be of order ${download.id}: that left for the device and was given up`;
      await noteOrder(eim, id, 'installation of no sure order', detail);
      return false;
    }
  }
  return true;
}

/** The order, or those of its stages, that are downloads. */
function downloadsOf(order: Order): readonly Order[] {
  const stages = isWhole(order) ? order.stages.map((_, at) => stageOrder(order, at)) : [order];
  return stages.filter((one) => one !== undefined).filter(({ request }) => 'download' in request);
}

/** Whether it left for the device, and the eIM ended it without a word of the device. */
function isGivenUp({ state, history }: Order): boolean {
  if (state.at !== 'done' || state.dispatch === undefined) return false;
  if (history.some(({ event }) => event === 'told late')) return false;
  return state.outcome.some(
    ({ procedureError: error }) => error === 'abortedOrder' || error === 'stuckOrder',
  );
}

/**
 * A proven notification of an installation, to whomever the profile has it sent: ends the download in work, and commits
 * `also` with it; false, and nothing is committed, where it ends none. `record` is what was known before. Runs within the
 * EID's turn.
 */
export async function installNotified(
  eim: Eim,
  record: EuiccRecord,
  { profileManagementOperation, seqNumber, iccid }: NotificationMetadata,
  also: readonly Change[],
): Promise<boolean> {
  if (!profileManagementOperation.includes('notificationInstall')) return false;
  if (seqNumber <= (record.profiles?.seqNumber ?? 0)) return false;
  // Each of those whom a profile has told of its installation is told under a seqNumber of its own.
  const name = iccid && iccidOf(iccid);
  if (record.profiles?.list.some((profile) => profile.iccid === name)) return false;
  const order = await directInWork(eim, record.eid);
  if (order === undefined || !(await isSurelyOf(eim, order))) return false;
  const finish = {
    success: true,
    outcome: [
      {
        profileInstallationResult: {
          finalResult: 'successResult',
          ...(name === undefined ? {} : { iccid: name }),
        },
      },
    ],
    reason: "the eUICC's signed notification of the installation: installed, disabled",
  };
  await endOrder(eim, order.id, finish, also);
  return true;
}
