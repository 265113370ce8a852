/** eUICC Packages, signed by the eIM, and their results, signed by the eUICC (SGP.32 2.11.1, 2.11.2). */

import { Octet16, signature, TransactionId } from './basic.ts';
import { AddEimResult, DeleteEimResult, Eco, ListEimResult, UpdateEimResult } from './eco.ts';
import {
  eimListBare,
  packageErrorCodeBare,
  packageResultBare,
  resultsWithoutList,
} from './field-shapes.ts';
import { integer, utf8String } from './primitives.ts';
import {
  ConfigureImmediateEnableResult,
  DeleteProfileResult,
  DisableProfileResult,
  EnableProfileResult,
  ProfileInfoListResponse,
  Psmo,
  RollbackProfileResult,
  RulesAuthorisationTable,
  SetDefaultDpAddressResponse,
  SetFallbackAttributeResult,
  UnsetFallbackAttributeResult,
} from './psmo.ts';
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
} from './schema.ts';
import { tolerating } from './tolerating.ts';

/** psmoList [0] or ecoList [1], never both. */
export const EuiccPackage = define(
  'EuiccPackage',
  choice({ psmoList: sequenceOf(Psmo), ecoList: sequenceOf(Eco) }),
);
export type EuiccPackage = Infer<typeof EuiccPackage>;

/** The highest counterValue that an eUICC takes (SGP.32 2.11.1.1). */
export const maxCounterValue = 0x7fffff;

/** Signed by the eIM, `30 …`: eimId [0], eidValue 5A, counterValue [1], eimTransactionId [2], euiccPackage. */
export const EuiccPackageSigned = define(
  'EuiccPackageSigned',
  sequence({
    eimId: context(0, utf8String(1, 128)),
    eidValue: application(26, Octet16),
    counterValue: context(1, integer()),
    eimTransactionId: optional(context(2, TransactionId)),
    euiccPackage: EuiccPackage,
  }),
);
export type EuiccPackageSigned = Infer<typeof EuiccPackageSigned>;

/** Tag BF51. The signature covers euiccPackageSigned and, behind it, the association token (`84 01 00` for none). */
export const EuiccPackageRequest = define(
  'EuiccPackageRequest',
  context(
    81,
    sequence({
      euiccPackageSigned: signed(EuiccPackageSigned),
      eimSignature: signature,
    }),
  ),
);
export type EuiccPackageRequest = Infer<typeof EuiccPackageRequest>;

export const ProcessingTerminated = {
  resultSizeOverflow: 1,
  unknownOrDamagedCommand: 2,
  interruption: 3,
  undefinedError: 127,
} as const;

/** The result of one operation; the numbers of its arms are those of the standard, 3 to 14, 45 and 101. */
export const EuiccResultData = define(
  'EuiccResultData',
  openChoice({
    enableResult: context(3, integer(EnableProfileResult)),
    disableResult: context(4, integer(DisableProfileResult)),
    deleteResult: context(5, integer(DeleteProfileResult)),
    listProfileInfoResult: context(45, ProfileInfoListResponse),
    getRATResult: context(6, RulesAuthorisationTable),
    configureImmediateEnableResult: context(7, integer(ConfigureImmediateEnableResult)),
    addEimResult: context(8, AddEimResult),
    deleteEimResult: context(9, integer(DeleteEimResult)),
    updateEimResult: context(10, integer(UpdateEimResult)),
    listEimResult: tolerating(context(11, ListEimResult), eimListBare),
    rollbackResult: context(12, integer(RollbackProfileResult)),
    setFallbackAttributeResult: context(13, integer(SetFallbackAttributeResult)),
    unsetFallbackAttributeResult: context(14, integer(UnsetFallbackAttributeResult)),
    processingTerminated: integer(ProcessingTerminated),
    setDefaultDpAddressResult: context(101, SetDefaultDpAddressResponse),
  }),
);
export type EuiccResultData = Infer<typeof EuiccResultData>;

/** Signed by the eUICC, `30 …`: eimId [0], counterValue [1], eimTransactionId [2], seqNumber [3], the results. */
export const EuiccPackageResultDataSigned = define(
  'EuiccPackageResultDataSigned',
  tolerating(
    sequence({
      eimId: context(0, utf8String(1, 128)),
      counterValue: context(1, integer()),
      eimTransactionId: optional(context(2, TransactionId)),
      seqNumber: context(3, integer()),
      euiccResult: sequenceOf(EuiccResultData),
    }),
    resultsWithoutList,
  ),
);
export type EuiccPackageResultDataSigned = Infer<typeof EuiccPackageResultDataSigned>;

export const EuiccPackageResultSigned = define(
  'EuiccPackageResultSigned',
  sequence({
    euiccPackageResultDataSigned: signed(EuiccPackageResultDataSigned),
    euiccSignEPR: signature,
  }),
);

export const EuiccPackageErrorCode = {
  invalidEid: 3,
  replayError: 4,
  counterValueOutOfRange: 6,
  sizeOverflow: 15,
  ecallActive: 104,
  undefinedError: 127,
} as const;

/** Signed by the eUICC, `30 …`: eimId [0], counterValue [1], eimTransactionId [2], and a code with the universal tag 02. */
export const EuiccPackageErrorDataSigned = define(
  'EuiccPackageErrorDataSigned',
  sequence({
    eimId: context(0, utf8String(1, 128)),
    counterValue: context(1, integer()),
    eimTransactionId: optional(context(2, TransactionId)),
    euiccPackageErrorCode: integer(EuiccPackageErrorCode),
  }),
);
export type EuiccPackageErrorDataSigned = Infer<typeof EuiccPackageErrorDataSigned>;

export const EuiccPackageErrorSigned = define(
  'EuiccPackageErrorSigned',
  sequence({
    euiccPackageErrorDataSigned: signed(EuiccPackageErrorDataSigned),
    euiccSignEPE: signature,
  }),
);

/** The eUICC could not verify the eIM: eimId [0], eimTransactionId [2], associationToken [4] where it has one. */
export const EuiccPackageErrorUnsigned = define(
  'EuiccPackageErrorUnsigned',
  sequence({
    eimId: context(0, utf8String(1, 128)),
    eimTransactionId: optional(context(2, TransactionId)),
    associationToken: optional(context(4, integer())),
  }),
);
export type EuiccPackageErrorUnsigned = Infer<typeof EuiccPackageErrorUnsigned>;

/** Tag BF51; the signatures cover the data and, behind it, the association token, as in the request. */
export const EuiccPackageResult = define(
  'EuiccPackageResult',
  tolerating(
    context(
      81,
      choice({
        euiccPackageResultSigned: EuiccPackageResultSigned,
        euiccPackageErrorSigned: EuiccPackageErrorSigned,
        euiccPackageErrorUnsigned: EuiccPackageErrorUnsigned,
      }),
    ),
    packageResultBare,
    packageErrorCodeBare,
  ),
);
export type EuiccPackageResult = Infer<typeof EuiccPackageResult>;

export const EuiccPackageResultList = define(
  'EuiccPackageResultList',
  sequenceOf(EuiccPackageResult),
);
