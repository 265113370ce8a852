/** What SGP.32 takes over from SGP.22 (annex H): authentication, download, cancellation, and what eUICC and device are. */
import {
  Certificate,
  Iccid,
  NotificationEvent,
  Octet4,
  Octet8,
  Octet16,
  Octet32,
  OctetTo16,
  otpk,
  SubjectKeyIdentifier,
  signature,
  TransactionId,
  VersionType,
} from './basic.ts';
import {
  bitString,
  boolean,
  integer,
  nothing,
  objectIdentifier,
  octetString,
  opaque,
  utf8String,
} from './primitives.ts';
import {
  application,
  choice,
  context,
  define,
  type Infer,
  optional,
  privately,
  sequence,
  sequenceOf,
  signed,
  withDefault,
} from './schema.ts';

/**
 * SGP.22 5.7.8, tag BF20: svn [2], key ids for verification [9] and for signing [10], in the eUICC's order of preference.
 */
export const EUICCInfo1 = define(
  'EUICCInfo1',
  context(
    32,
    sequence({
      svn: context(2, VersionType),
      euiccCiPKIdListForVerification: context(9, sequenceOf(SubjectKeyIdentifier)),
      euiccCiPKIdListForSigning: context(10, sequenceOf(SubjectKeyIdentifier)),
    }),
  ),
);
export type EUICCInfo1 = Infer<typeof EUICCInfo1>;

/** TCA Interoperable Profile Package (PEDefinitions); the eUICC's capabilities. */
export const UICCCapability = define(
  'UICCCapability',
  bitString([
    'contactlessSupport',
    'usimSupport',
    'isimSupport',
    'csimSupport',
    'akaMilenage',
    'akaCave',
    'akaTuak128',
    'akaTuak256',
    'usimTestAlgorithm',
    'rfu2',
    'gbaAuthenUsim',
    'gbaAuthenISim',
    'mbmsAuthenUsim',
    'eapClient',
    'javacard',
    'multos',
    'multipleUsimSupport',
    'multipleIsimSupport',
    'multipleCsimSupport',
    'berTlvFileSupport',
    'dfLinkSupport',
    'catTp',
    'getIdentity',
    'profile-a-x25519',
    'profile-b-p256',
    'suciCalculatorApi',
    'dns-resolution',
    'scp11ac',
    'scp11c-authorization-mechanism',
    's16mode',
    'eaka',
    'iotminimal',
  ]),
);

export const RspCapability = define(
  'RspCapability',
  bitString([
    'additionalProfile',
    'crlSupport',
    'rpmSupport',
    'testProfileSupport',
    'deviceInfoExtensibilitySupport',
    'serviceSpecificDataSupport',
  ]),
);

/** Profile Policy Rules (SGP.22 2.9): ppr1 forbids to disable, ppr2 to delete. */
export const PprIds = define('PprIds', bitString(['pprUpdateControl', 'ppr1', 'ppr2']));

/** `SEQUENCE { platformLabel UTF8String, discoveryBaseURL UTF8String }` */
export const CertificationDataObject = define(
  'CertificationDataObject',
  sequence({ platformLabel: utf8String(), discoveryBaseURL: utf8String() }),
);

/** SGP.32: 0 IPAd, 1 IPAe is active. */
export const IpaMode = { ipad: 0, ipae: 1 } as const;

export const EuiccCategory = {
  other: 0,
  basicEuicc: 1,
  mediumEuicc: 2,
  contactlessEuicc: 3,
} as const;

/** SGP.32, within EUICCInfo2: iotVersion [0] one or more, ecallSupported [1] NULL, fallbackSupported [2] NULL. */
export const IoTSpecificInfo = define(
  'IoTSpecificInfo',
  sequence({
    iotVersion: context(0, sequenceOf(VersionType)),
    ecallSupported: optional(context(1, nothing())),
    fallbackSupported: optional(context(2, nothing())),
  }),
);

/**
 * SGP.22 5.7.8 with the fields that SGP.32 adds ([16] to [20]), tag BF22. ppVersion and sasAcreditationNumber have
 * universal tags.
 */
export const EUICCInfo2 = define(
  'EUICCInfo2',
  context(
    34,
    sequence({
      profileVersion: context(1, VersionType),
      svn: context(2, VersionType),
      euiccFirmwareVer: context(3, VersionType),
      extCardResource: context(4, octetString()),
      uiccCapability: context(5, UICCCapability),
      ts102241Version: optional(context(6, VersionType)),
      globalplatformVersion: optional(context(7, VersionType)),
      rspCapability: context(8, RspCapability),
      euiccCiPKIdListForVerification: context(9, sequenceOf(SubjectKeyIdentifier)),
      euiccCiPKIdListForSigning: context(10, sequenceOf(SubjectKeyIdentifier)),
      euiccCategory: optional(context(11, integer(EuiccCategory))),
      forbiddenProfilePolicyRules: optional(context(25, PprIds)),
      ppVersion: VersionType,
      sasAcreditationNumber: utf8String(0, 64),
      certificationDataObject: optional(context(12, CertificationDataObject)),
      treProperties: optional(
        context(13, bitString(['isDiscrete', 'isIntegrated', 'usesRemoteMemory'])),
      ),
      treProductReference: optional(context(14, utf8String())),
      additionalEuiccProfilePackageVersions: optional(context(15, sequenceOf(VersionType))),
      ipaMode: optional(context(16, integer(IpaMode))),
      euiccCiPKIdListForSigningV3: optional(context(17, sequenceOf(SubjectKeyIdentifier))),
      additionalEuiccInfo: optional(context(18, octetString(0, 32))),
      highestSvn: optional(context(19, VersionType)),
      iotSpecificInfo: optional(context(20, IoTSpecificInfo)),
    }),
  ),
);
export type EUICCInfo2 = Infer<typeof EUICCInfo2>;

/** `SEQUENCE { naiSupport [0] VersionType OPTIONAL }` */
export const DeviceAdditionalFeatureSupport = define(
  'DeviceAdditionalFeatureSupport',
  sequence({ naiSupport: optional(VersionType) }),
);

/** SGP.22 4.2; each the highest release that the device supports wholly. Numbered [0] to [14]. */
export const DeviceCapabilities = define(
  'DeviceCapabilities',
  sequence({
    gsmSupportedRelease: optional(VersionType),
    utranSupportedRelease: optional(VersionType),
    cdma2000onexSupportedRelease: optional(VersionType),
    cdma2000hrpdSupportedRelease: optional(VersionType),
    cdma2000ehrpdSupportedRelease: optional(VersionType),
    eutranEpcSupportedRelease: optional(VersionType),
    contactlessSupportedRelease: optional(VersionType),
    rspCrlSupportedVersion: optional(VersionType),
    nrEpcSupportedRelease: optional(VersionType),
    nr5gcSupportedRelease: optional(VersionType),
    eutran5gcSupportedRelease: optional(VersionType),
    lpaSvn: optional(VersionType),
    catSupportedClasses: optional(bitString()),
    euiccFormFactorType: optional(integer()),
    deviceAdditionalFeatureSupport: optional(DeviceAdditionalFeatureSupport),
  }),
);

/** SGP.22 4.2: tac [0] 4 octets, deviceCapabilities [1], imei [2] 8 octets if known. */
export const DeviceInfo = define(
  'DeviceInfo',
  sequence({ tac: Octet4, deviceCapabilities: DeviceCapabilities, imei: optional(Octet8) }),
);
export type DeviceInfo = Infer<typeof DeviceInfo>;

/** `SEQUENCE { matchingId [0] UTF8String OPTIONAL, deviceInfo [1] DeviceInfo }`; empty and absent matchingId mean the same. */
export const CtxParamsForCommonAuthentication = define(
  'CtxParamsForCommonAuthentication',
  sequence({ matchingId: optional(utf8String()), deviceInfo: DeviceInfo }),
);

/** SGP.22 5.7.13: a CHOICE of, as yet, one arm [0]. */
export const CtxParams1 = define(
  'CtxParams1',
  choice({ ctxParamsForCommonAuthentication: CtxParamsForCommonAuthentication }),
);
export type CtxParams1 = Infer<typeof CtxParams1>;

/** SGP.22 5.7.13, signed by the server: transactionId [0], euiccChallenge [1], serverAddress [3], serverChallenge [4]. */
export const ServerSigned1 = define(
  'ServerSigned1',
  sequence({
    transactionId: context(0, TransactionId),
    euiccChallenge: context(1, Octet16),
    serverAddress: context(3, utf8String()),
    serverChallenge: context(4, Octet16),
  }),
);
export type ServerSigned1 = Infer<typeof ServerSigned1>;

/** ES10b.AuthenticateServer (SGP.22 5.7.13), tag BF38. */
export const AuthenticateServerRequest = define(
  'AuthenticateServerRequest',
  context(
    56,
    sequence({
      serverSigned1: signed(ServerSigned1),
      serverSignature1: signature,
      euiccCiPKIdToBeUsed: SubjectKeyIdentifier,
      serverCertificate: Certificate,
      ctxParams1: CtxParams1,
    }),
  ),
);
export type AuthenticateServerRequest = Infer<typeof AuthenticateServerRequest>;

/**
 * Signed by the eUICC: transactionId [0], serverAddress [3], serverChallenge [4], euiccInfo2 BF22 (the whole element:
 * EUICCInfo2.decode reads it), ctxParams1 under A0.
 */
export const EuiccSigned1 = define(
  'EuiccSigned1',
  sequence({
    transactionId: context(0, TransactionId),
    serverAddress: context(3, utf8String()),
    serverChallenge: context(4, Octet16),
    euiccInfo2: context(34, opaque('EUICCInfo2', 0xbf22)),
    ctxParams1: CtxParams1,
  }),
);
export type EuiccSigned1 = Infer<typeof EuiccSigned1>;

export const AuthenticateErrorCode = {
  invalidCertificate: 1,
  invalidSignature: 2,
  unsupportedCurve: 3,
  noSessionContext: 4,
  invalidOid: 5,
  euiccChallengeMismatch: 6,
  ciPKUnknown: 7,
  undefinedError: 127,
} as const;

export const AuthenticateResponseOk = define(
  'AuthenticateResponseOk',
  sequence({
    euiccSigned1: signed(EuiccSigned1),
    euiccSignature1: signature,
    euiccCertificate: Certificate,
    eumCertificate: Certificate,
  }),
);

/** transactionId [0]; the code keeps the universal tag 02. */
export const AuthenticateResponseError = define(
  'AuthenticateResponseError',
  sequence({
    transactionId: context(0, TransactionId),
    authenticateErrorCode: integer(AuthenticateErrorCode),
  }),
);

/** SGP.32: extCardResource [4] taken from euiccInfo2, ctxParams1 [2] unless the eIM gave it. */
export const CompactEuiccSigned1 = define(
  'CompactEuiccSigned1',
  sequence({
    extCardResource: context(4, octetString()),
    ctxParams1: optional(context(2, CtxParams1)),
  }),
);

/** SGP.32 (minimizeEsipaBytes); the signature covers the full EuiccSigned1 all the same. */
export const CompactAuthenticateResponseOk = define(
  'CompactAuthenticateResponseOk',
  sequence({
    signedData: choice({
      euiccSigned1: signed(EuiccSigned1),
      compactEuiccSigned1: context(0, CompactEuiccSigned1),
    }),
    euiccSignature1: signature,
    euiccCertificate: optional(context(1, Certificate)),
    eumCertificate: optional(context(2, Certificate)),
  }),
);

/** SGP.22 5.7.13 with SGP.32's third arm, tag BF38. */
export const AuthenticateServerResponse = define(
  'AuthenticateServerResponse',
  context(
    56,
    choice({
      authenticateResponseOk: AuthenticateResponseOk,
      authenticateResponseError: AuthenticateResponseError,
      compactAuthenticateResponseOk: CompactAuthenticateResponseOk,
    }),
  ),
);
export type AuthenticateServerResponse = Infer<typeof AuthenticateServerResponse>;

/** Signed by the SM-DP+, together with the eUICC's signature 1: transactionId [0], ccRequiredFlag, bppEuiccOtpk 5F49. */
export const SmdpSigned2 = define(
  'SmdpSigned2',
  sequence({
    transactionId: context(0, TransactionId),
    ccRequiredFlag: boolean(),
    bppEuiccOtpk: optional(otpk),
  }),
);
export type SmdpSigned2 = Infer<typeof SmdpSigned2>;

/** ES10b.PrepareDownload (SGP.22 5.7.5), tag BF21. */
export const PrepareDownloadRequest = define(
  'PrepareDownloadRequest',
  context(
    33,
    sequence({
      smdpSigned2: signed(SmdpSigned2),
      smdpSignature2: signature,
      hashCc: optional(Octet32),
      smdpCertificate: Certificate,
    }),
  ),
);
export type PrepareDownloadRequest = Infer<typeof PrepareDownloadRequest>;

/** Signed by the eUICC, together with the SM-DP+'s signature 2. The module spells it EUICCSigned2. */
export const EuiccSigned2 = define(
  'EuiccSigned2',
  sequence({
    transactionId: context(0, TransactionId),
    euiccOtpk: otpk,
    hashCc: optional(Octet32),
  }),
);
export type EuiccSigned2 = Infer<typeof EuiccSigned2>;

export const DownloadErrorCode = {
  invalidCertificate: 1,
  invalidSignature: 2,
  unsupportedCurve: 3,
  noSessionContext: 4,
  invalidTransactionId: 5,
  undefinedError: 127,
} as const;

export const PrepareDownloadResponseOk = define(
  'PrepareDownloadResponseOk',
  sequence({ euiccSigned2: signed(EuiccSigned2), euiccSignature2: signature }),
);

export const PrepareDownloadResponseError = define(
  'PrepareDownloadResponseError',
  sequence({
    transactionId: context(0, TransactionId),
    downloadErrorCode: integer(DownloadErrorCode),
  }),
);

/** SGP.32: euiccOtpk is left out only where the eUICC took bppEuiccOtpk. */
export const CompactEuiccSigned2 = define(
  'CompactEuiccSigned2',
  sequence({ euiccOtpk: optional(otpk), hashCc: optional(Octet32) }),
);

export const CompactPrepareDownloadResponseOk = define(
  'CompactPrepareDownloadResponseOk',
  sequence({ compactEuiccSigned2: CompactEuiccSigned2, euiccSignature2: signature }),
);

/** SGP.22 5.7.5 with SGP.32's third arm, tag BF21. */
export const PrepareDownloadResponse = define(
  'PrepareDownloadResponse',
  context(
    33,
    choice({
      downloadResponseOk: PrepareDownloadResponseOk,
      downloadResponseError: PrepareDownloadResponseError,
      compactDownloadResponseOk: CompactPrepareDownloadResponseOk,
    }),
  ),
);
export type PrepareDownloadResponse = Infer<typeof PrepareDownloadResponse>;

export const CancelSessionReason = {
  endUserRejection: 0,
  postponed: 1,
  timeout: 2,
  pprNotAllowed: 3,
  metadataMismatch: 4,
  loadBppExecutionError: 5,
  undefinedReason: 127,
} as const;

/** ES10b.CancelSession (SGP.22 5.7.14), tag BF41: transactionId [0], reason [1]. */
export const CancelSessionRequest = define(
  'CancelSessionRequest',
  context(65, sequence({ transactionId: TransactionId, reason: integer(CancelSessionReason) })),
);
export type CancelSessionRequest = Infer<typeof CancelSessionRequest>;

/** Signed by the eUICC: transactionId [0], smdpOid [1], reason [2]. */
export const EuiccCancelSessionSigned = define(
  'EuiccCancelSessionSigned',
  sequence({
    transactionId: TransactionId,
    smdpOid: objectIdentifier(),
    reason: integer(CancelSessionReason),
  }),
);

export const CancelSessionResponseOk = define(
  'CancelSessionResponseOk',
  sequence({
    euiccCancelSessionSigned: signed(EuiccCancelSessionSigned),
    euiccCancelSessionSignature: signature,
  }),
);

export const CancelSessionResponseError = { invalidTransactionId: 5, undefinedError: 127 } as const;

export const CompactEuiccCancelSessionSigned = define(
  'CompactEuiccCancelSessionSigned',
  sequence({ reason: optional(integer(CancelSessionReason)) }),
);

export const CompactCancelSessionResponseOk = define(
  'CompactCancelSessionResponseOk',
  sequence({
    compactEuiccCancelSessionSigned: CompactEuiccCancelSessionSigned,
    euiccCancelSessionSignature: signature,
  }),
);

/** SGP.22 5.7.14 with SGP.32's third arm, tag BF41 (A1 within ESipa.CancelSession). */
export const CancelSessionResponse = define(
  'CancelSessionResponse',
  context(
    65,
    choice({
      cancelSessionResponseOk: CancelSessionResponseOk,
      cancelSessionResponseError: integer(CancelSessionResponseError),
      compactCancelSessionResponseOk: CompactCancelSessionResponseOk,
    }),
  ),
);
export type CancelSessionResponse = Infer<typeof CancelSessionResponse>;

/** Passed on whole, never read: tag BF36. */
export const BoundProfilePackage = opaque('BoundProfilePackage', 0xbf36);

export const IconType = { jpg: 0, png: 1 } as const;
export const ProfileState = { disabled: 0, enabled: 1 } as const;
export const ProfileClass = { test: 0, provisioning: 1, operational: 2 } as const;

/** mccMnc [0] as in TS 24.008, gid1 [1], gid2 [2] as in TS 31.102. */
export const OperatorId = define(
  'OperatorId',
  sequence({
    mccMnc: octetString(3),
    gid1: optional(octetString()),
    gid2: optional(octetString()),
  }),
);
export type OperatorId = Infer<typeof OperatorId>;

/** profileManagementOperation [0], notificationAddress [1]: whom to tell of what. */
export const NotificationConfigurationInformation = define(
  'NotificationConfigurationInformation',
  sequence({ profileManagementOperation: NotificationEvent, notificationAddress: utf8String() }),
);

/** dpOid [0]; the SM-DP+ may add what it likes. */
export const DpProprietaryData = define(
  'DpProprietaryData',
  sequence({ dpOid: objectIdentifier() }),
);

/** Passed on whole as `30 …`: OIDs and data of vendors. */
export const VendorSpecificExtension = opaque('VendorSpecificExtension', 0x30);

/** SGP.22 5.7.15 with SGP.32's last three fields, tag E3: all that was asked for and is there. */
export const ProfileInfo = define(
  'ProfileInfo',
  privately(
    3,
    sequence({
      iccid: optional(Iccid),
      isdpAid: optional(application(15, OctetTo16)),
      profileState: optional(context(112, integer(ProfileState))),
      profileNickname: optional(context(16, utf8String(0, 64))),
      serviceProviderName: optional(context(17, utf8String(0, 32))),
      profileName: optional(context(18, utf8String(0, 64))),
      iconType: optional(context(19, integer(IconType))),
      icon: optional(context(20, octetString(0, 1024))),
      profileClass: optional(context(21, integer(ProfileClass))),
      notificationConfigurationInfo: optional(
        context(22, sequenceOf(NotificationConfigurationInformation)),
      ),
      profileOwner: optional(context(23, OperatorId)),
      dpProprietaryData: optional(context(24, DpProprietaryData)),
      profilePolicyRules: optional(context(25, PprIds)),
      serviceSpecificDataStoredInEuicc: optional(context(34, VendorSpecificExtension)),
      ecallIndication: optional(context(123, boolean())),
      fallbackAttribute: withDefault(context(38, boolean()), false),
      fallbackAllowed: optional(context(103, boolean())),
    }),
  ),
);
export type ProfileInfo = Infer<typeof ProfileInfo>;

/** SGP.22 5.5.3 with SGP.32's last two fields, tag BF25: the Profile Metadata. */
export const StoreMetadataRequest = define(
  'StoreMetadataRequest',
  context(
    37,
    sequence({
      iccid: Iccid,
      serviceProviderName: context(17, utf8String(0, 32)),
      profileName: context(18, utf8String(0, 64)),
      iconType: optional(context(19, integer(IconType))),
      icon: optional(context(20, octetString(0, 1024))),
      profileClass: withDefault(context(21, integer(ProfileClass)), ProfileClass.operational),
      notificationConfigurationInfo: optional(
        context(22, sequenceOf(NotificationConfigurationInformation)),
      ),
      profileOwner: optional(context(23, OperatorId)),
      profilePolicyRules: optional(context(25, PprIds)),
      serviceSpecificDataStoredInEuicc: optional(context(34, VendorSpecificExtension)),
      serviceSpecificDataNotStoredInEuicc: optional(context(35, VendorSpecificExtension)),
      ecallIndication: optional(context(123, boolean())),
      fallbackAllowed: optional(context(103, boolean())),
    }),
  ),
);
export type StoreMetadataRequest = Infer<typeof StoreMetadataRequest>;
