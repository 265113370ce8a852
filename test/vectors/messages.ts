/**
 * Messages of SGP.32 v1.2 and SGP.22 v2.5, each with the declared type that it is of. None is a capture: they were made
 * by hand, and decoded and encoded to the same bytes with a compiler built from the published ASN.1 modules. Signatures
 * are fillers: these are vectors of form.
 */
import { hex } from '../../src/base/bytes.ts';

export interface MessageVector {
  readonly what: string;
  readonly of: string;
  readonly bytes: Uint8Array;
}

/** 64 octets in a signature's place. */
const S = '55'.repeat(64);

const table: readonly (readonly [what: string, of: string, hex: string])[] = [
  // ESipa and eUICC Packages (facts sheet on the eIM, section 11); eimId "eIM", counter 7, eimTransactionId AAAAAAAA.
  [
    'GetEimPackage request, minimal',
    'EsipaMessageFromIpaToEim',
    'BF4F125A1089882119900000000000000000000005',
  ],
  [
    'GetEimPackage request, state change and PLMN',
    'EsipaMessageFromIpaToEim',
    'BF4F1C5A10898821199000000000000000000000058000810106820362F210',
  ],
  [
    'enable',
    'EsipaMessageFromEimToIpa',
    `BF4F78BF51753030800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA00EA30C5A0A989444999999990920F35F3740${S}`,
  ],
  [
    'disable',
    'EsipaMessageFromEimToIpa',
    `BF4F78BF51753030800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA00EA40C5A0A989444999999990920F35F3740${S}`,
  ],
  [
    'listProfileInfo of one ICCID',
    'EsipaMessageFromEimToIpa',
    `BF4F8180BF517D3038800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA016BF2D13A00C5A0A989444999999990920F35C035A9F705F3740${S}`,
  ],
  [
    'getRAT',
    'EsipaMessageFromEimToIpa',
    `BF4F6CBF51693024800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA002A6005F3740${S}`,
  ],
  [
    'configureImmediateEnable',
    'EsipaMessageFromEimToIpa',
    `BF4F8185BF518181303C800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA01AA718800081022A038210736D64702E6578616D706C652E636F6D5F3740${S}`,
  ],
  [
    'setDefaultDpAddress',
    'EsipaMessageFromEimToIpa',
    `BF4F7FBF517C3037800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA015BF65128010736D64702E6578616D706C652E636F6D5F3740${S}`,
  ],
  [
    'listEim',
    'EsipaMessageFromEimToIpa',
    `BF4F6CBF51693024800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA102AB005F3740${S}`,
  ],
  [
    'IPA eUICC data request',
    'EsipaMessageFromEimToIpa',
    'BF4F29BF52265C0DA081A2BF20BF228384A5A6A8A90405F5414172BDA103800105A2038001068304AAAAAAAA',
  ],
  [
    'download trigger with activation code',
    'EsipaMessageFromEimToIpa',
    'BF4F23BF5420A01880163124736D64702E6578616D706C652E636F6D244D49448204AAAAAAAA',
  ],
  [
    'result of enable',
    'EsipaMessageFromIpaToEim',
    `BF50725A1089882119900000000000000000000005BF515DA05B3016800365494D8101078204AAAAAAAA83012A30038301005F3740${S}`,
  ],
  [
    'result of listProfileInfo',
    'EuiccPackageResult',
    `BF51819AA081973052800365494D8101078204AAAAAAAA83012A303FBF2D3CA03AE3385A0A989444999999990920F34F10A0000005591010FFFFFFFF89000010009F700101910353504E92044E414D459501029F2601FF9F6701FF5F3740${S}`,
  ],
  [
    'result of getRAT',
    'EuiccPackageResult',
    `BF516FA06D3028800365494D8101078204AAAAAAAA83012A3015A613301180020560A1073005800362F210820207805F3740${S}`,
  ],
  [
    'result of addEim',
    'EuiccPackageResult',
    `BF515FA05D3018800365494D8101078204AAAAAAAA83012A3005A8038401055F3740${S}`,
  ],
  [
    'result of listEim',
    'EuiccPackageResult',
    `BF5168A0663021800365494D8101078204AAAAAAAA83012A300EAB0CA00A3008800365494D8201025F3740${S}`,
  ],
  [
    'result of setDefaultDpAddress',
    'EuiccPackageResult',
    `BF5160A05E3019800365494D8101078204AAAAAAAA83012A3006BF65038001005F3740${S}`,
  ],
  [
    'signed package error',
    'EuiccPackageResult',
    `BF5158A1563011800365494D8101078204AAAAAAAA0201045F3740${S}`,
  ],
  ['unsigned package error', 'EuiccPackageResult', 'BF5110A20E800365494D8204AAAAAAAA840101'],
  ['IPA eUICC data error', 'IpaEuiccDataResponse', 'BF520BA1098004AAAAAAAA020101'],
  [
    'download trigger error',
    'EsipaMessageFromIpaToEim',
    'BF50245A1089882119900000000000000000000005BF540F8204AAAAAAAA300780017F0402DEAD',
  ],
  ['acknowledgements', 'EsipaMessageFromEimToIpa', 'BF5009BF530680010B80012A'],
  [
    'InitiateAuthentication request',
    'EsipaMessageFromIpaToEim',
    'BF39628110C4C4C4C4C4C4C4C4C4C4C4C4C4C4C4C48310736D64702E6578616D706C652E636F6DBF20358203020500A9160414F5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F5AA160414F5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F58204AAAAAAAA',
  ],
  [
    'AuthenticateClient request, error of the eUICC',
    'EsipaMessageFromIpaToEim',
    'BF3B2C801001010101010101010101010101010101BF3817A115801001010101010101010101010101010101020106',
  ],
  [
    'AuthenticateClient request, compact',
    'EsipaMessageFromIpaToEim',
    `BF3B818F801001010101010101010101010101010101BF387AA278A033840F810100820400061A80830400001000A220A01E80034D4944A117800435329061A10585030F0000820853329061111111115F3740${S}`,
  ],
  [
    'AuthenticateClient response of an SM-DS',
    'EsipaMessageFromEimToIpa',
    'BF3B37A135801001010101010101010101010101010101BF5420A01880163124736D64702E6578616D706C652E636F6D244D49448204AAAAAAAA',
  ],
  [
    'GetBoundProfilePackage request, compact',
    'EsipaMessageFromIpaToEim',
    `BF3A81A2801001010101010101010101010101010101BF21818CA2818930445F494104777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777775F3740${S}`,
  ],
  [
    'installation result',
    'EsipaMessageFromIpaToEim',
    `BF3D81ADA081AABF3781A6BF2760801001010101010101010101010101010101BF2F2580010B810207800C10736D64702E6578616D706C652E636F6D5A0A989444999999990920F30603883702A21FA01D4F10A0000005591010FFFFFFFF890000100004093007A00530038001005F3740${S}`,
  ],
  [
    'installation result, compact',
    'EsipaMessageFromIpaToEim',
    `BF3D66A064A062A01D80100101010101010101010101010101010102010BA206A0044F0200105F3740${S}`,
  ],
  [
    'notification, compact',
    'EsipaMessageFromIpaToEim',
    `BF3D8181A07FA17D5A1089882119900000000000000000000005BF2F2580010C810206400C10736D64702E6578616D706C652E636F6D5A0A989444999999990920F35F3740${S}`,
  ],
  [
    'CancelSession request',
    'EsipaMessageFromIpaToEim',
    `BF4175801001010101010101010101010101010101A161A05F301A80100101010101010101010101010101010181038837028201055F3740${S}`,
  ],
  [
    'CancelSession request, compact',
    'EsipaMessageFromIpaToEim',
    `BF415E801001010101010101010101010101010101A14AA24830038001055F3740${S}`,
  ],
  ['AddInitialEim response', 'AddInitialEimResponse', 'BF5705A003840101'],
  // SGP.22 and the eUICC's functions (facts sheet on the lab, sections 2, 4 and 5).
  ['EUICCInfo1 with short key ids', 'EUICCInfo1', 'BF20118203020500A90404020102AA0404020102'],
  [
    'ServerSigned1',
    'ServerSigned1',
    '3040801000112233445566778899AABBCCDDEEFF8110000102030405060708090A0B0C0D0E0F8308736D64702E6C61628410101112131415161718191A1B1C1D1E1F',
  ],
  ['SmdpSigned2', 'SmdpSigned2', '3015801000112233445566778899AABBCCDDEEFF010100'],
  ['AuthenticateServer error', 'AuthenticateServerResponse', 'BF3809A10780021122020107'],
  ['PrepareDownload error', 'PrepareDownloadResponse', 'BF2109A10780021122020102'],
  [
    'ctxParams1',
    'CtxParams1',
    'A02380034D4944A11C800435290611A10A800303000085030F000082080102030405060708',
  ],
  [
    'CancelSession of the card, signature made up',
    'CancelSessionResponse',
    'BF4115A013300C80021122810388370A8201015F37020102',
  ],
  ['CancelSession error of the card', 'CancelSessionResponse', 'BF4103810105'],
  [
    'EuiccPackageSigned of the signature vector',
    'EuiccPackageSigned',
    '30288001655A1089049032123451234512345678901235810101A00EA30C5A0A98880000000000000071',
  ],
  ['psmoList: disable', 'EuiccPackage', 'A00EA40C5A0A98001032547698103214'],
  ['psmoList: enable with rollback', 'EuiccPackage', 'A010A30E5A0A980010325476981032140500'],
  ['psmoList: listProfileInfo with tagList', 'EuiccPackage', 'A008BF2D055C035A9F70'],
  ['psmoList: getRAT', 'EuiccPackage', 'A002A600'],
  ['psmoList: configureImmediateEnable', 'EuiccPackage', 'A00DA70B8000810388370A82026470'],
  ['ecoList: listEim', 'EuiccPackage', 'A102AB00'],
  ['ecoList: deleteEim', 'EuiccPackage', 'A106A90480026532'],
  [
    'package result, signature made up',
    'EuiccPackageResult',
    'BF5117A015300E80016581010183010530038301005F37020102',
  ],
  [
    'signed package error, signature made up',
    'EuiccPackageResult',
    'BF5112A11030098001658101010201045F37020102',
  ],
  ['unsigned package error with token', 'EuiccPackageResult', 'BF510CA20A80016582021122840107'],
  [
    'AddInitialEim request',
    'AddInitialEimRequest',
    'BF5716A0143012800165810166820102830100870206408900',
  ],
  ['GetEimConfigurationData of one', 'GetEimConfigurationDataRequest', 'BF5505A003800165'],
  ['GetEimConfigurationData, none', 'GetEimConfigurationDataResponse', 'BF5502A000'],
  ['GetCerts error', 'GetCertsResponse', 'BF5603810101'],
  ['EuiccMemoryReset, bits 0 and 5', 'EuiccMemoryResetRequest', 'BF640482020284'],
  ['ListNotification, install and delete', 'ListNotificationRequest', 'BF280481020490'],
  ['ListNotification, empty', 'ListNotificationResponse', 'BF2802A000'],
  ['ListNotification error', 'ListNotificationResponse', 'BF280381017F'],
  ['RetrieveNotificationsList, all', 'RetrieveNotificationsListRequest', 'BF2B00'],
  ['RetrieveNotificationsList by number', 'RetrieveNotificationsListRequest', 'BF2B05A003800107'],
  [
    'RetrieveNotificationsList, package results',
    'RetrieveNotificationsListRequest',
    'BF2B04A0028200',
  ],
  ['RetrieveNotificationsList, empty', 'RetrieveNotificationsListResponse', 'BF2B02A000'],
  ['RetrieveNotificationsList error', 'RetrieveNotificationsListResponse', 'BF2B0381017F'],
  ['NotificationSent', 'NotificationSentRequest', 'BF3003800107'],
  ['NotificationSent, done', 'NotificationSentResponse', 'BF3003800100'],
  ['GetEID', 'GetEuiccDataRequest', 'BF3E035C015A'],
  ['GetEuiccInfo1', 'GetEuiccInfo1Request', 'BF2000'],
  ['GetEuiccChallenge', 'GetEuiccChallengeRequest', 'BF2E00'],
  ['GetProfilesInfo, no hit', 'ProfileInfoListResponse', 'BF2D02A000'],
  ['ProfileRollback refused', 'ProfileRollbackResponse', 'BF5803020101'],
  // The other kinds of packages and results, made by asn1tools (a compiler of Python) from the published module of
  // SGP.32 v1.2: eimId "eIM", counter 7, eimTransactionId AAAAAAAA, seqNumber 12.
  [
    'enable with rollback',
    'EsipaMessageFromEimToIpa',
    `BF4F7ABF51773032800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA010A30E5A0A989444999999990920F305005F3740${S}`,
  ],
  [
    'delete',
    'EsipaMessageFromEimToIpa',
    `BF4F78BF51753030800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA00EA50C5A0A989444999999990920F35F3740${S}`,
  ],
  [
    'setFallbackAttribute',
    'EsipaMessageFromEimToIpa',
    `BF4F78BF51753030800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA00EA80C5A0A989444999999990920F35F3740${S}`,
  ],
  [
    'unsetFallbackAttribute',
    'EsipaMessageFromEimToIpa',
    `BF4F6CBF51693024800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA002A9005F3740${S}`,
  ],
  [
    'disable, then delete, then getRAT',
    'EsipaMessageFromEimToIpa',
    `BF4F8189BF5181853040800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA01EA40C5A0A989444999999990920F3A50C5A0A989444999999990920F3A6005F3740${S}`,
  ],
  [
    'configureImmediateEnable with SM-DP+',
    'EsipaMessageFromEimToIpa',
    `BF4F818CBF5181883043800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA021A71F800081092B0601040183A40F018210736D64702E6578616D706C652E636F6D5F3740${S}`,
  ],
  [
    'addEim',
    'EsipaMessageFromEimToIpa',
    `BF4F81AABF5181A63061800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA13FA83D80056F74686572810F65696D2E6578616D706C652E6F72678201028301008401FF870205608814F54172BDF98A95D65CBEB88A38A1C11D800A85C389005F3740${S}`,
  ],
  [
    'deleteEim',
    'EsipaMessageFromEimToIpa',
    `BF4F73BF5170302B800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA109A90780056F746865725F3740${S}`,
  ],
  [
    'updateEim',
    'EsipaMessageFromEimToIpa',
    `BF4F76BF5173302E800365494D5A10898821199000000000000000000000058101078204AAAAAAAAA10CAA0A800365494D83037FFDA05F3740${S}`,
  ],
  [
    'result of disable',
    'EuiccPackageResult',
    `BF515DA05B3016800365494D8101078204AAAAAAAA83010C30038401005F3740${S}`,
  ],
  [
    'result of delete',
    'EuiccPackageResult',
    `BF515DA05B3016800365494D8101078204AAAAAAAA83010C30038501025F3740${S}`,
  ],
  [
    'result of configureImmediateEnable',
    'EuiccPackageResult',
    `BF515DA05B3016800365494D8101078204AAAAAAAA83010C30038701005F3740${S}`,
  ],
  [
    'result of deleteEim',
    'EuiccPackageResult',
    `BF515DA05B3016800365494D8101078204AAAAAAAA83010C30038901005F3740${S}`,
  ],
  [
    'result of updateEim',
    'EuiccPackageResult',
    `BF515DA05B3016800365494D8101078204AAAAAAAA83010C30038A01005F3740${S}`,
  ],
  [
    'result of setFallbackAttribute',
    'EuiccPackageResult',
    `BF515DA05B3016800365494D8101078204AAAAAAAA83010C30038D01005F3740${S}`,
  ],
  [
    'result of unsetFallbackAttribute',
    'EuiccPackageResult',
    `BF515DA05B3016800365494D8101078204AAAAAAAA83010C30038E01005F3740${S}`,
  ],
  [
    'result of enable, rolled back',
    'EuiccPackageResult',
    `BF5160A05E3019800365494D8101078204AAAAAAAA83010C30068301008C01005F3740${S}`,
  ],
  [
    'processing terminated after disable',
    'EuiccPackageResult',
    `BF5160A05E3019800365494D8101078204AAAAAAAA83010C30068401000201025F3740${S}`,
  ],
];

export const messageVectors: readonly MessageVector[] = table.map(([what, of, text]) => ({
  what,
  of,
  bytes: hex(text),
}));

/** The vector that tells of `what`. */
export function messageVector(what: string): Uint8Array {
  const found = messageVectors.find((one) => one.what === what);
  if (found === undefined) throw new Error(`no vector ${what}`);
  return found.bytes;
}
