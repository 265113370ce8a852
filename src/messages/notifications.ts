/** What an eUICC reports of its own accord: installation results and notifications (SGP.22 2.5.6, 5.7.10; SGP.32 6.3.2.4). */
import {
  Certificate,
  Iccid,
  NotificationEvent,
  Octet16,
  signature,
  TransactionId,
} from './basic.ts';
import { boolean, integer, objectIdentifier, octetString, utf8String } from './primitives.ts';
import {
  application,
  choice,
  context,
  define,
  type Infer,
  openChoice,
  optional,
  sequence,
  sequenceOf,
  signed,
  withDefault,
} from './schema.ts';

/** Tag BF2F: seqNumber [0], profileManagementOperation [1] one bit, notificationAddress an FQDN, iccid 5A. */
export const NotificationMetadata = define(
  'NotificationMetadata',
  context(
    47,
    sequence({
      seqNumber: context(0, integer()),
      profileManagementOperation: context(1, NotificationEvent),
      notificationAddress: utf8String(),
      iccid: optional(Iccid),
    }),
  ),
);
export type NotificationMetadata = Infer<typeof NotificationMetadata>;

/** The command at which a bound profile package failed. */
export const BppCommandId = {
  initialiseSecureChannel: 0,
  configureISDP: 1,
  storeMetadata: 2,
  storeMetadata2: 3,
  replaceSessionKeys: 4,
  loadProfileElements: 5,
} as const;

/** Why a bound profile package failed. */
export const ErrorReason = {
  incorrectInputValues: 1,
  invalidSignature: 2,
  invalidTransactionId: 3,
  unsupportedCrtValues: 4,
  unsupportedRemoteOperationType: 5,
  unsupportedProfileClass: 6,
  scp03tStructureError: 7,
  scp03tSecurityError: 8,
  installFailedDueToIccidAlreadyExistsOnEuicc: 9,
  installFailedDueToInsufficientMemoryForProfile: 10,
  installFailedDueToInterruption: 11,
  installFailedDueToPEProcessingError: 12,
  installFailedDueToDataMismatch: 13,
  testProfileInstallFailedDueToInvalidNaaKey: 14,
  pprNotAllowed: 15,
  installFailedDueToUnknownError: 127,
} as const;

/** aid 4F of the ISD-P; simaResponse holds one EUICCResponse or several. */
export const SuccessResult = define(
  'SuccessResult',
  sequence({ aid: application(15, octetString(5, 16)), simaResponse: octetString() }),
);

/** bppCommandId [0], errorReason [1], simaResponse [2]. */
export const ErrorResult = define(
  'ErrorResult',
  sequence({
    bppCommandId: integer(BppCommandId),
    errorReason: integer(ErrorReason),
    simaResponse: optional(octetString()),
  }),
);

/** Signed by the eUICC, tag BF27: transactionId [0] of the SM-DP+, BF2F, smdpOid, finalResult [2]. */
export const ProfileInstallationResultData = define(
  'ProfileInstallationResultData',
  context(
    39,
    sequence({
      transactionId: context(0, TransactionId),
      notificationMetadata: context(47, NotificationMetadata),
      smdpOid: objectIdentifier(),
      finalResult: context(2, choice({ successResult: SuccessResult, errorResult: ErrorResult })),
    }),
  ),
);
export type ProfileInstallationResultData = Infer<typeof ProfileInstallationResultData>;

/** SGP.22 2.5.6, tag BF37: the end of every download. */
export const ProfileInstallationResult = define(
  'ProfileInstallationResult',
  context(
    55,
    sequence({
      profileInstallationResultData: context(39, signed(ProfileInstallationResultData)),
      euiccSignPIR: signature,
    }),
  ),
);
export type ProfileInstallationResult = Infer<typeof ProfileInstallationResult>;

/** SGP.22 5.7.10, `30 …`: the signature covers the BF2F element. */
export const OtherSignedNotification = define(
  'OtherSignedNotification',
  sequence({
    tbsOtherNotification: signed(NotificationMetadata),
    euiccNotificationSignature: signature,
    euiccCertificate: Certificate,
    eumCertificate: Certificate,
  }),
);
export type OtherSignedNotification = Infer<typeof OtherSignedNotification>;

/** compactAid 4F: octets 14 and 15 of the AID; simaResponse only where it is not plain success. */
export const CompactSuccessResult = define(
  'CompactSuccessResult',
  sequence({
    compactAid: application(15, octetString(2)),
    simaResponse: optional(octetString()),
  }),
);

/** transactionId [0], seqNumber 02, iccidPresent 01 unless TRUE, compactFinalResult [2]. */
export const CompactProfileInstallationResultData = define(
  'CompactProfileInstallationResultData',
  sequence({
    transactionId: context(0, TransactionId),
    seqNumber: integer(),
    iccidPresent: withDefault(boolean(), true),
    compactFinalResult: context(
      2,
      choice({ compactSuccessResult: CompactSuccessResult, errorResult: ErrorResult }),
    ),
  }),
);

/** SGP.32 (minimizeEsipaBytes); the signature covers the full ProfileInstallationResultData all the same. */
export const CompactProfileInstallationResult = define(
  'CompactProfileInstallationResult',
  sequence({
    compactProfileInstallationResultData: context(0, CompactProfileInstallationResultData),
    euiccSignPIR: signature,
  }),
);
export type CompactProfileInstallationResult = Infer<typeof CompactProfileInstallationResult>;

/** SGP.32: without the certificates; eidValue 5A since v1.2. */
export const CompactOtherSignedNotification = define(
  'CompactOtherSignedNotification',
  sequence({
    eidValue: optional(application(26, Octet16)),
    tbsOtherNotification: signed(NotificationMetadata),
    euiccNotificationSignature: signature,
  }),
);
export type CompactOtherSignedNotification = Infer<typeof CompactOtherSignedNotification>;

/** BF37, 30, or the compact forms under A0 and A1. */
export const PendingNotification = define(
  'PendingNotification',
  openChoice({
    profileInstallationResult: context(55, ProfileInstallationResult),
    otherSignedNotification: OtherSignedNotification,
    compactProfileInstallationResult: context(0, CompactProfileInstallationResult),
    compactOtherSignedNotification: context(1, CompactOtherSignedNotification),
  }),
);
export type PendingNotification = Infer<typeof PendingNotification>;

export const PendingNotificationList = define(
  'PendingNotificationList',
  sequenceOf(PendingNotification),
);
