/**
 * The IPA's answer to an eIM package (SGP.32 3.1.1.1, ESipa.ProvideEimPackageResult 6.3.2.7): matched to its order,
 * verified, kept, and only then acknowledged.
 */
import { toHex } from '../base/bytes.ts';
import { levelOf } from '../fleet/protocol-level.ts';
import {
  type EimPackageResult,
  EimPackageResultErrorCode,
  type ProvideEimPackageResult,
  ProvideEimPackageResultError,
  ProvideEimPackageResultResponse,
} from '../messages/eim-package.ts';
import type { EuiccPackageResult } from '../messages/euicc-package.ts';
import { type Eid, eidOf, IdError } from '../messages/ids.ts';
import type { PendingNotification } from '../messages/notifications.ts';
import { nameOf } from '../messages/primitives.ts';
import {
  ProfileDownloadErrorReason,
  type ProfileDownloadTriggerResult,
} from '../messages/profile-download.ts';
import { tlv } from '../messages/tlv.ts';
import type { Order, Outcome } from '../orders/order.ts';
import { eimPackageError, procedureError } from '../orders/outcome.ts';
import { ChainError } from '../trust/chain-error.ts';
import { eidInCertificate } from '../trust/euicc-chain.ts';
import { tolerates } from './dialect.ts';
import { directInstallation, isRelayed, settleDirect } from './direct-download.ts';
import { secretOf } from './download-order.ts';
import { type Caller, callerText, type Eim, fetchesFor, isKnown, maySpeakFor } from './eim.ts';
import { endOrder } from './end-order.ts';
import { errorResponseText } from './error-response.ts';
import { euiccPackageResult } from './euicc-package-result.ts';
import { ipaEuiccDataResponse, questionRefused, resultsTaken } from './ipa-euicc-data.ts';
import { NotKeptError } from './notification-delivery.ts';
import { takeNotification } from './notifications.ts';

/** Returns the ProvideEimPackageResultResponse, `BF50…`. */
export async function provideEimPackageResult(
  eim: Eim,
  caller: Caller,
  message: ProvideEimPackageResult,
): Promise<Uint8Array> {
  const eid = await eidOfResult(eim, caller, message);
  if (typeof eid === 'number') return refusal(eid);
  const { eimPackageResult } = message;
  const taken = await eim.serial.run(eid, () => take(eim, caller, eid, eimPackageResult));
  // Each notification waits for its own EID's turn.
  const acknowledged = [...taken];
  for (const notification of notificationsOf(eimPackageResult)) {
    // Of a direct download: the IPA takes it to the SM-DP+ by itself.
    if (
      eimPackageResult.type === 'profileDownloadTriggerResult' &&
      !(await isOfRelay(eim, eid, eimPackageResult.value.eimTransactionId, notification))
    ) {
      continue;
    }
    const seqNumber = await takenIfPossible(eim, caller, notification);
    if (seqNumber !== undefined) acknowledged.push(seqNumber);
  }
  if (acknowledged.length === 0) {
    const euicc = await eim.euiccs.get(eid);
    // SGP.32 v1.0 has a SEQUENCE of what is acknowledged, without anything.
    if (euicc !== undefined && levelOf(euicc).level === 'v1.0') return tlv(0xbf50);
    return ProvideEimPackageResultResponse.encode({ type: 'emptyResponse', value: {} });
  }
  return ProvideEimPackageResultResponse.encode({
    type: 'eimAcknowledgements',
    value: acknowledged,
  });
}

async function isOfRelay(
  eim: Eim,
  eid: Eid,
  eimTransactionId: Uint8Array | undefined,
  { type, value }: PendingNotification,
): Promise<boolean> {
  return type === 'profileInstallationResult' && isRelayed(eim, eid, eimTransactionId, value);
}

/** A notification that cannot be taken now is not acknowledged: the device keeps it. */
async function takenIfPossible(
  eim: Eim,
  caller: Caller,
  notification: PendingNotification,
): Promise<number | undefined> {
  try {
    return await takeNotification(eim, caller, notification);
  } catch (error) {
    if (!(error instanceof NotKeptError)) throw error;
    eim.log.warn('notification left to the device', { because: error.message });
    return undefined;
  }
}

/** The eUICC's sequence numbers to acknowledge. */
type Taken = readonly number[];

async function take(eim: Eim, caller: Caller, eid: Eid, result: EimPackageResult): Promise<Taken> {
  switch (result.type) {
    case 'euiccPackageResult':
      return takePackageResults(eim, caller, eid, [result.value]);
    case 'ePRAndNotifications':
      return takePackageResults(eim, caller, eid, [result.value.euiccPackageResult]);
    case 'ipaEuiccDataResponse': {
      const results = await ipaEuiccDataResponse(eim, caller, eid, result.value);
      const taken = await takePackageResults(eim, caller, eid, results);
      await resultsTaken(eim, eid);
      await settleDirect(eim, eid);
      return taken;
    }
    case 'profileDownloadTriggerResult':
      return triggerResult(eim, caller, eid, result.value);
    case 'eimPackageResultResponseError': {
      const { eimTransactionId, eimPackageResultErrorCode } = result.value;
      const name = nameOf(EimPackageResultErrorCode, eimPackageResultErrorCode);
      const reason = `the IPA could not handle the eIM package: ${name}`;
      if (await questionRefused(eim, caller, eid, eimTransactionId, reason)) return [];
      await endCurrent(eim, caller, eid, eimTransactionId, {
        outcome: eimPackageError(eimPackageResultErrorCode),
        reason: () => reason,
      });
      return [];
    }
  }
}

async function takePackageResults(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  results: readonly EuiccPackageResult[],
): Promise<Taken> {
  const acknowledged: number[] = [];
  for (const result of results) {
    const seqNumber = await euiccPackageResult(eim, caller, eid, result);
    if (seqNumber !== undefined) acknowledged.push(seqNumber);
  }
  return acknowledged;
}

/** The notifications that came along. */
function notificationsOf(result: EimPackageResult): readonly PendingNotification[] {
  if (result.type === 'ePRAndNotifications') return result.value.notificationList;
  if (result.type === 'ipaEuiccDataResponse') {
    const { type, value } = result.value;
    return type === 'ipaEuiccData' ? (value.notificationsList ?? []) : [];
  }
  if (result.type !== 'profileDownloadTriggerResult') return [];
  const { profileDownloadTriggerResultData: data } = result.value;
  return data.type === 'profileInstallationResult' ? [data] : [];
}

/** What the IPA says of a download that it was triggered to do (SGP.32 2.11.2.3). */
async function triggerResult(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  { eimTransactionId, profileDownloadTriggerResultData: data }: ProfileDownloadTriggerResult,
): Promise<Taken> {
  if (data.type === 'profileInstallationResult') {
    await directInstallation(eim, caller, eid, eimTransactionId, data.value);
    return [];
  }
  const { profileDownloadErrorReason: code, errorResponse } = data.value;
  const name = nameOf(ProfileDownloadErrorReason, code);
  const advice =
    code === ProfileDownloadErrorReason.ecallActive
      ? ': the device has an emergency call under way; order the download again later'
      : '';
  await endCurrent(eim, caller, eid, eimTransactionId, {
    outcome: procedureError('undefinedError'),
    reason: (order) =>
      `the IPA could not download the profile: ${name}${advice}${answered(errorResponse, order)}`,
    of: ({ request }) => 'download' in request,
  });
  return [];
}

/** What the IPA was answered, where it is known what of it is secret. */
function answered(errorResponse: Uint8Array | undefined, order: Order | undefined): string {
  if (order === undefined || !('download' in order.request)) return '';
  return errorResponseText(errorResponse, secretOf(order.request.download));
}

interface ReportedError {
  readonly outcome: Outcome;
  /** The order that it is told of, where there is one. */
  readonly reason: (order: Order | undefined) => string;
  /** The orders that it can be about; default any. */
  readonly of?: (order: Order) => boolean;
}

/**
 * Ends the order in work that the IPA reports an error of. Unsigned: it must name the package's eimTransactionId, or
 * come from one who fetches this EID's packages.
 */
async function endCurrent(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  eimTransactionId: Uint8Array | undefined,
  { outcome, reason, of = () => true }: ReportedError,
): Promise<void> {
  let order: Order | undefined;
  if (eimTransactionId !== undefined) order = await eim.orders.byTransaction(eid, eimTransactionId);
  else if (fetchesFor(eim, caller, eid)) order = await eim.orders.next(eid);
  if (order?.state.at === 'done') {
    // The way of every download that failed here: the IPA reports it too.
    eim.log.info('an error report after the end of its order', {
      order: order.id,
      what: reason(order),
    });
    return;
  }
  if (order?.state.at !== 'work' || !of(order)) {
    eim.log.drop('an error report about nothing that is in work', {
      eid,
      what: reason(undefined),
    });
    return;
  }
  await endOrder(eim, order.id, { success: false, outcome: [outcome], reason: reason(order) });
}

/**
 * Whose result it is: the EID in the message; where the IPA leaves it out, the one in a certificate that came along, that
 * of the package whose eimTransactionId it names, the one that this peer last polled for, or the one EID of its PSK. A
 * number is the error to answer.
 */
async function eidOfResult(
  eim: Eim,
  caller: Caller,
  { eidValue, eimPackageResult }: ProvideEimPackageResult,
): Promise<Eid | number> {
  const eimTransactionId = eimTransactionIdOf(eimPackageResult);
  const named =
    eimTransactionId && (await eim.orders.byTransaction(undefined, eimTransactionId))?.eid;
  let eid: Eid | undefined;
  if (eidValue === undefined) {
    eid =
      certifiedEid(eimPackageResult) ??
      named ??
      eim.polls.get(caller.peerId) ??
      onlyEid(eim, caller);
    if (eid === undefined) {
      eim.log.warn('result without an EID', { by: callerText(caller) });
      return ProvideEimPackageResultError.missingEid;
    }
    const isOurs = maySpeakFor(eim, caller, eid) && (await isKnown(eim, eid));
    if (isOurs && !(await tolerates(eim, eid, 'eid-absent', 'provideEimPackageResult.eidValue'))) {
      return ProvideEimPackageResultError.missingEid;
    }
  } else {
    try {
      eid = eidOf(eidValue);
    } catch (error) {
      if (!(error instanceof IdError)) throw error;
      eim.log.warn('result with an invalid EID', {
        eid: toHex(eidValue),
        by: callerText(caller),
      });
      return ProvideEimPackageResultError.invalidEid;
    }
  }
  const isAnothers = named !== undefined && named !== eid;
  if (isAnothers || !(await isKnown(eim, eid)) || !maySpeakFor(eim, caller, eid)) {
    eim.log.warn('result for an EID that is not known, not covered, or not of the package', {
      eid,
      by: callerText(caller),
    });
    return ProvideEimPackageResultError.eidNotFound;
  }
  return eid;
}

function eimTransactionIdOf(result: EimPackageResult): Uint8Array | undefined {
  switch (result.type) {
    case 'euiccPackageResult':
      return transactionOfPackage(result.value);
    case 'ePRAndNotifications':
      return transactionOfPackage(result.value.euiccPackageResult);
    case 'ipaEuiccDataResponse':
      return result.value.value.eimTransactionId;
    case 'profileDownloadTriggerResult':
    case 'eimPackageResultResponseError':
      return result.value.eimTransactionId;
  }
}

function transactionOfPackage(result: EuiccPackageResult): Uint8Array | undefined {
  switch (result.type) {
    case 'euiccPackageResultSigned':
      return result.value.euiccPackageResultDataSigned.value.eimTransactionId;
    case 'euiccPackageErrorSigned':
      return result.value.euiccPackageErrorDataSigned.value.eimTransactionId;
    case 'euiccPackageErrorUnsigned':
      return result.value.eimTransactionId;
  }
}

/** The EID in an eUICC certificate that came along: a claim like that of the message itself. */
function certifiedEid(result: EimPackageResult): Eid | undefined {
  const der = certificateIn(result);
  if (der === undefined) return undefined;
  try {
    return eidInCertificate(der);
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    return undefined;
  }
}

function certificateIn(result: EimPackageResult): Uint8Array | undefined {
  if (result.type === 'ipaEuiccDataResponse' && result.value.type === 'ipaEuiccData') {
    const { euiccCertificate } = result.value.value;
    if (euiccCertificate !== undefined) return euiccCertificate;
  }
  for (const { type, value } of notificationsOf(result)) {
    if (type === 'otherSignedNotification') return value.euiccCertificate;
  }
  return undefined;
}

function onlyEid(eim: Eim, { identity }: Caller): Eid | undefined {
  const eids = identity === undefined ? [] : eim.devices.eidsOf(identity);
  return eids.length === 1 ? eids[0] : undefined;
}

function refusal(code: number): Uint8Array {
  return ProvideEimPackageResultResponse.encode({
    type: 'provideEimPackageResultError',
    value: code,
  });
}
