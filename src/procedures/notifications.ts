/**
 * Notifications of the eUICC (SGP.32 3.7): verified where a session tells whose they are, kept, and taken to their
 * SM-DP+ until it has them (notification-delivery.ts). The device hears success once they are in the store: then it
 * may forget them.
 */
import { hex, toHex } from '../base/bytes.ts';
import type { EuiccRecord } from '../fleet/euiccs.ts';
import { type Eid, eidOf, IdError, iccidOf } from '../messages/ids.ts';
import {
  type CompactOtherSignedNotification,
  type CompactProfileInstallationResult,
  type NotificationMetadata,
  type OtherSignedNotification,
  PendingNotification,
  type ProfileInstallationResult,
} from '../messages/notifications.ts';
import type { Change } from '../store/store.ts';
import { ChainError } from '../trust/chain-error.ts';
import { verifyEcdsa } from '../trust/ecdsa.ts';
import { checkEuiccChain } from '../trust/euicc-chain.ts';
import { directNotification, installNotified } from './direct-download.ts';
import { type Caller, callerText, type Eim, isKnown, maySpeakFor } from './eim.ts';
import { endOrder } from './end-order.ts';
import { CompactFormError, fullInstallationResult, fullOtherNotification } from './full-forms.ts';
import { disbelieve, doubtIn, finishOf, installed } from './installation-result.ts';
import { keyOf } from './learn-euicc.ts';
import { keepNotification, NotKeptError } from './notification-delivery.ts';
import { withNotified } from './profiles.ts';
import { doubtsAbout } from './settle.ts';
import { spokenFor } from './spoken-for.ts';
import { endTransaction, inSession, transactionOf } from './transactions.ts';

/** Characters of a host name, a colon and a port. */
const longestAddress = 260;

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
    case 'compactProfileInstallationResult':
    case 'compactOtherSignedNotification':
      return compactNotification(eim, caller, notification);
    default:
      eim.log.warn('notification of a kind that no standard has', { kind: notification.type });
      return undefined;
  }
}

type Compact = Extract<
  PendingNotification,
  { type: 'compactProfileInstallationResult' | 'compactOtherSignedNotification' }
>;

/** As the full notification that the eUICC signed. */
async function compactNotification(
  eim: Eim,
  caller: Caller,
  notification: Compact,
): Promise<number | undefined> {
  try {
    const compact = PendingNotification.encode(notification);
    const full =
      notification.type === 'compactProfileInstallationResult'
        ? await wholeResult(eim, notification.value, compact)
        : await wholeOther(eim, caller, notification.value, compact);
    return await takeNotification(eim, caller, PendingNotification.decode(full));
  } catch (error) {
    if (!(error instanceof CompactFormError)) throw error;
    if (error.isForLater) throw new NotKeptError(`a compact notification: ${error.message}`);
    eim.log.drop('notification not believed');
    eim.log.warn('a compact notification cannot be rebuilt', {
      because: error.message,
      by: callerText(caller),
    });
    return undefined;
  }
}

/** The installation result whose session tells what its compact form leaves out. */
async function wholeResult(
  eim: Eim,
  { compactProfileInstallationResultData: { transactionId } }: CompactProfileInstallationResult,
  compact: Uint8Array,
): Promise<Uint8Array> {
  const transaction = await transactionOf(eim, transactionId);
  const said = transaction?.said;
  if (transaction === undefined || said === undefined) {
    throw new CompactFormError('its session is not known');
  }
  const known = keyOf(eim, await eim.euiccs.ensure(transaction.eid));
  if ('doubt' in known) throw new CompactFormError(known.doubt, { isForLater: true });
  const { serverAddress, notificationAddresses = [], smdpOid, bindingOid } = said;
  const addresses = new Set([...notificationAddresses, serverAddress, transaction.smdpAddress]);
  const smdpOids = new Set([bindingOid, smdpOid].filter((oid) => oid !== undefined));
  const iccid = transaction.iccid === undefined ? undefined : hex(transaction.iccid);
  return fullInstallationResult(
    compact,
    { transactionId, addresses: [...addresses], smdpOids: [...smdpOids], iccid },
    known.key,
  );
}

/** As the eUICC signed it that the notification names; else as one did that the caller speaks for. Throws CompactFormError. */
async function wholeOther(
  eim: Eim,
  caller: Caller,
  { eidValue }: CompactOtherSignedNotification,
  compact: Uint8Array,
): Promise<Uint8Array> {
  const eids = eidValue === undefined ? await spokenFor(eim, caller) : [eidIn(eidValue)];
  let failure = new CompactFormError('whose it is is not known', { isForLater: true });
  for (const [i, eid] of eids.entries()) {
    try {
      return fullOtherNotification(compact, (await eim.euiccs.get(eid)) ?? {});
    } catch (error) {
      if (!(error instanceof CompactFormError)) throw error;
      // It may be of the one that is not known well enough.
      if (i === 0 || error.isForLater) failure = error;
    }
  }
  throw failure;
}

/** Throws CompactFormError. */
function eidIn(eidValue: Uint8Array): Eid {
  try {
    return eidOf(eidValue);
  } catch (error) {
    if (!(error instanceof IdError)) throw error;
    throw new CompactFormError(error.message);
  }
}

/** The end of a relayed download, good or bad: decides its order. */
async function installationResult(
  eim: Eim,
  caller: Caller,
  result: ProfileInstallationResult,
): Promise<number | undefined> {
  const { transactionId } = result.profileInstallationResultData.value;
  const transaction = await transactionOf(eim, transactionId);
  if (transaction === undefined) {
    const direct = await directNotification(eim, caller, result);
    if (direct !== undefined) return direct;
  }
  if (transaction === undefined || !maySpeakFor(eim, caller, transaction.eid)) {
    eim.log.drop('installation result of a session that is not known', {
      transactionId: toHex(transactionId),
      by: callerText(caller),
    });
    return undefined;
  }
  return inSession(eim, transactionId, () =>
    eim.serial.run(transaction.eid, () => sessionResult(eim, transactionId, result)),
  );
}

/** Runs within the session's turn and the EID's. */
async function sessionResult(
  eim: Eim,
  transactionId: Uint8Array,
  result: ProfileInstallationResult,
): Promise<number | undefined> {
  const transaction = await transactionOf(eim, transactionId);
  if (transaction === undefined) return undefined;
  const { eid, orderId } = transaction;
  const { seqNumber, notificationAddress } =
    result.profileInstallationResultData.value.notificationMetadata;
  const record = await eim.euiccs.ensure(eid);
  const doubt = doubtIn(eim, record, result);
  if (doubt !== undefined) {
    await disbelieve(eim, eid, orderId, doubt);
    return undefined;
  }
  if (transaction.ended !== undefined) {
    eim.log.info('installation result that came again', { eid, seq: seqNumber });
    return seqNumber;
  }
  const kept = await keepNotification(eim, {
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
  await endOrder(eim, orderId, finishOf(result, record, { iccid: transaction.iccid }), [
    ...kept.changes,
    ...(await endTransaction(eim, transaction)),
    ...installed(eim, record, orderId, result),
  ]);
  kept.deliver();
  return seqNumber;
}

/** What a proven notification changes in the picture; where it names a profile that is not in it, that is in doubt. */
function notified(eim: Eim, record: EuiccRecord, value: NotificationMetadata): readonly Change[] {
  const { eid, profiles } = record;
  const [event] = value.profileManagementOperation;
  if (profiles === undefined || event === undefined || value.iccid === undefined) return [];
  const iccid = iccidOf(value.iccid);
  const { seqNumber } = value;
  const told = withNotified(profiles, event, iccid, seqNumber);
  if (told === undefined) return [];
  const source = `${event} of profile ${iccid}, seqNumber ${seqNumber}`;
  const origin = { at: eim.clock.now(), source, sure: 'proven' } as const;
  return [
    ...eim.euiccs.change(eid, { profiles: told.after }, origin),
    ...(told.isKnown
      ? []
      : doubtsAbout(eim, record, ['profiles'], `${source}, which was not known`)),
  ];
}

/** Enabled, disabled, deleted, or installed: verified by the chain that it carries. */
async function otherNotification(
  eim: Eim,
  caller: Caller,
  notification: OtherSignedNotification,
): Promise<number | undefined> {
  const { value, raw } = notification.tbsOtherNotification;
  const { seqNumber, notificationAddress } = value;
  const drop = (because: string) => {
    eim.log.drop('notification not believed');
    eim.log.warn('notification not believed', { because, by: callerText(caller) });
    return undefined;
  };
  let eid: Eid;
  try {
    const proven = checkEuiccChain({
      euiccCertificate: notification.euiccCertificate,
      eumCertificate: notification.eumCertificate,
      roots: eim.roots,
      revocations: eim.revocations,
      // Whoever hears that it arrived forgets it: a stale list is no reason to lose it.
      believed: true,
      now: eim.clock.now(),
    });
    eid = proven.eid;
    if (!verifyEcdsa(proven.publicKey, raw, notification.euiccNotificationSignature)) {
      return drop(`its signature does not fit the key of eUICC ${eid}`);
    }
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    return drop(error.message);
  }
  if (!(await isKnown(eim, eid))) return drop(`eUICC ${eid} is not known here`);
  if (!maySpeakFor(eim, caller, eid)) return drop(`the caller may not speak for eUICC ${eid}`);
  if (notificationAddress.length > longestAddress) return drop('its address is no address');
  return eim.serial.run(eid, async () => {
    const kept = await keepNotification(eim, {
      eid,
      seqNumber,
      address: notificationAddress,
      announcedAddress: notificationAddress,
      pendingNotification: PendingNotification.encode({
        type: 'otherSignedNotification',
        value: notification,
      }),
    });
    const record = await eim.euiccs.ensure(eid);
    const changes = [...kept.changes, ...notified(eim, record, value)];
    if (!(await installNotified(eim, record, value, changes))) await eim.store.commit(changes);
    kept.deliver();
    return seqNumber;
  });
}
