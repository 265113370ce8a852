/**
 * What came of an operation, as answers tell it: an object of one member, named as in the standard (SGP.32 2.11.2.1).
 * The drop-in API has the same entries with fewer members: its clients fail on one more.
 */
import { z } from 'zod';
import { AddEimResultCode, ListEimError } from '../../messages/eco.ts';
import { EimPackageResultErrorCode } from '../../messages/eim-package.ts';
import { EuiccPackageErrorCode } from '../../messages/euicc-package.ts';
import { IpaEuiccDataErrorCode } from '../../messages/ipa-euicc-data.ts';
import type { Names } from '../../messages/primitives.ts';
import { ProfileInfoListError } from '../../messages/psmo.ts';
import { CancelSessionReason } from '../../messages/rsp.ts';
import { numberedResults, procedureErrors, type ResultName } from '../../orders/outcome.ts';

/** An entry. */
type Entry = z.ZodType<Readonly<Record<string, unknown>>>;

const text = z.string();
const hex = z.string().regex(/^([0-9A-F]{2})*$/);

/** The name of a number, or the number where the standard has no name for it. */
const word = (names: Names) => z.union([z.enum(Object.keys(names)), z.int()]);

const entry = (name: string, about: string, value: z.ZodType): Entry =>
  z.strictObject({ [name]: value.describe(about) });

/** What results that are one number are of. */
const resultsOf: Readonly<Record<ResultName, string>> = {
  enableResult: 'Of enable',
  disableResult: 'Of disable',
  deleteResult: 'Of delete',
  configureImmediateEnableResult: 'Of configureImmediateEnable',
  configureAutoEnableResult: 'Of configureAutoEnable',
  setFallbackAttributeResult: 'Of setFallbackAttribute',
  unsetFallbackAttributeResult: 'Of unsetFallbackAttribute',
  setDefaultDpAddressResult: 'Of setDefaultDpAddress',
  deleteEimResult: 'Of deleteEim',
  updateEimResult: 'Of updateEim',
  rollbackResult: 'The device went back to the profile of before: what came of that',
  processingTerminated: 'Why the eUICC executed nothing more of the package',
};

/** Of the eUICC, one number each; of the package as a whole; of the procedure around it. */
const words: readonly Entry[] = [
  ...Object.entries(numberedResults).map(([name, names]) =>
    entry(name, resultsOf[name as ResultName], word(names)),
  ),
  entry(
    'euiccPackageErrorCode',
    'Why the eUICC refused the whole package',
    word(EuiccPackageErrorCode),
  ),
  entry('eimPackageError', 'Why the IPA refused the eIM package', word(EimPackageResultErrorCode)),
  entry('procedureError', 'Why it ended without a result of the eUICC', z.enum(procedureErrors)),
];

/** The Rules Authorisation Table (SGP.22 5.7.22). */
const rules = entry(
  'getRATResult',
  'Of getRAT: the Rules Authorisation Table (SGP.22 2.4.12)',
  z.array(
    z.strictObject({
      pprUpdateControl: z.boolean().describe('PPRs may be updated'),
      ppr1: z.boolean().describe('profiles that must not be disabled are allowed'),
      ppr2: z.boolean().describe('profiles that must not be deleted are allowed'),
      allowedOperators: z
        .array(
          z.strictObject({
            mccMnc: hex.describe('MCC and MNC as in TS 24.008; E for any digit'),
            gid1: hex.exactOptional().describe('Group Identifier 1 (TS 31.102)'),
            gid2: hex.exactOptional().describe('Group Identifier 2 (TS 31.102)'),
          }),
        )
        .describe('whose profiles may have them'),
      consentRequired: z.boolean().describe('the user has to agree'),
    }),
  ),
);

const addEim = entry(
  'addEimResult',
  'Of addEim',
  z.strictObject({
    addEimResultCode: word(AddEimResultCode).describe('whether it is associated now'),
    associationToken: z.int().exactOptional().describe('where the eUICC was asked to make one'),
  }),
);

const good = z.literal('successResult').describe('it went well');
const bad = z.literal('errorResult').describe('it went wrong');
const eims = z
  .array(
    z.looseObject({
      eimId: text.describe('what the eUICC knows it by'),
      eimIdType: z
        .union([z.enum(['eimIdTypeOid', 'eimIdTypeFqdn', 'eimIdTypeProprietary']), z.int()])
        .exactOptional()
        .describe('what the eimId is'),
    }),
  )
  .describe('the eIMs that are associated');

const printed = text.describe('printed digits; the hex where it holds none');
const efIccid = text.describe('as in EF.ICCID: hex digits, nibble-swapped');

const profileFacts = {
  isdpAid: hex.exactOptional().describe('AID of its ISD-P'),
  profileState: z
    .union([z.enum(['enabled', 'disabled']), z.int()])
    .exactOptional()
    .describe('whether it is enabled'),
  profileNickname: text.exactOptional().describe('as the user or the operator calls it'),
  serviceProviderName: text.exactOptional().describe('of whose network it is'),
  profileName: text.exactOptional().describe('as who made it calls it'),
  iconType: z.union([text, z.int()]).exactOptional().describe('jpg or png'),
  icon: hex.exactOptional().describe('the picture'),
  profileClass: z
    .union([z.enum(['test', 'provisioning', 'operational']), z.int()])
    .exactOptional()
    .describe('what it is for'),
};

const cancelSessionResult = z.enum(['ok', 'undefinedError']);
const aboutCancel = 'The device gave the download up: what came of that';
const euiccUpdateResult = entry(
  'euiccUpdateResult',
  'Of an order of facility euicc that sets something',
  z.enum(['ok', 'badParam', 'badParamFormat']),
);
const euiccStateResult = entry(
  'euiccStateResult',
  'Of an order of facility euicc: what is known now, by the names that were given',
  z.array(z.record(z.string(), z.unknown())),
);

/** One entry of `outcome` in answers of /v1. */
export const OutcomeView: Entry = z.union([
  ...words,
  rules,
  addEim,
  z.strictObject({
    cancelSessionResult: cancelSessionResult.describe(aboutCancel),
    cancelSessionReason: z
      .union([z.enum(Object.keys(CancelSessionReason)), text])
      .exactOptional()
      .describe('why the device gave the download up'),
  }),
  entry(
    'listProfileInfoResult',
    'Of listProfileInfo',
    z.union([
      z.strictObject({
        finalResult: good,
        profileInfoList: z
          .array(
            z.looseObject({
              iccid: printed.exactOptional(),
              efIccid: efIccid.exactOptional(),
              ...profileFacts,
            }),
          )
          .describe('the profiles that there are'),
      }),
      z.strictObject({
        finalResult: bad,
        profileInfoListError: word(ProfileInfoListError).describe('why'),
      }),
    ]),
  ),
  entry(
    'listEimResult',
    'Of listEim',
    z.union([
      z.strictObject({ finalResult: good, eimIdList: eims }),
      z.strictObject({ finalResult: bad, listEimError: word(ListEimError).describe('why') }),
    ]),
  ),
  entry(
    'profileInstallationResult',
    'Of download',
    z.union([
      z.strictObject({
        finalResult: good,
        iccid: printed.exactOptional(),
        efIccid: efIccid.exactOptional(),
      }),
      z.strictObject({ finalResult: bad }),
    ]),
  ),
  entry(
    'euiccDataResult',
    'Of edr',
    z.union([
      z.strictObject({
        edrResult: z.literal('ok').describe('it went well'),
        euiccData: z
          .record(z.string(), z.unknown())
          .describe('by the names of IpaEuiccData, their members as the standard names them'),
      }),
      z.strictObject({ edrResult: word(IpaEuiccDataErrorCode).describe('why there are none') }),
    ]),
  ),
  euiccUpdateResult,
  euiccStateResult,
  entry('smdsResult', 'Why an SM-DS led to no download', z.enum(['noEvent', 'tooManyServers'])),
  entry(
    'confirmResult',
    'Of confirm: whether the device came back, and proved it',
    z.enum(['ok', 'notEnabled', 'noAnswer', 'failed']),
  ),
  entry('unknownResult', 'A result of a later version: its DER', hex),
]);

/** One entry of `outcome` in answers of the drop-in facilities. */
export const DropInOutcome: Entry = z.union([
  ...words,
  rules,
  addEim,
  entry('cancelSessionResult', aboutCancel, cancelSessionResult),
  entry(
    'listProfileInfoResult',
    'Of listProfileInfo',
    z.union([
      z.strictObject({
        finalResult: good,
        profileInfoList: z
          .array(z.strictObject({ iccid: efIccid.exactOptional(), ...profileFacts }))
          .describe('the profiles that there are'),
      }),
      z.strictObject({ finalResult: bad }),
    ]),
  ),
  entry(
    'listEimResult',
    'Of listEim',
    z.union([
      z.strictObject({ finalResult: good, eimIdList: eims }),
      z.strictObject({ finalResult: bad }),
    ]),
  ),
  entry(
    'profileInstallationResult',
    'Of download',
    z.union([
      z.strictObject({ finalResult: good, iccid: efIccid.exactOptional() }),
      z.strictObject({ finalResult: bad }),
    ]),
  ),
  entry(
    'euiccDataResult',
    'Of edr',
    z.union([
      z.strictObject({
        edrResult: z.literal('ok').describe('it went well'),
        euiccData: z
          .strictObject({
            defaultSmdpAddress: text.exactOptional().describe('the SM-DP+ that it holds'),
            euiccInfo1: hex.exactOptional().describe('EUICCInfo1, DER'),
            euiccInfo2: hex.exactOptional().describe('EUICCInfo2, DER'),
            rootSmdsAddress: text.exactOptional().describe('the root SM-DS that it holds'),
            associationToken: z.int().exactOptional().describe('of this eIM'),
            eumCertificate: hex.exactOptional().describe('of who made the eUICC, DER'),
            euiccCertificate: hex.exactOptional().describe('of the eUICC, DER'),
            ipaCapabilities: hex.exactOptional().describe('IpaCapabilities, DER'),
            deviceInfo: hex.exactOptional().describe('DeviceInfo, DER'),
            notificationsList: hex.exactOptional().describe('PendingNotificationList, DER'),
          })
          .describe('named as in IpaEuiccData'),
      }),
      z.strictObject({ edrResult: word(IpaEuiccDataErrorCode).describe('why there are none') }),
    ]),
  ),
  euiccUpdateResult,
  euiccStateResult,
]);
