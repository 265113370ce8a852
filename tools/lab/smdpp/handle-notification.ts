/** ES9+.HandleNotification (SGP.22 5.6.4): results and notifications, verified before they are believed. */
import { toHex } from '../../../src/base/bytes.ts';
import { type Eid, type Iccid, iccidOf } from '../../../src/messages/ids.ts';
import {
  type NotificationMetadata,
  type OtherSignedNotification,
  PendingNotification,
  type ProfileInstallationResult,
} from '../../../src/messages/notifications.ts';
import { ChainError } from '../../../src/trust/chain-error.ts';
import { verifyEcdsa } from '../../../src/trust/ecdsa.ts';
import { checkEuiccChain } from '../../../src/trust/euicc-chain.ts';
import type { Call } from '../server/door.ts';
import type { InstallationOutcome, ReceivedNotification } from './notification-log.ts';
import type { ProfileEvent } from './profile-metadata.ts';
import { tellOperator } from './progress.ts';
import type { Download } from './session.ts';
import { settle } from './settle.ts';
import type { Smdp } from './smdp.ts';
import { tolerant } from './tolerant.ts';

const events: Readonly<Record<string, ProfileEvent>> = {
  notificationInstall: 'install',
  notificationEnable: 'enable',
  notificationDisable: 'disable',
  notificationDelete: 'delete',
};

/** A notification that is not believed, and why. */
class Disbelief extends Error {
  override readonly name = 'Disbelief';
}

/**
 * Keeps the notification, and takes its order on. Never refuses: eUICCs repeat a notification until it is taken, so
 * one that is not believed is kept as such. Duplicates (same EID and number) change nothing.
 * @param raw the pendingNotification as it came
 */
export function handleNotification(smdp: Smdp, raw: Uint8Array, call: Call): ReceivedNotification {
  const pending = tolerant(() => PendingNotification.decode(raw));
  switch (pending?.type) {
    case 'profileInstallationResult':
      return handleInstallationResult(smdp, pending.value, raw, call);
    case 'otherSignedNotification':
      return handleOther(smdp, pending.value, raw, call);
    default:
      return keep(smdp, raw, { kind: 'unreadable', complaint: 'no ES9+ notification' });
  }
}

function handleInstallationResult(
  smdp: Smdp,
  result: ProfileInstallationResult,
  raw: Uint8Array,
  call: Call,
): ReceivedNotification {
  const { notificationMetadata, transactionId, finalResult } =
    result.profileInstallationResultData.value;
  const download = smdp.downloads.get(toHex(transactionId));
  const facts = {
    kind: 'installation' as const,
    ...factsOf(notificationMetadata),
    outcome: outcomeOf(finalResult),
    ...(download && { eid: download.eid }),
  };
  return believe(smdp, raw, facts, () => {
    if (download === undefined) throw new Disbelief('unknown transactionId');
    call.eid = download.eid;
    checkInstallationResult(smdp, result, download, facts.iccid);
    return {
      eid: download.eid,
      effect() {
        const { order } = download;
        smdp.sessions.delete(toHex(transactionId));
        const { eid } = download;
        if (facts.outcome.type === 'installed') {
          if (!order.reusable) order.eid = eid;
          tellOperator(smdp, order, 'installation', { eid, result: raw });
          settle(smdp, order, { type: 'installed' });
          return;
        }
        const { bppCommandId, errorReason } = facts.outcome;
        const reported = { subjectCode: '8.2.10', reasonCode: '4.2' };
        tellOperator(smdp, order, 'installation', { eid, result: raw, failure: reported });
        const failure = { cause: 'installation', bppCommandId, errorReason } as const;
        settle(smdp, order, { type: 'failed', failure });
      },
    };
  });
}

function checkInstallationResult(
  smdp: Smdp,
  { profileInstallationResultData: data, euiccSignPIR }: ProfileInstallationResult,
  { euiccKey, order }: Download,
  iccid: Iccid | undefined,
): void {
  if (!verifyEcdsa(euiccKey, data.raw, euiccSignPIR))
    throw new Disbelief('the signature does not fit');
  if (data.value.smdpOid !== smdp.oid) throw new Disbelief('the smdpOid of another SM-DP+');
  // A failed installation may name the ICCID that it failed for.
  if (data.value.finalResult.type === 'successResult' && iccid !== order.iccid) {
    throw new Disbelief('the ICCID of another profile');
  }
}

function handleOther(
  smdp: Smdp,
  notification: OtherSignedNotification,
  raw: Uint8Array,
  call: Call,
): ReceivedNotification {
  const { tbsOtherNotification, euiccNotificationSignature } = notification;
  const { euiccCertificate, eumCertificate } = notification;
  const metadata = tbsOtherNotification.value;
  const [bit, ...more] = metadata.profileManagementOperation;
  const kind = bit === undefined ? undefined : events[bit];
  const facts = { kind: kind ?? ('unreadable' as const), ...factsOf(metadata) };
  return believe(smdp, raw, facts, () => {
    if (kind === undefined || more.length > 0) throw new Disbelief('not exactly one event');
    const { roots, clock } = smdp;
    const chain = { euiccCertificate, eumCertificate, roots, now: clock.now() };
    const { eid, publicKey } = checkEuiccChain(chain);
    call.eid = eid;
    if (!verifyEcdsa(publicKey, tbsOtherNotification.raw, euiccNotificationSignature)) {
      throw new Disbelief('the signature does not fit');
    }
    return {
      eid,
      effect() {
        if (facts.iccid === undefined) return;
        const order = smdp.orders.installedOn(eid, facts.iccid);
        if (order === undefined || kind === 'install') return;
        tellOperator(smdp, order, kind, { eid, result: raw });
        if (kind === 'delete') settle(smdp, order, { type: 'deleted' });
      },
    };
  });
}

type Facts = Pick<ReceivedNotification, 'kind'> &
  Partial<Omit<ReceivedNotification, 'kind' | 'raw' | 'received' | 'times' | 'verified'>>;

/** Runs the checks; what passes takes effect, once. */
function believe(
  smdp: Smdp,
  raw: Uint8Array,
  facts: Facts & { readonly seqNumber: number },
  check: () => { readonly eid: Eid; readonly effect: () => void },
): ReceivedNotification {
  try {
    const { eid, effect } = check();
    const earlier = smdp.notifications.find(eid, facts.seqNumber);
    if (earlier !== undefined) {
      earlier.times++;
      return earlier;
    }
    effect();
    return keep(smdp, raw, { ...facts, eid });
  } catch (error) {
    if (!(error instanceof Disbelief || error instanceof ChainError)) throw error;
    return keep(smdp, raw, { ...facts, complaint: error.message });
  }
}

function keep(smdp: Smdp, raw: Uint8Array, facts: Facts): ReceivedNotification {
  if (facts.complaint !== undefined)
    smdp.log.drop('notification not believed', { why: facts.complaint });
  return smdp.notifications.add({
    ...facts,
    received: smdp.clock.now(),
    raw: raw.slice(),
    verified: facts.complaint === undefined,
  });
}

function factsOf({ seqNumber, notificationAddress, iccid }: NotificationMetadata) {
  return { seqNumber, notificationAddress, ...(iccid && { iccid: iccidOf(iccid) }) };
}

function outcomeOf(
  result: ProfileInstallationResult['profileInstallationResultData']['value']['finalResult'],
): InstallationOutcome {
  if (result.type === 'successResult') return { type: 'installed', aid: result.value.aid.slice() };
  const { bppCommandId, errorReason, simaResponse } = result.value;
  return {
    type: 'failed',
    bppCommandId,
    errorReason,
    ...(simaResponse && { simaResponse: simaResponse.slice() }),
  };
}
