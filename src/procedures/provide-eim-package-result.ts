/**
 * The IPA's answer to an eIM package (SGP.32 3.1.1.1, ESipa.ProvideEimPackageResult 6.3.2.7): matched to its order,
 * verified, kept, and only then acknowledged.
 */
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
import type { Outcome } from '../orders/order.ts';
import { eimPackageError, procedureError } from '../orders/outcome.ts';
import { type Caller, callerText, type Eim, maySpeakFor } from './eim.ts';
import { endOrder } from './end-order.ts';
import { euiccPackageResult } from './euicc-package-result.ts';
import { ipaEuiccDataResponse } from './ipa-euicc-data.ts';
import { takeNotification } from './notifications.ts';

/** Returns the ProvideEimPackageResultResponse, `BF50…`. */
export async function provideEimPackageResult(
  eim: Eim,
  caller: Caller,
  message: ProvideEimPackageResult,
): Promise<Uint8Array> {
  const eid = await eidOfResult(eim, caller, message);
  if (typeof eid === 'number') return refusal(eid);
  return eim.serial.run(eid, async () => {
    const answer = await take(eim, caller, eid, message.eimPackageResult);
    if (typeof answer === 'number') return refusal(answer);
    if (answer.length === 0) {
      return ProvideEimPackageResultResponse.encode({ type: 'emptyResponse', value: {} });
    }
    return ProvideEimPackageResultResponse.encode({ type: 'eimAcknowledgements', value: answer });
  });
}

/** What became of it: the eUICC's sequence numbers to acknowledge, or an error code. */
type Taken = readonly number[] | number;

async function take(eim: Eim, caller: Caller, eid: Eid, result: EimPackageResult): Promise<Taken> {
  switch (result.type) {
    case 'euiccPackageResult':
      return takePackageResult(eim, caller, eid, result.value, []);
    case 'ePRAndNotifications':
      return takePackageResult(
        eim,
        caller,
        eid,
        result.value.euiccPackageResult,
        result.value.notificationList,
      );
    case 'ipaEuiccDataResponse':
      await ipaEuiccDataResponse(eim, eid, result.value);
      return [];
    case 'profileDownloadTriggerResult':
      return triggerResult(eim, caller, eid, result.value);
    case 'eimPackageResultResponseError': {
      const { eimTransactionId, eimPackageResultErrorCode } = result.value;
      const name = nameOf(EimPackageResultErrorCode, eimPackageResultErrorCode);
      await endCurrent(eim, eid, eimTransactionId, {
        outcome: eimPackageError(eimPackageResultErrorCode),
        reason: `the IPA could not handle the eIM package: ${name}`,
      });
      return [];
    }
  }
}

async function takePackageResult(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  result: EuiccPackageResult,
  notifications: readonly PendingNotification[],
): Promise<Taken> {
  const answer = await euiccPackageResult(eim, eid, result);
  if (answer.type === 'other EID') return ProvideEimPackageResultError.eidNotFound;
  const acknowledged = answer.type === 'acknowledge' ? [answer.seqNumber] : [];
  for (const notification of notifications) {
    const seqNumber = await takeNotification(eim, caller, notification);
    if (seqNumber !== undefined) acknowledged.push(seqNumber);
  }
  return acknowledged;
}

/** What the IPA says of a download that it was triggered to do (SGP.32 2.11.2.3). */
async function triggerResult(
  eim: Eim,
  caller: Caller,
  eid: Eid,
  { eimTransactionId, profileDownloadTriggerResultData: data }: ProfileDownloadTriggerResult,
): Promise<Taken> {
  if (data.type === 'profileInstallationResult') {
    const seqNumber = await takeNotification(eim, caller, data);
    return seqNumber === undefined ? [] : [seqNumber];
  }
  const name = nameOf(ProfileDownloadErrorReason, data.value.profileDownloadErrorReason);
  await endCurrent(eim, eid, eimTransactionId, {
    outcome: procedureError('undefinedError'),
    reason: `the IPA could not download the profile: ${name}`,
  });
  return [];
}

/**
 * Ends the order in work that the IPA reports an error of. Unsigned: it must name the package's eimTransactionId, or
 * come from the peer that fetched the package.
 */
async function endCurrent(
  eim: Eim,
  eid: Eid,
  eimTransactionId: Uint8Array | undefined,
  { outcome, reason }: { readonly outcome: Outcome; readonly reason: string },
): Promise<void> {
  const order =
    eimTransactionId === undefined
      ? await eim.orders.next(eid)
      : await eim.orders.byTransaction(eid, eimTransactionId);
  if (order?.state.at !== 'work') {
    eim.log.info('an error report about nothing that is in work', { eid, what: reason });
    return;
  }
  await endOrder(eim, order.id, { success: false, outcome: [outcome], reason });
}

/**
 * Whose result it is: the EID in the message; where the IPA leaves it out, the one that this peer last polled for,
 * or the one EID of its PSK. A number is the error to answer.
 */
async function eidOfResult(
  eim: Eim,
  caller: Caller,
  { eidValue }: ProvideEimPackageResult,
): Promise<Eid | number> {
  let eid: Eid | undefined;
  if (eidValue === undefined) {
    eid = eim.polls.get(caller.peerId) ?? onlyEid(eim, caller);
    if (eid === undefined) return ProvideEimPackageResultError.missingEid;
  } else {
    try {
      eid = eidOf(eidValue);
    } catch (error) {
      if (!(error instanceof IdError)) throw error;
      return ProvideEimPackageResultError.invalidEid;
    }
  }
  const known = eim.devices.anyCovers(eid) || (await eim.euiccs.get(eid)) !== undefined;
  if (!known || !maySpeakFor(eim, caller, eid)) {
    eim.log.warn('result for an EID that is not known or not covered', {
      eid,
      by: callerText(caller),
    });
    return ProvideEimPackageResultError.eidNotFound;
  }
  return eid;
}

function onlyEid(eim: Eim, { pskIdentity }: Caller): Eid | undefined {
  const eids = pskIdentity === undefined ? [] : (eim.devices.get(pskIdentity)?.eids ?? []);
  return eids.length === 1 ? eids[0] : undefined;
}

function refusal(code: number): Uint8Array {
  return ProvideEimPackageResultResponse.encode({
    type: 'provideEimPackageResultError',
    value: code,
  });
}
