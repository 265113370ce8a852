/** Functions of the eUICC that an IPA calls, and a virtual eUICC answers (SGP.22 5.7, SGP.32 5.9). */
import {
  Certificate,
  Iccid,
  NotificationEvent,
  Octet1,
  Octet16,
  OctetTo16,
  SubjectKeyIdentifier,
} from './basic.ts';
import { EimConfigurationData } from './eco.ts';
import { EuiccPackageResult, EuiccPackageResultList } from './euicc-package.ts';
import { NotificationMetadata, PendingNotificationList } from './notifications.ts';
import {
  bitString,
  boolean,
  integer,
  nothing,
  objectIdentifier,
  octetString,
  utf8String,
} from './primitives.ts';
import { RulesAuthorisationTable } from './psmo.ts';
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
} from './schema.ts';

/** SGP.22 5.7.8, tag BF20; answered with EUICCInfo1. */
export const GetEuiccInfo1Request = define('GetEuiccInfo1Request', context(32, sequence({})));
/** SGP.22 5.7.8, tag BF22; answered with EUICCInfo2. */
export const GetEuiccInfo2Request = define('GetEuiccInfo2Request', context(34, sequence({})));

/** SGP.22 5.7.7, tag BF2E. */
export const GetEuiccChallengeRequest = define(
  'GetEuiccChallengeRequest',
  context(46, sequence({})),
);
export const GetEuiccChallengeResponse = define(
  'GetEuiccChallengeResponse',
  context(46, sequence({ euiccChallenge: Octet16 })),
);

/** SGP.22 5.7.20, tag BF3E; tagList is 5A. */
export const GetEuiccDataRequest = define(
  'GetEuiccDataRequest',
  context(62, sequence({ tagList: application(28, Octet1) })),
);
export const GetEuiccDataResponse = define(
  'GetEuiccDataResponse',
  context(62, sequence({ eidValue: application(26, Octet16) })),
);

/** SGP.22 5.7.22, tag BF43. */
export const GetRatRequest = define('GetRatRequest', context(67, sequence({})));
export const GetRatResponse = define(
  'GetRatResponse',
  context(67, sequence({ rat: RulesAuthorisationTable })),
);

/** SGP.22 5.7.3, tag BF3C: defaultDpAddress [0], rootDsAddress [1]. */
export const EuiccConfiguredAddressesRequest = define(
  'EuiccConfiguredAddressesRequest',
  context(60, sequence({})),
);
export const EuiccConfiguredAddressesResponse = define(
  'EuiccConfiguredAddressesResponse',
  context(60, sequence({ defaultDpAddress: optional(utf8String()), rootDsAddress: utf8String() })),
);

export const ListNotificationsError = { undefinedError: 127 } as const;

/** SGP.22 5.7.9, tag BF28. */
export const ListNotificationRequest = define(
  'ListNotificationRequest',
  context(40, sequence({ profileManagementOperation: optional(context(1, NotificationEvent)) })),
);
export const ListNotificationResponse = define(
  'ListNotificationResponse',
  context(
    40,
    choice({
      notificationMetadataList: sequenceOf(NotificationMetadata),
      listNotificationsResultError: integer(ListNotificationsError),
    }),
  ),
);
export type ListNotificationResponse = Infer<typeof ListNotificationResponse>;

/** SGP.22 5.7.10 with SGP.32's third criterion, tag BF2B; the criterion is under A0. */
export const RetrieveNotificationsListRequest = define(
  'RetrieveNotificationsListRequest',
  context(
    43,
    sequence({
      searchCriteria: optional(
        choice({
          seqNumber: context(0, integer()),
          profileManagementOperation: context(1, NotificationEvent),
          euiccPackageResults: context(2, nothing()),
        }),
      ),
    }),
  ),
);
export type RetrieveNotificationsListRequest = Infer<typeof RetrieveNotificationsListRequest>;

export const RetrieveNotificationsListResponse = define(
  'RetrieveNotificationsListResponse',
  context(
    43,
    choice({
      notificationList: PendingNotificationList,
      notificationsListResultError: integer(ListNotificationsError),
      euiccPackageResultList: EuiccPackageResultList,
    }),
  ),
);
export type RetrieveNotificationsListResponse = Infer<typeof RetrieveNotificationsListResponse>;

export const DeleteNotificationStatus = { ok: 0, nothingToDelete: 1, undefinedError: 127 } as const;

/** SGP.22 5.7.11 (ES10b.RemoveNotificationFromList), tag BF30: seqNumber [0]. */
export const NotificationSentRequest = define(
  'NotificationSentRequest',
  context(48, sequence({ seqNumber: context(0, integer()) })),
);
export const NotificationSentResponse = define(
  'NotificationSentResponse',
  context(48, sequence({ deleteNotificationStatus: integer(DeleteNotificationStatus) })),
);

/** By AID 4F or ICCID 5A. */
const profileIdentifier = choice({ isdpAid: application(15, OctetTo16), iccid: Iccid });

export const EnableProfileResultEs10c = {
  ok: 0,
  iccidOrAidNotFound: 1,
  profileNotInDisabledState: 2,
  disallowedByPolicy: 3,
  wrongProfileReenabling: 4,
  catBusy: 5,
  undefinedError: 127,
} as const;

/** SGP.22 5.7.16, tag BF31: profileIdentifier under A0, refreshFlag [1]. */
export const EnableProfileRequest = define(
  'EnableProfileRequest',
  context(49, sequence({ profileIdentifier, refreshFlag: boolean() })),
);
export const EnableProfileResponse = define(
  'EnableProfileResponse',
  context(49, sequence({ enableResult: integer(EnableProfileResultEs10c) })),
);

export const DisableProfileResultEs10c = {
  ok: 0,
  iccidOrAidNotFound: 1,
  profileNotInEnabledState: 2,
  disallowedByPolicy: 3,
  catBusy: 5,
  undefinedError: 127,
} as const;

/** SGP.22 5.7.17, tag BF32: profileIdentifier under A0, refreshFlag [1]. */
export const DisableProfileRequest = define(
  'DisableProfileRequest',
  context(50, sequence({ profileIdentifier, refreshFlag: boolean() })),
);
export const DisableProfileResponse = define(
  'DisableProfileResponse',
  context(50, sequence({ disableResult: integer(DisableProfileResultEs10c) })),
);

export const DeleteProfileResultEs10c = {
  ok: 0,
  iccidOrAidNotFound: 1,
  profileNotInDisabledState: 2,
  disallowedByPolicy: 3,
  undefinedError: 127,
} as const;

/** SGP.22 5.7.18, tag BF33. */
export const DeleteProfileRequest = define('DeleteProfileRequest', context(51, profileIdentifier));
export const DeleteProfileResponse = define(
  'DeleteProfileResponse',
  context(51, sequence({ deleteResult: integer(DeleteProfileResultEs10c) })),
);

/** SGP.22 5.7.21, tag BF29. */
export const SetNicknameRequest = define(
  'SetNicknameRequest',
  context(41, sequence({ iccid: Iccid, profileNickname: context(16, utf8String(0, 64)) })),
);
export const SetNicknameResult = { ok: 0, iccidNotFound: 1, undefinedError: 127 } as const;
export const SetNicknameResponse = define(
  'SetNicknameResponse',
  context(41, sequence({ setNicknameResult: integer(SetNicknameResult) })),
);

/** SGP.32: what SELECT ISD-R answers, tag E1. */
export const ISDRProprietaryApplicationTemplateIoT = define(
  'ISDRProprietaryApplicationTemplateIoT',
  privately(1, sequence({ euiccConfiguration: bitString(['ipaeSupported', 'enabledProfile']) })),
);

/** SGP.32, tag BF42. */
export const IpaeActivationRequest = define(
  'IpaeActivationRequest',
  context(66, sequence({ ipaeOption: bitString(['activateIpae']) })),
);
export const IpaeActivationResult = { ok: 0, notSupported: 1 } as const;
export const IpaeActivationResponse = define(
  'IpaeActivationResponse',
  context(66, sequence({ ipaeActivationResult: integer(IpaeActivationResult) })),
);

/** SGP.32, tag BF57: the first association, while there is none; under A0. */
export const AddInitialEimRequest = define(
  'AddInitialEimRequest',
  context(87, sequence({ eimConfigurationDataList: context(0, sequenceOf(EimConfigurationData)) })),
);
export type AddInitialEimRequest = Infer<typeof AddInitialEimRequest>;

export const AddInitialEimError = {
  insufficientMemory: 1,
  associatedEimAlreadyExists: 2,
  ciPKUnknown: 3,
  invalidAssociationToken: 5,
  counterValueOutOfRange: 6,
  commandError: 7,
  undefinedError: 127,
} as const;

/** One item for each eIM, in order: associationToken [4] or addOk 05. */
export const AddInitialEimResponse = define(
  'AddInitialEimResponse',
  context(
    87,
    choice({
      addInitialEimOk: sequenceOf(
        choice({ associationToken: context(4, integer()), addOk: nothing() }),
      ),
      addInitialEimError: integer(AddInitialEimError),
    }),
  ),
);
export type AddInitialEimResponse = Infer<typeof AddInitialEimResponse>;

/** SGP.32, tag BF55: all eIMs, or the one with eimId [0] (under A0). */
export const GetEimConfigurationDataRequest = define(
  'GetEimConfigurationDataRequest',
  context(
    85,
    sequence({
      searchCriteria: optional(choice({ eimId: context(0, utf8String(1, 128)) })),
    }),
  ),
);
export const GetEimConfigurationDataResponse = define(
  'GetEimConfigurationDataResponse',
  context(85, sequence({ eimConfigurationDataList: context(0, sequenceOf(EimConfigurationData)) })),
);
export type GetEimConfigurationDataResponse = Infer<typeof GetEimConfigurationDataResponse>;

export const GetCertsError = { invalidCiPKId: 1, undfinedError: 127 } as const;

/** SGP.32, tag BF56: euiccCiPKId [0]. */
export const GetCertsRequest = define(
  'GetCertsRequest',
  context(86, sequence({ euiccCiPKId: optional(SubjectKeyIdentifier) })),
);
/** Under A0: eumCertificate [5], euiccCertificate [6]. */
export const GetCertsResponse = define(
  'GetCertsResponse',
  context(
    86,
    choice({
      certs: sequence({
        eumCertificate: context(5, Certificate),
        euiccCertificate: context(6, Certificate),
      }),
      getCertsError: integer(GetCertsError),
    }),
  ),
);
export type GetCertsResponse = Infer<typeof GetCertsResponse>;

const refresh = sequence({ refreshFlag: boolean() });

export const ProfileRollbackResult = {
  ok: 0,
  rollbackNotAllowed: 1,
  catBusy: 5,
  commandError: 7,
  undefinedError: 127,
} as const;

/** SGP.32, tag BF58: refreshFlag [0]. */
export const ProfileRollbackRequest = define('ProfileRollbackRequest', context(88, refresh));
/** cmdResult with the universal tag 02, then the result that takes the place of the one not delivered. */
export const ProfileRollbackResponse = define(
  'ProfileRollbackResponse',
  context(
    88,
    sequence({
      cmdResult: integer(ProfileRollbackResult),
      eUICCPackageResult: optional(context(81, EuiccPackageResult)),
    }),
  ),
);

export const ConfigImmediateEnableResult = {
  ok: 0,
  insufficientMemory: 1,
  associatedEimAlreadyExists: 2,
  undefinedError: 127,
} as const;

/** SGP.32, tag BF59. */
export const ConfigureImmediateProfileEnablingRequest = define(
  'ConfigureImmediateProfileEnablingRequest',
  context(
    89,
    sequence({
      immediateEnableFlag: optional(context(0, nothing())),
      defaultSmdpOid: optional(context(1, objectIdentifier())),
      defaultSmdpAddress: optional(context(2, utf8String())),
    }),
  ),
);
export const ConfigureImmediateProfileEnablingResponse = define(
  'ConfigureImmediateProfileEnablingResponse',
  context(
    89,
    sequence({ configImmediateEnableResult: context(0, integer(ConfigImmediateEnableResult)) }),
  ),
);

export const ImmediateEnableResult = {
  ok: 0,
  immediateEnableNotAvailable: 1,
  noSessionContext: 4,
  catBusy: 5,
  undefinedError: 127,
} as const;

/** SGP.32, tag BF5A. */
export const ImmediateEnableRequest = define('ImmediateEnableRequest', context(90, refresh));
export const ImmediateEnableResponse = define(
  'ImmediateEnableResponse',
  context(90, sequence({ immediateEnableResult: context(0, integer(ImmediateEnableResult)) })),
);

export const EnableEmergencyProfileResult = {
  ok: 0,
  profileNotInDisabledState: 2,
  catBusy: 5,
  ecallNotAvailable: 8,
  undefinedError: 127,
} as const;

/** SGP.32, tag BF5B. */
export const EnableEmergencyProfileRequest = define(
  'EnableEmergencyProfileRequest',
  context(91, refresh),
);
export const EnableEmergencyProfileResponse = define(
  'EnableEmergencyProfileResponse',
  context(
    91,
    sequence({ enableEmergencyProfileResult: context(0, integer(EnableEmergencyProfileResult)) }),
  ),
);

export const DisableEmergencyProfileResult = {
  ok: 0,
  profileNotInEnabledState: 2,
  catBusy: 5,
  undefinedError: 127,
} as const;

/** SGP.32, tag BF5C. */
export const DisableEmergencyProfileRequest = define(
  'DisableEmergencyProfileRequest',
  context(92, refresh),
);
export const DisableEmergencyProfileResponse = define(
  'DisableEmergencyProfileResponse',
  context(
    92,
    sequence({ disableEmergencyProfileResult: context(0, integer(DisableEmergencyProfileResult)) }),
  ),
);

export const ExecuteFallbackMechanismResult = {
  ok: 0,
  profileNotInDisabledState: 2,
  catBusy: 5,
  fallbackNotAvailable: 6,
  commandError: 7,
  ecallActive: 104,
  undefinedError: 127,
} as const;

/** SGP.32, tag BF5D. */
export const ExecuteFallbackMechanismRequest = define(
  'ExecuteFallbackMechanismRequest',
  context(93, refresh),
);
export const ExecuteFallbackMechanismResponse = define(
  'ExecuteFallbackMechanismResponse',
  context(
    93,
    sequence({
      executeFallbackMechanismResult: context(0, integer(ExecuteFallbackMechanismResult)),
    }),
  ),
);

export const ReturnFromFallbackResult = {
  ok: 0,
  catBusy: 5,
  fallbackNotAvailable: 6,
  commandError: 7,
  undefinedError: 127,
} as const;

/** SGP.32, tag BF5E. */
export const ReturnFromFallbackRequest = define('ReturnFromFallbackRequest', context(94, refresh));
export const ReturnFromFallbackResponse = define(
  'ReturnFromFallbackResponse',
  context(
    94,
    sequence({ returnFromFallbackResult: context(0, integer(ReturnFromFallbackResult)) }),
  ),
);

export const ConnectivityParametersError = {
  parametersNotAvailable: 1,
  undefinedError: 127,
} as const;

/** httpParams [1], used for CoAP as well. */
export const ConnectivityParameters = define(
  'ConnectivityParameters',
  sequence({ httpParams: optional(context(1, octetString())) }),
);

/** SGP.32, tag BF5F. */
export const GetConnectivityParametersRequest = define(
  'GetConnectivityParametersRequest',
  context(95, sequence({})),
);
export const GetConnectivityParametersResponse = define(
  'GetConnectivityParametersResponse',
  context(
    95,
    choice({
      connectivityParameters: ConnectivityParameters,
      connectivityParametersError: integer(ConnectivityParametersError),
    }),
  ),
);

export const ResetResult = {
  ok: 0,
  nothingToDelete: 1,
  catBusy: 5,
  ecallActive: 104,
  undefinedError: 127,
} as const;
export const ResetEimResult = {
  ok: 0,
  nothingToDelete: 1,
  eimResetNotSupported: 2,
  undefinedError: 127,
} as const;
export const ResetImmediateEnableConfigResult = {
  ok: 0,
  resetIECNotSupported: 1,
  undefinedError: 127,
} as const;

/** SGP.32, tag BF64: resetOptions [2]. */
export const EuiccMemoryResetRequest = define(
  'EuiccMemoryResetRequest',
  context(
    100,
    sequence({
      resetOptions: context(
        2,
        bitString([
          'deleteOperationalProfiles',
          'deleteFieldLoadedTestProfiles',
          'resetDefaultSmdpAddress',
          'deletePreLoadedTestProfiles',
          'deleteProvisioningProfiles',
          'resetEimConfigData',
          'resetImmediateEnableConfig',
        ]),
      ),
    }),
  ),
);
/** The second and third only where the request asked for them: [0], [1], [2]. */
export const EuiccMemoryResetResponse = define(
  'EuiccMemoryResetResponse',
  context(
    100,
    sequence({
      resetResult: integer(ResetResult),
      resetEimResult: optional(integer(ResetEimResult)),
      resetImmediateEnableConfigResult: optional(integer(ResetImmediateEnableConfigResult)),
    }),
  ),
);
