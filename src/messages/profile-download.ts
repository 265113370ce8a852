/** Indirect profile download over ESipa (SGP.32 6.3.2.1 to 6.3.2.5) and the trigger of a download (5.14, 6.3.2.6). */

import { Certificate, Octet16, Octet32, signature, TransactionId } from './basic.ts';
import {
  cancelSessionResponseNested,
  downloadErrorAsV10,
  smdsAddressUniversal,
} from './field-shapes.ts';
import { ProfileInstallationResult } from './notifications.ts';
import { integer, nothing, octetString, opaque, utf8String } from './primitives.ts';
import {
  AuthenticateServerResponse,
  BoundProfilePackage,
  CancelSessionResponse,
  CtxParams1,
  PrepareDownloadResponse,
  ServerSigned1,
  SmdpSigned2,
} from './rsp.ts';
import { choice, context, define, type Infer, optional, sequence, signed } from './schema.ts';
import { tolerating } from './tolerating.ts';

/** activationCode [0] (SGP.22 4.1), contactDefaultSmdp [1], contactSmds [2] with the root SM-DS where it names none. */
export const ProfileDownloadData = define(
  'ProfileDownloadData',
  choice({
    activationCode: context(0, utf8String(0, 255)),
    contactDefaultSmdp: context(1, nothing()),
    contactSmds: tolerating(
      context(2, sequence({ smdsAddress: optional(utf8String()) })),
      smdsAddressUniversal,
    ),
  }),
);
export type ProfileDownloadData = Infer<typeof ProfileDownloadData>;

/** Tag BF54: profileDownloadData [0] unless the eIM holds it, eimTransactionId [2]. */
export const ProfileDownloadTriggerRequest = define(
  'ProfileDownloadTriggerRequest',
  context(
    84,
    sequence({
      profileDownloadData: optional(context(0, ProfileDownloadData)),
      eimTransactionId: optional(context(2, TransactionId)),
    }),
  ),
);
export type ProfileDownloadTriggerRequest = Infer<typeof ProfileDownloadTriggerRequest>;

export const ProfileDownloadErrorReason = { ecallActive: 104, undefinedError: 127 } as const;

/** Tag BF54: eimTransactionId [2], then BF37 or an error: reason [0], errorResponse what the IPA was answered. */
export const ProfileDownloadTriggerResult = define(
  'ProfileDownloadTriggerResult',
  context(
    84,
    sequence({
      eimTransactionId: optional(context(2, TransactionId)),
      profileDownloadTriggerResultData: choice({
        profileInstallationResult: context(55, ProfileInstallationResult),
        profileDownloadError: tolerating(
          sequence({
            profileDownloadErrorReason: context(0, integer(ProfileDownloadErrorReason)),
            errorResponse: optional(octetString()),
          }),
          downloadErrorAsV10,
        ),
      }),
    }),
  ),
);
export type ProfileDownloadTriggerResult = Infer<typeof ProfileDownloadTriggerResult>;

/** SGP.32 6.3.2.1, tag BF39: euiccChallenge [1], smdpAddress [3], euiccInfo1 BF20 whole, eimTransactionId [2]. */
export const InitiateAuthenticationRequestEsipa = define(
  'InitiateAuthenticationRequestEsipa',
  context(
    57,
    sequence({
      euiccChallenge: context(1, Octet16),
      smdpAddress: optional(context(3, utf8String())),
      euiccInfo1: optional(opaque('EUICCInfo1', 0xbf20)),
      eimTransactionId: optional(context(2, TransactionId)),
    }),
  ),
);
export type InitiateAuthenticationRequestEsipa = Infer<typeof InitiateAuthenticationRequestEsipa>;

export const InitiateAuthenticationErrorEsipa = {
  invalidDpAddress: 1,
  euiccVersionNotSupportedByDp: 2,
  ciPKIdNotSupported: 3,
  smdpAddressMismatch: 50,
  smdpOidMismatch: 51,
  invalidEimTransactionId: 52,
  undefinedError: 127,
} as const;

/** transactionId [0], the SM-DP+'s signed part and certificate, matchingId, ctxParams1 [2]. */
export const InitiateAuthenticationOkEsipa = define(
  'InitiateAuthenticationOkEsipa',
  sequence({
    transactionId: optional(context(0, TransactionId)),
    serverSigned1: signed(ServerSigned1),
    serverSignature1: signature,
    euiccCiPKIdentifierToBeUsed: octetString(),
    serverCertificate: Certificate,
    matchingId: optional(utf8String()),
    ctxParams1: optional(context(2, CtxParams1)),
  }),
);
export type InitiateAuthenticationOkEsipa = Infer<typeof InitiateAuthenticationOkEsipa>;

/** SGP.32 6.3.2.1, tag BF39. */
export const InitiateAuthenticationResponseEsipa = define(
  'InitiateAuthenticationResponseEsipa',
  context(
    57,
    choice({
      initiateAuthenticationOkEsipa: InitiateAuthenticationOkEsipa,
      initiateAuthenticationErrorEsipa: integer(InitiateAuthenticationErrorEsipa),
    }),
  ),
);
export type InitiateAuthenticationResponseEsipa = Infer<typeof InitiateAuthenticationResponseEsipa>;

/** SGP.32 6.3.2.2, tag BF3B. */
export const AuthenticateClientRequestEsipa = define(
  'AuthenticateClientRequestEsipa',
  context(
    59,
    sequence({
      transactionId: context(0, TransactionId),
      authenticateServerResponse: context(56, AuthenticateServerResponse),
    }),
  ),
);
export type AuthenticateClientRequestEsipa = Infer<typeof AuthenticateClientRequestEsipa>;

export const AuthenticateClientErrorEsipa = {
  eumCertificateInvalid: 1,
  eumCertificateExpired: 2,
  euiccCertificateInvalid: 3,
  euiccCertificateExpired: 4,
  euiccSignatureInvalid: 5,
  matchingIdRefused: 6,
  eidMismatch: 7,
  noEligibleProfile: 8,
  ciPKUnknown: 9,
  invalidTransactionId: 10,
  insufficientMemory: 11,
  pprNotAllowed: 50,
  eventIdUnknown: 56,
  undefinedError: 127,
} as const;

/** transactionId [0], profileMetaData BF25 whole, the SM-DP+'s second signed part, hashCc of a confirmation code. */
export const AuthenticateClientOkDPEsipa = define(
  'AuthenticateClientOkDPEsipa',
  sequence({
    transactionId: optional(context(0, TransactionId)),
    profileMetaData: optional(context(37, opaque('StoreMetadataRequest', 0xbf25))),
    smdpSigned2: signed(SmdpSigned2),
    smdpSignature2: signature,
    smdpCertificate: Certificate,
    hashCc: optional(Octet32),
  }),
);
export type AuthenticateClientOkDPEsipa = Infer<typeof AuthenticateClientOkDPEsipa>;

/** transactionId [0] of the SM-DS, and the download that its event asks for. */
export const AuthenticateClientOkDSEsipa = define(
  'AuthenticateClientOkDSEsipa',
  sequence({
    transactionId: context(0, TransactionId),
    profileDownloadTrigger: optional(context(84, ProfileDownloadTriggerRequest)),
  }),
);

/** SGP.32 6.3.2.2, tag BF3B. */
export const AuthenticateClientResponseEsipa = define(
  'AuthenticateClientResponseEsipa',
  context(
    59,
    choice({
      authenticateClientOkDPEsipa: AuthenticateClientOkDPEsipa,
      authenticateClientOkDSEsipa: AuthenticateClientOkDSEsipa,
      authenticateClientErrorEsipa: integer(AuthenticateClientErrorEsipa),
    }),
  ),
);
export type AuthenticateClientResponseEsipa = Infer<typeof AuthenticateClientResponseEsipa>;

/** SGP.32 6.3.2.3, tag BF3A. */
export const GetBoundProfilePackageRequestEsipa = define(
  'GetBoundProfilePackageRequestEsipa',
  context(
    58,
    sequence({
      transactionId: context(0, TransactionId),
      prepareDownloadResponse: context(33, PrepareDownloadResponse),
    }),
  ),
);
export type GetBoundProfilePackageRequestEsipa = Infer<typeof GetBoundProfilePackageRequestEsipa>;

export const GetBoundProfilePackageErrorEsipa = {
  euiccSignatureInvalid: 1,
  confirmationCodeMissing: 2,
  confirmationCodeRefused: 3,
  confirmationCodeRetriesExceeded: 4,
  bppRebindingRefused: 5,
  downloadOrderExpired: 6,
  metadataMismatch: 50,
  invalidTransactionId: 95,
  undefinedError: 127,
} as const;

/** transactionId [0], boundProfilePackage BF36 whole. */
export const GetBoundProfilePackageOkEsipa = define(
  'GetBoundProfilePackageOkEsipa',
  sequence({
    transactionId: optional(context(0, TransactionId)),
    boundProfilePackage: context(54, BoundProfilePackage),
  }),
);

/** SGP.32 6.3.2.3, tag BF3A. */
export const GetBoundProfilePackageResponseEsipa = define(
  'GetBoundProfilePackageResponseEsipa',
  context(
    58,
    choice({
      getBoundProfilePackageOkEsipa: GetBoundProfilePackageOkEsipa,
      getBoundProfilePackageErrorEsipa: integer(GetBoundProfilePackageErrorEsipa),
    }),
  ),
);
export type GetBoundProfilePackageResponseEsipa = Infer<typeof GetBoundProfilePackageResponseEsipa>;

/**
 * SGP.32 6.3.2.5, tag BF41: transactionId [0], cancelSessionResponse [1]. The automatic tag replaces the BF41 of the
 * card's answer: CancelSessionResponse itself encodes with BF41, as ES9+ wants it.
 */
export const CancelSessionRequestEsipa = define(
  'CancelSessionRequestEsipa',
  context(
    65,
    sequence({
      transactionId: TransactionId,
      cancelSessionResponse: tolerating(CancelSessionResponse, cancelSessionResponseNested),
    }),
  ),
);
export type CancelSessionRequestEsipa = Infer<typeof CancelSessionRequestEsipa>;

export const CancelSessionErrorEsipa = {
  invalidTransactionId: 1,
  euiccSignatureInvalid: 2,
  undefinedError: 127,
} as const;

export const CancelSessionOk = define('CancelSessionOk', sequence({}));

/** SGP.32 6.3.2.5, tag BF41. */
export const CancelSessionResponseEsipa = define(
  'CancelSessionResponseEsipa',
  context(
    65,
    choice({
      cancelSessionOk: CancelSessionOk,
      cancelSessionError: integer(CancelSessionErrorEsipa),
    }),
  ),
);
export type CancelSessionResponseEsipa = Infer<typeof CancelSessionResponseEsipa>;
