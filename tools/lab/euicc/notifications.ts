/** Installation results and notifications: made, kept until removed, listed (SGP.22 5.7.9 to 5.7.11, SGP.32 5.9). */
import { hex, toHex } from '../../../src/base/bytes.ts';
import {
  DeleteNotificationStatus,
  ListNotificationRequest,
  NotificationSentRequest,
  NotificationSentResponse,
  RetrieveNotificationsListRequest,
} from '../../../src/messages/es10.ts';
import {
  NotificationMetadata,
  OtherSignedNotification,
  ProfileInstallationResult,
  ProfileInstallationResultData,
} from '../../../src/messages/notifications.ts';
import type { StoreMetadataRequest } from '../../../src/messages/rsp.ts';
import { signedOf } from '../../../src/messages/schema.ts';
import { tlv } from '../../../src/messages/tlv.ts';
import type { Chip } from './chip.ts';
import type { NotificationRecord } from './state.ts';

export type Event = NonNullable<NotificationMetadata['profileManagementOperation'][number]>;

export interface Installation {
  readonly transactionId: Uint8Array;
  readonly serverAddress: string;
  readonly smdpOid: string;
  /** Once the metadata has come. */
  readonly iccid?: Uint8Array;
  readonly finalResult: ProfileInstallationResultData['finalResult'];
}

/** Signs and keeps the ProfileInstallationResult, and returns it: `BF37…`. */
export function addInstallationResult(chip: Chip, installation: Installation): Uint8Array {
  const { transactionId, serverAddress, smdpOid, iccid, finalResult } = installation;
  const seqNumber = chip.nextSeqNumber();
  const notificationMetadata: NotificationMetadata = {
    seqNumber,
    profileManagementOperation: ['notificationInstall'],
    notificationAddress: serverAddress,
    iccid,
  };
  const profileInstallationResultData = signedOf(ProfileInstallationResultData, {
    transactionId,
    notificationMetadata,
    smdpOid,
    finalResult,
  });
  const bytes = ProfileInstallationResult.encode({
    profileInstallationResultData,
    euiccSignPIR: chip.sign(profileInstallationResultData.raw),
  });
  keep(chip, seqNumber, NotificationMetadata.encode(notificationMetadata), bytes);
  return bytes;
}

/**
 * A notification of `event` for each entry of the profile's configuration that asks for it, in its order; none for
 * `except`, who hears of it otherwise.
 */
export function addNotifications(
  chip: Chip,
  event: Event,
  metadata: StoreMetadataRequest,
  except?: string,
): void {
  for (const entry of metadata.notificationConfigurationInfo ?? []) {
    if (!entry.profileManagementOperation.includes(event)) continue;
    if (entry.notificationAddress === except) continue;
    const seqNumber = chip.nextSeqNumber();
    const tbsOtherNotification = signedOf(NotificationMetadata, {
      seqNumber,
      profileManagementOperation: [event],
      notificationAddress: entry.notificationAddress,
      iccid: metadata.iccid,
    });
    const bytes = OtherSignedNotification.encode({
      tbsOtherNotification,
      euiccNotificationSignature: chip.sign(tbsOtherNotification.raw),
      euiccCertificate: chip.options.credential.certificate,
      eumCertificate: chip.options.eumCertificate,
    });
    keep(chip, seqNumber, tbsOtherNotification.raw, bytes);
  }
}

function keep(chip: Chip, seqNumber: number, metadata: Uint8Array, bytes: Uint8Array): void {
  chip.state.notifications.push({ seqNumber, metadata: toHex(metadata), bytes: toHex(bytes) });
}

/** ListNotification, `BF28`: metadata of all, or of those with one of the events asked for. */
export function listNotifications(chip: Chip, command: Uint8Array): Uint8Array {
  const { profileManagementOperation } = ListNotificationRequest.decode(command);
  const found = chip.state.notifications.filter((record) =>
    isOf(record, profileManagementOperation),
  );
  return tlv(0xbf28, tlv(0xa0, ...found.map((record) => hex(record.metadata))));
}

/**
 * RetrieveNotificationsList, `BF2B`: notifications, or package results, as they were signed. A seqNumber that only a
 * package result has finds no notification (docs/interpretation-log.md).
 */
export function retrieveNotifications(chip: Chip, command: Uint8Array): Uint8Array {
  const { searchCriteria } = RetrieveNotificationsListRequest.decode(command);
  if (searchCriteria?.type === 'euiccPackageResults') {
    return tlv(0xbf2b, tlv(0xa2, ...chip.state.packageResults.map(({ bytes }) => hex(bytes))));
  }
  const found = chip.state.notifications.filter((record) => {
    if (searchCriteria?.type === 'seqNumber') return record.seqNumber === searchCriteria.value;
    return isOf(record, searchCriteria?.value);
  });
  return tlv(0xbf2b, tlv(0xa0, ...found.map((record) => hex(record.bytes))));
}

/** RemoveNotificationFromList, `BF30`: forgets a notification or a package result. */
export function removeNotification(chip: Chip, command: Uint8Array): Uint8Array {
  const { seqNumber } = NotificationSentRequest.decode(command);
  const { state } = chip;
  const before = state.notifications.length + state.packageResults.length;
  state.notifications = state.notifications.filter((record) => record.seqNumber !== seqNumber);
  state.packageResults = state.packageResults.filter((record) => record.seqNumber !== seqNumber);
  // The eIM has the result: what it tells of stays.
  if (state.rollback?.seqNumber === seqNumber) delete state.rollback;
  const removed = before - state.notifications.length - state.packageResults.length;
  return NotificationSentResponse.encode({
    deleteNotificationStatus:
      removed > 0 ? DeleteNotificationStatus.ok : DeleteNotificationStatus.nothingToDelete,
  });
}

function isOf(
  record: NotificationRecord,
  events: NotificationMetadata['profileManagementOperation'] | undefined,
): boolean {
  if (events === undefined) return true;
  const event = eventOf(record);
  return event !== undefined && events.includes(event);
}

/** What a notification tells of. */
export function eventOf(record: NotificationRecord): Event | undefined {
  return NotificationMetadata.decode(hex(record.metadata)).profileManagementOperation[0];
}
