/** What the eIM may ask the IPA about itself, the device and the eUICC (SGP.32 2.11.1.2, 2.11.2.2). */

import { Certificate, NotificationEvent, TransactionId } from './basic.ts';
import { EuiccPackageResultList } from './euicc-package.ts';
import {
  ipaEuiccDataAsV10,
  ipaEuiccDataBare,
  ipaEuiccDataErrorBare,
  notificationListAsV10,
} from './field-shapes.ts';
import { PendingNotificationList } from './notifications.ts';
import { bitString, integer, octetString, opaque, utf8String } from './primitives.ts';
import { DeviceInfo } from './rsp.ts';
import { application, choice, context, define, type Infer, optional, sequence } from './schema.ts';
import { tolerating } from './tolerating.ts';

/** Tag BF52: tagList 5C, euiccCiPKIdentifierToBeUsed 04, criteria [1] and [2], eimTransactionId [3]. */
export const IpaEuiccDataRequest = define(
  'IpaEuiccDataRequest',
  context(
    82,
    sequence({
      tagList: application(28, octetString()),
      euiccCiPKIdentifierToBeUsed: optional(octetString()),
      searchCriteriaNotification: optional(
        context(
          1,
          choice({
            seqNumber: context(0, integer()),
            profileManagementOperation: context(1, NotificationEvent),
          }),
        ),
      ),
      searchCriteriaEuiccPackageResult: optional(
        context(2, choice({ seqNumber: context(0, integer()) })),
      ),
      eimTransactionId: optional(context(3, TransactionId)),
    }),
  ),
);
export type IpaEuiccDataRequest = Infer<typeof IpaEuiccDataRequest>;

export const IpaEuiccDataErrorCode = {
  incorrectTagList: 1,
  euiccCiPKIdNotFound: 5,
  ecallActive: 104,
  undefinedError: 127,
} as const;

/** eimTransactionId [0]; the code keeps the universal tag 02. */
export const IpaEuiccDataResponseError = define(
  'IpaEuiccDataResponseError',
  sequence({
    eimTransactionId: optional(context(0, TransactionId)),
    ipaEuiccDataErrorCode: integer(IpaEuiccDataErrorCode),
  }),
);

export const IpaCapabilities = define(
  'IpaCapabilities',
  sequence({
    ipaFeatures: context(
      0,
      bitString([
        'directRspServerCommunication',
        'indirectRspServerCommunication',
        'eimDownloadDataHandling',
        'eimCtxParams1Generation',
        'eimProfileMetadataVerification',
        'minimizeEsipaBytes',
      ]),
    ),
    ipaSupportedProtocols: optional(
      context(
        1,
        bitString([
          'ipaRetrieveHttps',
          'ipaRetrieveCoaps',
          'ipaInjectHttps',
          'ipaInjectCoaps',
          'ipaProprietary',
        ]),
      ),
    ),
  }),
);
export type IpaCapabilities = Infer<typeof IpaCapabilities>;

/**
 * What was asked for and is there: [0] to [9] in the order of the module; euiccInfo1 BF20 and euiccInfo2 BF22 whole, as
 * later signatures are rebuilt of these very bytes (EUICCInfo1.decode, EUICCInfo2.decode read them).
 */
export const IpaEuiccData = define(
  'IpaEuiccData',
  tolerating(
    sequence({
      notificationsList: optional(
        tolerating(context(0, PendingNotificationList), notificationListAsV10),
      ),
      defaultSmdpAddress: optional(context(1, utf8String())),
      euiccPackageResultList: optional(context(2, EuiccPackageResultList)),
      euiccInfo1: optional(context(32, opaque('EUICCInfo1', 0xbf20))),
      euiccInfo2: optional(context(34, opaque('EUICCInfo2', 0xbf22))),
      rootSmdsAddress: optional(context(3, utf8String())),
      associationToken: optional(context(4, integer())),
      eumCertificate: optional(context(5, Certificate)),
      euiccCertificate: optional(context(6, Certificate)),
      eimTransactionId: optional(context(7, TransactionId)),
      ipaCapabilities: optional(context(8, IpaCapabilities)),
      deviceInfo: optional(context(9, DeviceInfo)),
    }),
    ipaEuiccDataAsV10,
  ),
);
export type IpaEuiccData = Infer<typeof IpaEuiccData>;

/** Tag BF52: A0 with the data, or A1. */
export const IpaEuiccDataResponse = define(
  'IpaEuiccDataResponse',
  tolerating(
    context(
      82,
      choice({
        ipaEuiccData: IpaEuiccData,
        ipaEuiccDataResponseError: IpaEuiccDataResponseError,
      }),
    ),
    ipaEuiccDataErrorBare,
    ipaEuiccDataBare,
  ),
);
export type IpaEuiccDataResponse = Infer<typeof IpaEuiccDataResponse>;
