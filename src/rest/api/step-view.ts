/** The steps of an order, as /v1 answers them: as they were posted, ICCIDs in both forms, secrets left out. */
import { z } from 'zod';
import { OutcomeView } from './outcome.ts';

type Shown = z.ZodType<Readonly<Record<string, unknown>>>;

const text = z.string();
const nothing = z.strictObject({});
const iccids = {
  iccid: text.describe('printed digits; the hex where it holds none'),
  efIccid: text.describe('as in EF.ICCID: 20 hex digits, nibble-swapped'),
};
const oneProfile = z.strictObject(iccids);
const oneNumber = z.strictObject({
  seqNumber: z.int().describe('the number that the eUICC gave it'),
});
const atOnce = 'true: a profile is enabled as soon as it is installed; absent: it is not';
const smdpOid = 'OID of the SM-DP+';
const smdpAddress = 'SM-DP+: a host, or host:port';

/** Of a whole order alone. */
const progress = {
  state: z
    .enum(['waiting', 'underway', 'done', 'failed', 'skipped'])
    .exactOptional()
    .describe('how far it got; only in a whole order'),
  outcome: OutcomeView.exactOptional().describe('what came of it; only in a whole order'),
  reason: text.exactOptional().describe('why its stage ended so, for people'),
};

const configuration = z
  .looseObject({
    eimId: text.exactOptional().describe('what eUICCs know the eIM by'),
    eimConfigurationData: text.describe('EimConfigurationData (SGP.32 2.11.1.1.1), DER in hex'),
  })
  .describe('its members, and the hex of its DER');

const arms: Readonly<Record<string, z.ZodType>> = {
  download: z.strictObject({
    activationCode: text.exactOptional().describe('without LPA:'),
    defaultSmdp: z
      .literal(true)
      .exactOptional()
      .describe('the SM-DP+ whose address the eUICC holds'),
    smds: z
      .strictObject({
        address: text.exactOptional().describe('host, or host:port'),
        eventId: text.exactOptional().describe('EventID of the SM-DS'),
      })
      .exactOptional()
      .describe("without an address: the eUICC's root SM-DS"),
    confirmationCode: z.literal('given').exactOptional().describe('never in clear'),
    mode: z
      .enum(['indirect', 'direct'])
      .exactOptional()
      .describe('through the eIM, or by the device itself; absent: as its IPA can'),
  }),
  enable: z.strictObject({
    iccid: iccids.iccid.exactOptional(),
    efIccid: iccids.efIccid.exactOptional(),
    rollback: z
      .boolean()
      .exactOptional()
      .describe('back to the profile of before where the new one gives no connection'),
  }),
  disable: oneProfile,
  delete: oneProfile,
  listProfileInfo: z.strictObject({
    searchCriteria: z
      .union([
        oneProfile,
        z.strictObject({ isdpAid: text.describe('AID of its ISD-P, hex') }),
        z.strictObject({
          profileClass: z.int().describe('0: test, 1: provisioning, 2: operational'),
        }),
      ])
      .exactOptional()
      .describe('which profiles; absent: all'),
    tagList: text.exactOptional().describe('tags of ProfileInfo, hex'),
  }),
  getRAT: nothing,
  configureImmediateEnable: z.strictObject({
    immediateEnableFlag: z.boolean().exactOptional().describe(atOnce),
    defaultSmdpOid: text.exactOptional().describe(smdpOid),
    defaultSmdpAddress: text.exactOptional().describe(smdpAddress),
  }),
  configureAutoEnable: z
    .strictObject({
      autoEnableFlag: z.boolean().exactOptional().describe(atOnce),
      smdpOid: text.exactOptional().describe(smdpOid),
      smdpAddress: text.exactOptional().describe(smdpAddress),
    })
    .describe('configureImmediateEnable in the words of SGP.32 v1.0, as the drop-in API takes it'),
  setFallbackAttribute: oneProfile,
  unsetFallbackAttribute: nothing,
  setDefaultDpAddress: z.strictObject({
    defaultDpAddress: text.describe(`${smdpAddress}; empty: none`),
  }),
  addEim: configuration,
  updateEim: configuration,
  deleteEim: z.strictObject({ eimId: text.describe('what eUICCs know the eIM by') }),
  listEim: nothing,
  edr: z.strictObject({
    tagList: text.describe('tags of IpaEuiccData, hex'),
    euiccCiPKId: text
      .exactOptional()
      .describe('key identifier of the CI whose certificates are wanted, hex'),
    searchCriteriaNotification: z
      .union([
        oneNumber,
        z.strictObject({
          profileManagementOperation: z.array(text).describe('those of these operations'),
        }),
      ])
      .exactOptional()
      .describe('which of notificationsList; absent: all'),
    searchCriteriaEuiccPackageResult: oneNumber
      .exactOptional()
      .describe('which of euiccPackageResultList; absent: all'),
  }),
  confirm: z.strictObject({
    polls: z.int().describe('how often the question is handed out at the most'),
    within: text.describe('how long the device may stay away: 24h'),
  }),
  euicc: z.unknown().describe('facility euicc of the drop-in API, as it was posted'),
};

/** What each arm is for. */
const about: Readonly<Record<string, string>> = {
  download: 'A profile is downloaded and installed',
  enable: 'A profile is enabled: without an ICCID the one that the download before it installs',
  disable: 'A profile is disabled',
  delete: 'A profile is deleted',
  listProfileInfo: 'Profiles are asked for',
  getRAT: 'The Rules Authorisation Table is asked for',
  configureImmediateEnable: 'Whether profiles are enabled as soon as they are installed',
  setFallbackAttribute: 'A profile becomes the one to fall back to',
  unsetFallbackAttribute: 'There is no profile to fall back to any more',
  setDefaultDpAddress: 'Which SM-DP+ is the default one',
  addEim: 'Another eIM is associated',
  updateEim: 'What the eUICC holds of an eIM is changed',
  deleteEim: 'An eIM is associated no more',
  listEim: 'eIMs are asked for',
  edr: 'Data of eUICC, IPA and device are asked for',
  confirm: 'The device is to come back, and to prove it',
};

/** One step: what is to be done and, in a whole order, how far it got. */
export const StepView: Shown = z.union(
  Object.entries(arms).map(([name, members]) =>
    z.strictObject({
      [name]: members.describe(about[name] ?? members.description ?? name),
      ...progress,
    }),
  ),
);
