/**
 * Every type of the published modules is accounted for: declared in src/messages (and so in asn1/), or on the list of
 * what is not ours, with the reason. Where SGP.32 widens a type of SGP.22, the two have one declaration.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { declared, namedNumbers } from './messages/declared.ts';

/** SGP32Definitions, v1.2, in its order. */
const sgp32 = `
  AsnNull EuiccPackageRequest EuiccPackageSigned EuiccPackage EimConfigurationData EimIdType
  EimSupportedProtocol Eco Psmo IpaEuiccDataRequest ProfileDownloadTriggerRequest
  ProfileDownloadData EimAcknowledgements SequenceNumber EuiccPackageResult
  EuiccPackageResultSigned EuiccPackageResultDataSigned EuiccResultData EuiccPackageErrorSigned
  EuiccPackageErrorDataSigned EuiccPackageErrorCode EuiccPackageErrorUnsigned
  ConfigureImmediateEnableResult EnableProfileResult DisableProfileResult DeleteProfileResult
  ProfileInfoListResponse ProfileInfoListError RollbackProfileResult SetFallbackAttributeResult
  UnsetFallbackAttributeResult AddEimResult DeleteEimResult UpdateEimResult ListEimResult
  EimIdInfo IpaEuiccDataErrorCode IpaEuiccDataResponseError IpaEuiccDataResponse
  PendingNotificationList EuiccPackageResultList IpaEuiccData ProfileDownloadTriggerResult
  ISDRProprietaryApplicationTemplateIoT IpaeActivationRequest IpaeActivationResponse
  IpaCapabilities ProfileInfo StoreMetadataRequest AuthenticateClientRequest EUICCInfo2
  IoTSpecificInfo IpaMode AddInitialEimRequest AddInitialEimResponse EuiccMemoryResetRequest
  EuiccMemoryResetResponse GetCertsRequest GetCertsResponse RetrieveNotificationsListRequest
  RetrieveNotificationsListResponse ImmediateEnableRequest ImmediateEnableResponse
  ProfileRollbackRequest ProfileRollbackResponse ConfigureImmediateProfileEnablingRequest
  ConfigureImmediateProfileEnablingResponse GetEimConfigurationDataRequest
  GetEimConfigurationDataResponse ExecuteFallbackMechanismRequest
  ExecuteFallbackMechanismResponse ReturnFromFallbackRequest ReturnFromFallbackResponse
  EnableEmergencyProfileRequest EnableEmergencyProfileResponse DisableEmergencyProfileRequest
  DisableEmergencyProfileResponse GetConnectivityParametersRequest
  GetConnectivityParametersResponse ConnectivityParameters ConnectivityParametersError
  SetDefaultDpAddressRequest SetDefaultDpAddressResponse PrepareDownloadResponse
  CompactPrepareDownloadResponseOk CompactEuiccSigned2 EuiccSigned1 AuthenticateResponseOk
  AuthenticateServerResponse CompactAuthenticateResponseOk CompactEuiccSigned1
  PendingNotification ProfileInstallationResult CompactProfileInstallationResult
  CompactProfileInstallationResultData CompactSuccessResult CompactOtherSignedNotification
  CancelSessionResponse CompactCancelSessionResponseOk CompactEuiccCancelSessionSigned
  EsipaMessageFromIpaToEim EsipaMessageFromEimToIpa InitiateAuthenticationRequestEsipa
  InitiateAuthenticationResponseEsipa InitiateAuthenticationOkEsipa
  AuthenticateClientRequestEsipa AuthenticateClientResponseEsipa AuthenticateClientOkDPEsipa
  AuthenticateClientOkDSEsipa GetBoundProfilePackageRequestEsipa
  GetBoundProfilePackageResponseEsipa GetBoundProfilePackageOkEsipa HandleNotificationEsipa
  CancelSessionRequestEsipa CancelSessionResponseEsipa CancelSessionOk StateChangeCause
  GetEimPackageRequest GetEimPackageResponse EimPackageResultErrorCode
  EimPackageResultResponseError EimPackageResult ProvideEimPackageResult
  ProvideEimPackageResultResponse TransferEimPackageRequest TransferEimPackageResponse
`;

/** RSPDefinitions, v2.5, in its order. */
const rsp = `
  Octet8 Octet4 Octet16 OctetTo16 Octet32 Octet1 Octet2 VersionType Iccid RemoteOpId
  TransactionId GetEuiccInfo1Request EUICCInfo1 GetEuiccInfo2Request EUICCInfo2 RspCapability
  CertificationDataObject CertificateInfo DeviceInfo DeviceCapabilities
  DeviceAdditionalFeatureSupport CatSupportedClasses EuiccFormFactorType ProfileInfoListRequest
  ProfileInfoListResponse ProfileInfo PprIds OperatorId ProfileInfoListError
  StoreMetadataRequest NotificationEvent NotificationConfigurationInformation
  VendorSpecificExtension IconType ProfileState ProfileClass UpdateMetadataRequest
  PrepareDownloadRequest SmdpSigned2 PrepareDownloadResponse PrepareDownloadResponseOk
  EUICCSigned2 PrepareDownloadResponseError DownloadErrorCode AuthenticateServerRequest
  ServerSigned1 CtxParams1 CtxParamsForCommonAuthentication AuthenticateServerResponse
  AuthenticateResponseOk EuiccSigned1 AuthenticateResponseError AuthenticateErrorCode
  CancelSessionRequest CancelSessionReason CancelSessionResponse CancelSessionResponseOk
  EuiccCancelSessionSigned BoundProfilePackage GetEuiccChallengeRequest
  GetEuiccChallengeResponse ProfileInstallationResult ProfileInstallationResultData EuiccSignPIR
  SuccessResult ErrorResult BppCommandId ErrorReason ListNotificationRequest
  ListNotificationResponse NotificationMetadata SetNicknameRequest SetNicknameResponse
  InitialiseSecureChannelRequest InitialiseSecureChannelRequest-ver ControlRefTemplate
  ConfigureISDPRequest DpProprietaryData ReplaceSessionKeysRequest
  RetrieveNotificationsListRequest RetrieveNotificationsListResponse PendingNotification
  OtherSignedNotification NotificationSentRequest NotificationSentResponse EnableProfileRequest
  EnableProfileResponse DisableProfileRequest DisableProfileResponse DeleteProfileRequest
  DeleteProfileResponse EuiccMemoryResetRequest EuiccMemoryResetResponse GetEuiccDataRequest
  GetEuiccDataResponse GetRatRequest GetRatResponse RulesAuthorisationTable
  ProfilePolicyAuthorisationRule SegmentedCrlList LoadCRLRequest LoadCRLResponse
  LoadCRLResponseOk LoadCRLResponseError ExpirationDate TotalPartialCrlNumber PartialCrlNumber
  RemoteProfileProvisioningRequest RemoteProfileProvisioningResponse
  InitiateAuthenticationRequest InitiateAuthenticationResponse InitiateAuthenticationOkEs9
  AuthenticateClientRequest AuthenticateClientResponseEs9 AuthenticateClientOk
  GetBoundProfilePackageRequest GetBoundProfilePackageResponse GetBoundProfilePackageOk
  HandleNotification CancelSessionRequestEs9 CancelSessionResponseEs9 CancelSessionOk
  EuiccConfiguredAddressesRequest EuiccConfiguredAddressesResponse
  ISDRProprietaryApplicationTemplate LpaeActivationRequest LpaeActivationResponse
  SetDefaultDpAddressRequest SetDefaultDpAddressResponse AuthenticateClientResponseEs11
  AuthenticateClientOkEs11 EventEntries
`;

const es9InJson = 'ES9+ and ES11 are spoken in their JSON binding (src/es9)';
const boundPackage =
  'within a bound profile package, which an eIM passes on whole; the lab writes and reads it (tools/lab/bsp)';
const consumerOnly = 'of consumer devices (LPA), which SGP.32 does not have';
const cardCrl = 'of revocation lists on the card (LoadCRL), which no eIM function carries';
const spelledOut = 'written out where it is used';

const notOurs: Readonly<Record<string, string>> = {
  AsnNull: 'not of the standard: a help for test tools in the published file',
  AuthenticateClientRequest: es9InJson,
  Octet2: 'nothing uses it',
  RemoteOpId: boundPackage,
  InitialiseSecureChannelRequest: boundPackage,
  'InitialiseSecureChannelRequest-ver':
    'not of the standard: a help for test tools in the published file',
  ControlRefTemplate: boundPackage,
  ConfigureISDPRequest: boundPackage,
  ReplaceSessionKeysRequest: boundPackage,
  CertificateInfo: 'nothing uses it: of earlier versions of SGP.22',
  CatSupportedClasses: spelledOut,
  EuiccFormFactorType: spelledOut,
  EuiccSignPIR: spelledOut,
  EUICCSigned2: 'declared as EuiccSigned2',
  UpdateMetadataRequest: 'ES6, between operator and eUICC',
  SegmentedCrlList: cardCrl,
  LoadCRLRequest: cardCrl,
  LoadCRLResponse: cardCrl,
  LoadCRLResponseOk: cardCrl,
  LoadCRLResponseError: cardCrl,
  ExpirationDate: 'an extension of CRLs',
  TotalPartialCrlNumber: 'an extension of CRLs',
  PartialCrlNumber: 'an extension of CRLs',
  RemoteProfileProvisioningRequest: es9InJson,
  RemoteProfileProvisioningResponse: es9InJson,
  InitiateAuthenticationRequest: es9InJson,
  InitiateAuthenticationResponse: es9InJson,
  InitiateAuthenticationOkEs9: es9InJson,
  AuthenticateClientResponseEs9: es9InJson,
  AuthenticateClientOk: es9InJson,
  GetBoundProfilePackageRequest: es9InJson,
  GetBoundProfilePackageResponse: es9InJson,
  GetBoundProfilePackageOk: es9InJson,
  HandleNotification: es9InJson,
  CancelSessionRequestEs9: es9InJson,
  CancelSessionResponseEs9: es9InJson,
  AuthenticateClientResponseEs11: es9InJson,
  AuthenticateClientOkEs11: es9InJson,
  EventEntries: es9InJson,
  ISDRProprietaryApplicationTemplate: consumerOnly,
  LpaeActivationRequest: consumerOnly,
  LpaeActivationResponse: consumerOnly,
};

const namesOf = (text: string) => text.trim().split(/\s+/);
const ours = (name: string) => declared.has(name) || namedNumbers.has(name);
const all = new Set([...namesOf(sgp32), ...namesOf(rsp)]);

describe('inventory', () => {
  for (const [module, text] of [
    ['SGP32Definitions', sgp32],
    ['RSPDefinitions', rsp],
  ] as const) {
    it(`accounts for every type of ${module}`, () => {
      const open = namesOf(text).filter((name) => !ours(name) && notOurs[name] === undefined);
      assert.deepEqual(open, []);
    });
  }

  it('does not disown what is declared, nor what no module has', () => {
    assert.deepEqual(Object.keys(notOurs).filter(ours), []);
    assert.deepEqual(
      Object.keys(notOurs).filter((name) => !all.has(name)),
      [],
    );
  });

  it('has every declared type in a module', () => {
    const elsewhere = new Set([
      ...['Certificate', 'SubjectPublicKeyInfo', 'SubjectKeyIdentifier'], // X.509
      'UICCCapability', // PEDefinitions
      'EuiccSigned2', // spelled EUICCSigned2 there
    ]);
    assert.deepEqual(
      [...declared.keys()].filter((name) => !all.has(name) && !elsewhere.has(name)),
      [],
    );
  });
});
