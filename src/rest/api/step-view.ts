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

/** Of a whole order alone. */
const progress = {
  state: z
    .enum(['waiting', 'underway', 'done', 'failed', 'skipped'])
    .exactOptional()
    .describe('how far it got; only in a whole order'),
  outcome: OutcomeView.exactOptional(),
  reason: text.exactOptional().describe('why its stage ended so, for people'),
};

const configuration = z
  .looseObject({ eimId: text.exactOptional(), eimConfigurationData: text })
  .describe('its members, and the hex of its DER');

const arms: Readonly<Record<string, z.ZodType>> = {
  download: z.strictObject({
    activationCode: text.exactOptional(),
    defaultSmdp: z.literal(true).exactOptional(),
    smds: z
      .strictObject({ address: text.exactOptional(), eventId: text.exactOptional() })
      .exactOptional(),
    confirmationCode: z.literal('given').exactOptional().describe('never in clear'),
    mode: z.enum(['indirect', 'direct']).exactOptional(),
  }),
  enable: z.strictObject({
    iccid: iccids.iccid.exactOptional(),
    efIccid: iccids.efIccid.exactOptional(),
    rollback: z.boolean().exactOptional(),
  }),
  disable: oneProfile,
  delete: oneProfile,
  listProfileInfo: z.strictObject({
    searchCriteria: z
      .union([
        oneProfile,
        z.strictObject({ isdpAid: text }),
        z.strictObject({ profileClass: z.int() }),
      ])
      .exactOptional(),
    tagList: text.exactOptional().describe('tags of ProfileInfo, hex'),
  }),
  getRAT: nothing,
  configureImmediateEnable: z.strictObject({
    immediateEnableFlag: z.boolean().exactOptional(),
    defaultSmdpOid: text.exactOptional(),
    defaultSmdpAddress: text.exactOptional(),
  }),
  configureAutoEnable: z
    .strictObject({
      autoEnableFlag: z.boolean().exactOptional(),
      smdpOid: text.exactOptional(),
      smdpAddress: text.exactOptional(),
    })
    .describe('configureImmediateEnable in the words of SGP.32 v1.0, as the drop-in API takes it'),
  setFallbackAttribute: oneProfile,
  unsetFallbackAttribute: nothing,
  setDefaultDpAddress: z.strictObject({ defaultDpAddress: text }),
  addEim: configuration,
  updateEim: configuration,
  deleteEim: z.strictObject({ eimId: text }),
  listEim: nothing,
  edr: z.strictObject({
    tagList: text.describe('tags of IpaEuiccData, hex'),
    euiccCiPKId: text.exactOptional(),
    searchCriteriaNotification: z
      .union([
        z.strictObject({ seqNumber: z.int() }),
        z.strictObject({ profileManagementOperation: z.array(text) }),
      ])
      .exactOptional(),
    searchCriteriaEuiccPackageResult: z.strictObject({ seqNumber: z.int() }).exactOptional(),
  }),
  confirm: z.strictObject({
    polls: z.int().describe('how often the question is handed out at the most'),
    within: text.describe('how long the device may stay away: 24h'),
  }),
  euicc: z.unknown().describe('facility euicc of the drop-in API, as it was posted'),
};

/** One step: what is to be done and, in a whole order, how far it got. */
export const StepView: Shown = z.union(
  Object.entries(arms).map(([name, members]) => z.strictObject({ [name]: members, ...progress })),
);
