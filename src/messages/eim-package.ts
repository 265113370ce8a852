/** eIM Packages: how an IPA fetches them, what comes of them, and what the eIM acknowledges (SGP.32 6.3.2.6, 6.3.2.7). */

import { Octet16, TransactionId } from './basic.ts';
import { EuiccPackageRequest, EuiccPackageResult } from './euicc-package.ts';
import { eimPackageResultErrorAsV10, notificationListAsV10, rplmnAsV10 } from './field-shapes.ts';
import { eidLength } from './ids.ts';
import { IpaEuiccDataRequest, IpaEuiccDataResponse } from './ipa-euicc-data.ts';
import { PendingNotificationList } from './notifications.ts';
import { integer, nothing, octetString } from './primitives.ts';
import { ProfileDownloadTriggerRequest, ProfileDownloadTriggerResult } from './profile-download.ts';
import {
  application,
  choice,
  context,
  define,
  type Infer,
  optional,
  sequence,
  sequenceOf,
} from './schema.ts';
import { tolerating } from './tolerating.ts';

export const StateChangeCause = {
  otherEim: 0,
  fallback: 1,
  emergencyProfile: 2,
  local: 3,
  reset: 4,
  immediateEnableProfile: 5,
  deviceChange: 6,
  undefined: 127,
} as const;

/** SGP.32 6.3.2.6, tag BF4F: eidValue 5A, notifyStateChange [0], stateChangeCause [1], rPLMN [2] as in TS 24.008. */
export const GetEimPackageRequest = define(
  'GetEimPackageRequest',
  tolerating(
    context(
      79,
      sequence({
        eidValue: application(26, Octet16),
        notifyStateChange: optional(context(0, nothing())),
        stateChangeCause: optional(context(1, integer(StateChangeCause))),
        rPLMN: optional(context(2, octetString(3))),
      }),
    ),
    rplmnAsV10,
  ),
);
export type GetEimPackageRequest = Infer<typeof GetEimPackageRequest>;

/** A GetEimPackageRequest with nothing but an EID, up to that: what nearly every device says nearly always. */
const barePoll = Uint8Array.of(0xbf, 0x4f, 0x12, 0x5a, 0x10);

/** Where the EID begins in such a message. */
export const eidInBarePoll = barePoll.length;

/** Whether this is such a message, which needs no reading; of all others the declaration above is the judge. */
export function isBarePoll(message: Uint8Array): boolean {
  if (message.length !== barePoll.length + eidLength) return false;
  for (let at = 0; at < barePoll.length; at++) if (message[at] !== barePoll[at]) return false;
  return true;
}

export const EimPackageError = {
  noEimPackageAvailable: 1,
  eidNotFound: 2,
  invalidEid: 3,
  missingEid: 4,
  undefinedError: 127,
} as const;

/** SGP.32 6.3.2.6, tag BF4F. */
export const GetEimPackageResponse = define(
  'GetEimPackageResponse',
  context(
    79,
    choice({
      euiccPackageRequest: context(81, EuiccPackageRequest),
      ipaEuiccDataRequest: context(82, IpaEuiccDataRequest),
      profileDownloadTriggerRequest: context(84, ProfileDownloadTriggerRequest),
      eimPackageError: integer(EimPackageError),
    }),
  ),
);
export type GetEimPackageResponse = Infer<typeof GetEimPackageResponse>;

export const EimPackageResultErrorCode = {
  invalidPackageFormat: 1,
  unknownPackage: 2,
  undefinedError: 127,
} as const;

/** eimTransactionId [0]; the code keeps the universal tag 02. */
export const EimPackageResultResponseError = define(
  'EimPackageResultResponseError',
  sequence({
    eimTransactionId: optional(context(0, TransactionId)),
    eimPackageResultErrorCode: integer(EimPackageResultErrorCode),
  }),
);

const ePRAndNotifications = sequence({
  euiccPackageResult: context(81, EuiccPackageResult),
  notificationList: tolerating(context(0, PendingNotificationList), notificationListAsV10),
});

export const EimPackageResult = define(
  'EimPackageResult',
  tolerating(
    choice({
      euiccPackageResult: context(81, EuiccPackageResult),
      ePRAndNotifications,
      ipaEuiccDataResponse: context(82, IpaEuiccDataResponse),
      profileDownloadTriggerResult: context(84, ProfileDownloadTriggerResult),
      eimPackageResultResponseError: context(0, EimPackageResultResponseError),
    }),
    eimPackageResultErrorAsV10,
  ),
);
export type EimPackageResult = Infer<typeof EimPackageResult>;

/** SGP.32 6.3.2.7, tag BF50: eidValue 5A, then what came of the package. */
export const ProvideEimPackageResult = define(
  'ProvideEimPackageResult',
  context(
    80,
    sequence({
      eidValue: optional(application(26, Octet16)),
      eimPackageResult: EimPackageResult,
    }),
  ),
);
export type ProvideEimPackageResult = Infer<typeof ProvideEimPackageResult>;

export const SequenceNumber = define('SequenceNumber', context(0, integer()));

/** Tag BF53: the eUICC's own sequence numbers, of notifications and package results that may now be removed. */
export const EimAcknowledgements = define(
  'EimAcknowledgements',
  context(83, sequenceOf(SequenceNumber)),
);
export type EimAcknowledgements = Infer<typeof EimAcknowledgements>;

export const ProvideEimPackageResultError = {
  eidNotFound: 2,
  invalidEid: 3,
  missingEid: 4,
  undefinedError: 127,
} as const;

/** SGP.32 6.3.2.7, tag BF50. */
export const ProvideEimPackageResultResponse = define(
  'ProvideEimPackageResultResponse',
  context(
    80,
    choice({
      eimAcknowledgements: context(83, EimAcknowledgements),
      emptyResponse: sequence({}),
      provideEimPackageResultError: integer(ProvideEimPackageResultError),
    }),
  ),
);
export type ProvideEimPackageResultResponse = Infer<typeof ProvideEimPackageResultResponse>;

/** Injection, eIM to IPA, tag BF4E. */
export const TransferEimPackageRequest = define(
  'TransferEimPackageRequest',
  context(
    78,
    choice({
      euiccPackageRequest: context(81, EuiccPackageRequest),
      ipaEuiccDataRequest: context(82, IpaEuiccDataRequest),
      eimAcknowledgements: context(83, EimAcknowledgements),
      profileDownloadTriggerRequest: context(84, ProfileDownloadTriggerRequest),
    }),
  ),
);
export type TransferEimPackageRequest = Infer<typeof TransferEimPackageRequest>;

/** Injection, IPA to eIM, tag BF4E; eimPackageReceived says that the result comes later. */
export const TransferEimPackageResponse = define(
  'TransferEimPackageResponse',
  context(
    78,
    choice({
      euiccPackageResult: context(81, EuiccPackageResult),
      ePRAndNotifications,
      ipaEuiccDataResponse: context(82, IpaEuiccDataResponse),
      eimPackageReceived: nothing(),
      eimPackageError: integer(EimPackageResultErrorCode),
    }),
  ),
);
export type TransferEimPackageResponse = Infer<typeof TransferEimPackageResponse>;
