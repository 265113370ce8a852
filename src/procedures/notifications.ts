/**
 * Notifications of the eUICC (SGP.32 3.7): verified where a session tells whose they are, kept, and taken to their
 * SM-DP+ until it has them (notification-delivery.ts). The device hears success once they are in the store: then it
 * may forget them.
 */
import { toHex } from '../base/bytes.ts';
import type { Eid } from '../messages/ids.ts';
import {
  BppCommandId,
  ErrorReason,
  type OtherSignedNotification,
  PendingNotification,
  type ProfileInstallationResult,
} from '../messages/notifications.ts';
import { nameOf } from '../messages/primitives.ts';
import type { Finish } from '../orders/orders.ts';
import { ChainError } from '../trust/chain-error.ts';
import { verifyEcdsa } from '../trust/ecdsa.ts';
import { checkEuiccChain } from '../trust/euicc-chain.ts';
import { type Caller, callerText, type Eim, maySpeakFor } from './eim.ts';
import { endOrder } from './end-order.ts';
import { publicKeyOf } from './euicc-package-result.ts';
import { keepNotification } from './notification-delivery.ts';
import { withInstalled } from './profiles.ts';
import { type Transaction, transactionOf } from './transactions.ts';

/** Takes a notification. Returns its seqNumber once it is kept; undefined where it is not believed, and not kept. */
export async function takeNotification(
  eim: Eim,
  caller: Caller,
  notification: PendingNotification,
): Promise<number | undefined> {
  switch (notification.type) {
    case 'profileInstallationResult':
      return installationResult(eim, caller, notification.value);
    case 'otherSignedNotification':
      return otherNotification(eim, caller, notification.value);
    default:
      eim.log.warn('notification in a form that is not built yet', { form: notification.type });
      return undefined;
  }
}

/** The end of a download, good or bad: decides its order. */
async function installationResult(
  eim: Eim,
  caller: Caller,
  result: ProfileInstallationResult,
): Promise<number | undefined> {
  const { value, raw } = result.profileInstallationResultData;
  const transaction = await transactionOf(eim, value.transactionId);
  if (transaction === undefined || !maySpeakFor(eim, caller, transaction.eid)) {
    eim.log.warn('installation result of a session that is not known', {
      transactionId: toHex(value.transactionId),
      by: callerText(caller),
    });
    return undefined;
  }
  const { eid, orderId } = transaction;
  const record = await eim.euiccs.ensure(eid);
  const key = publicKeyOf(record);
  if (!record.consumerEuicc && (key === undefined || !verifyEcdsa(key, raw, result.euiccSignPIR))) {
    const because =
      key === undefined
        ? 'the key of this eUICC is not known'
        : "its signature does not fit the eUICC's key";
    eim.log.warn('installation result not believed', { eid, order: orderId, because });
    await eim.orders.note(orderId, 'installation result not believed', because);
    return undefined;
  }
  const { seqNumber, notificationAddress } = value.notificationMetadata;
  const kept = keepNotification(eim, {
    eid,
    seqNumber,
    // The SM-DP+ of the session, where the activation code led, whatever the profile calls it.
    address: transaction.smdpAddress,
    announcedAddress: notificationAddress,
    pendingNotification: PendingNotification.encode({
      type: 'profileInstallationResult',
      value: result,
    }),
  });
  const installed = value.finalResult.type === 'successResult';
  const iccid = value.notificationMetadata.iccid ?? undefined;
  const profiles =
    installed && iccid !== undefined
      ? withInstalled(record.profiles, iccid, value.finalResult.value, eim.clock.now())
      : undefined;
  await endOrder(eim, orderId, finish(value.finalResult, iccid, transaction), [
    ...kept.changes,
    ...(profiles === undefined ? [] : eim.euiccs.change(eid, { profiles })),
  ]);
  kept.deliver();
  return seqNumber;
}

function finish(
  final: ProfileInstallationResult['profileInstallationResultData']['value']['finalResult'],
  iccid: Uint8Array | undefined,
  transaction: Transaction,
): Finish {
  if (final.type === 'successResult') {
    const shown = iccid === undefined ? transaction.iccid : toHex(iccid);
    return {
      success: true,
      outcome: [
        {
          profileInstallationResult: {
            finalResult: 'successResult',
            ...(shown === undefined ? {} : { iccid: shown }),
          },
        },
      ],
      reason: "the eUICC's signed installation result: installed, disabled",
    };
  }
  const { bppCommandId, errorReason } = final.value;
  const where = nameOf(BppCommandId, bppCommandId);
  const why = nameOf(ErrorReason, errorReason);
  return {
    success: false,
    outcome: [{ profileInstallationResult: { finalResult: 'errorResult' } }],
    reason: `the eUICC's signed installation result: ${why} at ${where}`,
  };
}

/** Enabled, disabled, deleted, or installed: verified by the chain that it carries. */
async function otherNotification(
  eim: Eim,
  caller: Caller,
  notification: OtherSignedNotification,
): Promise<number | undefined> {
  const { value, raw } = notification.tbsOtherNotification;
  let eid: Eid;
  try {
    const proven = checkEuiccChain({
      euiccCertificate: notification.euiccCertificate,
      eumCertificate: notification.eumCertificate,
      roots: eim.roots,
      now: eim.clock.now(),
    });
    eid = proven.eid;
    if (!verifyEcdsa(proven.publicKey, raw, notification.euiccNotificationSignature)) {
      eim.log.warn('notification not believed: its signature does not fit', { eid });
      return undefined;
    }
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    eim.log.warn('notification not believed', { because: error.message, by: callerText(caller) });
    return undefined;
  }
  if (!maySpeakFor(eim, caller, eid)) {
    eim.log.warn('notification of an EID that the caller may not speak for', {
      eid,
      by: callerText(caller),
    });
    return undefined;
  }
  const kept = keepNotification(eim, {
    eid,
    seqNumber: value.seqNumber,
    address: value.notificationAddress,
    announcedAddress: value.notificationAddress,
    pendingNotification: PendingNotification.encode({
      type: 'otherSignedNotification',
      value: notification,
    }),
  });
  await eim.store.commit(kept.changes);
  kept.deliver();
  return value.seqNumber;
}
