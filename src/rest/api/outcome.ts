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
import { numberedResults, procedureErrors } from '../../orders/outcome.ts';

/** An entry. */
type Entry = z.ZodType<Readonly<Record<string, unknown>>>;

const text = z.string();
const hex = z.string().regex(/^([0-9A-F]{2})*$/);

/** The name of a number, or the number where the standard has no name for it. */
const word = (names: Names) => z.union([z.enum(Object.keys(names)), z.int()]);

const entry = (name: string, value: z.ZodType): Entry => z.strictObject({ [name]: value });

/** Of the eUICC, one number each; of the package as a whole; of the procedure around it. */
const words: readonly Entry[] = [
  ...Object.entries(numberedResults).map(([name, names]) => entry(name, word(names))),
  entry('euiccPackageErrorCode', word(EuiccPackageErrorCode)),
  entry('eimPackageError', word(EimPackageResultErrorCode)),
  entry('procedureError', z.enum(procedureErrors)),
];

/** The Rules Authorisation Table (SGP.22 5.7.22). */
const rules = entry(
  'getRATResult',
  z.array(
    z.strictObject({
      pprUpdateControl: z.boolean(),
      ppr1: z.boolean().describe('profiles that must not be disabled are allowed'),
      ppr2: z.boolean().describe('profiles that must not be deleted are allowed'),
      allowedOperators: z.array(
        z.strictObject({
          mccMnc: hex.describe('MCC and MNC as in TS 24.008; E for any digit'),
          gid1: hex.exactOptional(),
          gid2: hex.exactOptional(),
        }),
      ),
      consentRequired: z.boolean(),
    }),
  ),
);

const addEim = entry(
  'addEimResult',
  z.strictObject({
    addEimResultCode: word(AddEimResultCode),
    associationToken: z.int().exactOptional().describe('where the eUICC was asked to make one'),
  }),
);

const good = z.literal('successResult');
const bad = z.literal('errorResult');
const eims = z.array(
  z.looseObject({
    eimId: text,
    eimIdType: z
      .union([z.enum(['eimIdTypeOid', 'eimIdTypeFqdn', 'eimIdTypeProprietary']), z.int()])
      .exactOptional(),
  }),
);

const printed = text.describe('printed digits; the hex where it holds none');
const efIccid = text.describe('as in EF.ICCID: hex digits, nibble-swapped');

const profileFacts = {
  isdpAid: hex.exactOptional(),
  profileState: z.union([z.enum(['enabled', 'disabled']), z.int()]).exactOptional(),
  profileNickname: text.exactOptional(),
  serviceProviderName: text.exactOptional(),
  profileName: text.exactOptional(),
  iconType: z.union([text, z.int()]).exactOptional(),
  icon: hex.exactOptional(),
  profileClass: z.union([z.enum(['test', 'provisioning', 'operational']), z.int()]).exactOptional(),
};

/** One entry of `outcome` in answers of /v1. */
export const OutcomeView: Entry = z.union([
  ...words,
  rules,
  addEim,
  z.strictObject({
    cancelSessionResult: z.enum(['ok', 'undefinedError']),
    cancelSessionReason: z
      .union([z.enum(Object.keys(CancelSessionReason)), text])
      .exactOptional()
      .describe('why the device gave the download up'),
  }),
  entry(
    'listProfileInfoResult',
    z.union([
      z.strictObject({
        finalResult: good,
        profileInfoList: z.array(
          z.looseObject({
            iccid: printed.exactOptional(),
            efIccid: efIccid.exactOptional(),
            ...profileFacts,
          }),
        ),
      }),
      z.strictObject({ finalResult: bad, profileInfoListError: word(ProfileInfoListError) }),
    ]),
  ),
  entry(
    'listEimResult',
    z.union([
      z.strictObject({ finalResult: good, eimIdList: eims }),
      z.strictObject({ finalResult: bad, listEimError: word(ListEimError) }),
    ]),
  ),
  entry(
    'profileInstallationResult',
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
    z.union([
      z.strictObject({
        edrResult: z.literal('ok'),
        euiccData: z
          .record(z.string(), z.unknown())
          .describe('by the names of IpaEuiccData, their members as the standard names them'),
      }),
      z.strictObject({ edrResult: word(IpaEuiccDataErrorCode) }),
    ]),
  ),
  entry('euiccUpdateResult', z.enum(['ok', 'badParam', 'badParamFormat'])),
  entry('euiccStateResult', z.array(z.record(z.string(), z.unknown()))),
  entry('smdsResult', z.enum(['noEvent', 'tooManyServers'])),
  entry('confirmResult', z.enum(['ok', 'notEnabled', 'noAnswer', 'failed'])),
  entry('unknownResult', hex.describe('DER of a result of a later version')),
]);

/** One entry of `outcome` in answers of the drop-in facilities. */
export const DropInOutcome: Entry = z.union([
  ...words,
  rules,
  addEim,
  entry('cancelSessionResult', z.enum(['ok', 'undefinedError'])),
  entry(
    'listProfileInfoResult',
    z.union([
      z.strictObject({
        finalResult: good,
        profileInfoList: z.array(
          z.strictObject({ iccid: efIccid.exactOptional(), ...profileFacts }),
        ),
      }),
      z.strictObject({ finalResult: bad }),
    ]),
  ),
  entry(
    'listEimResult',
    z.union([
      z.strictObject({ finalResult: good, eimIdList: eims }),
      z.strictObject({ finalResult: bad }),
    ]),
  ),
  entry(
    'profileInstallationResult',
    z.union([
      z.strictObject({ finalResult: good, iccid: efIccid.exactOptional() }),
      z.strictObject({ finalResult: bad }),
    ]),
  ),
  entry(
    'euiccDataResult',
    z.union([
      z.strictObject({
        edrResult: z.literal('ok'),
        euiccData: z.strictObject({
          defaultSmdpAddress: text.exactOptional(),
          euiccInfo1: hex.exactOptional(),
          euiccInfo2: hex.exactOptional(),
          rootSmdsAddress: text.exactOptional(),
          associationToken: z.int().exactOptional(),
          eumCertificate: hex.exactOptional(),
          euiccCertificate: hex.exactOptional(),
          ipaCapabilities: hex.exactOptional(),
          deviceInfo: hex.exactOptional(),
          notificationsList: hex.exactOptional(),
        }),
      }),
      z.strictObject({ edrResult: word(IpaEuiccDataErrorCode) }),
    ]),
  ),
  entry('euiccUpdateResult', z.enum(['ok', 'badParam', 'badParamFormat'])),
  entry('euiccStateResult', z.array(z.record(z.string(), z.unknown()))),
]);
