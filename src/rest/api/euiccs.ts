/** eUICCs: what /v1 takes and what it answers. */
import { z } from 'zod';
import { type Sureness, sureness, topics } from '../../fleet/knowledge.ts';
import { euiccKey } from '../euicc-key.ts';
import { eidText } from './ids.ts';
import { ProfileView } from './profiles.ts';
import { cursor, pageLimit } from './query.ts';

/** What the results of a eUICC are believed for. */
const proof = z.enum(['certificates', 'operator', 'none', 'unproven']);

/** GET /v1/euiccs: those after an EID, in the order of EIDs. */
export const EuiccQuery = z.strictObject({
  level: z
    .enum(['v1.0', 'v1.2', 'v1.3'])
    .exactOptional()
    .describe('version of SGP.32 that the device speaks'),
  proof: proof.exactOptional().describe('what results are believed for'),
  after: cursor(eidText),
  limit: pageLimit,
});

/** The words of fleet/euiccs.ts for stateChangeCause. */
const cause = z.enum([
  'otherEim',
  'fallback',
  'emergencyProfile',
  'local',
  'reset',
  'immediateEnableProfile',
  'deviceChange',
  'undefined',
]);

/** PATCH /v1/euiccs/:eid: what is absent stays. Named as in the drop-in API. */
export const EuiccChange = z.strictObject({
  counterValue: z
    .int()
    .min(0)
    .max(2 ** 23 - 1)
    .exactOptional()
    .describe('SGP.32 2.11.1.1: at most 2^23 - 1'),
  associationToken: z.int().min(0).exactOptional().describe('as the eUICC holds it for this eIM'),
  consumerEuicc: z
    .boolean()
    .exactOptional()
    .describe('an IPA emulates it: results are believed without proof'),
  signAlgo: z
    .enum(['prime256v1', 'brainpoolP256r1'])
    .exactOptional()
    .describe('The curve of signPubKey; absent: the one that the key is on'),
  signPubKey: euiccKey
    .nullable()
    .exactOptional()
    .describe(
      "The operator's word for the eUICC's key: no certificate changes it. null: it is learned (again)",
    ),
  stateChangeCauseList: z
    .array(cause)
    .max(8)
    .exactOptional()
    .describe('why its state changed, as polls told'),
  level: z
    .enum(['v1.0', 'v1.2', 'v1.3', 'learned'])
    .exactOptional()
    .describe('The version of SGP.32 that its device speaks; `learned`: as it shows'),
});
export type EuiccChange = z.infer<typeof EuiccChange>;

export type { Sureness };

export const KnownView = z.strictObject({
  since: z.iso.datetime(),
  source: z.string().describe('For people'),
  sure: z
    .enum(sureness)
    .describe('`proven` by a signature, `reported` unsigned, `inferred`, or `set` by the operator'),
});
export type KnownView = z.infer<typeof KnownView>;

export const DoubtView = z.strictObject({
  since: z.iso.datetime(),
  why: z.string(),
  asked: z.number().describe('How often the eIM has asked because of it'),
});
export type DoubtView = z.infer<typeof DoubtView>;

export const CertificateView = z.strictObject({
  subject: z.string(),
  issuer: z.string(),
  serialNumber: z.string(),
  notBefore: z.string(),
  notAfter: z.string(),
  der: z.string().describe('Hex'),
});
export type CertificateView = z.infer<typeof CertificateView>;

/** GET /v1/euiccs/:eid. Octets in hex. */
export const EuiccView = z.strictObject({
  eid: z.string(),
  counterValue: z.number(),
  counterLeft: z
    .number()
    .exactOptional()
    .describe('Only where it is time to give the eUICC a new one'),
  associationToken: z.number(),
  consumerEuicc: z.boolean(),
  signAlgo: z.string(),
  signPubKey: z
    .string()
    .exactOptional()
    .describe("Without it the eUICC's results cannot be verified yet"),
  level: z
    .string()
    .describe(
      'The version of SGP.32 that its device speaks, and how that is known: `assumed: nothing tells it`',
    ),
  levelFrom: z.string(),
  /**
   * What the eUICC's results are believed for: `certificates` up to a CI root, the key that the `operator` set; `none`
   * while its key is not known; `unproven`: they are believed without proof (consumerEuicc).
   */
  proof,
  stateChangeCauseList: z.array(z.string()).readonly(),
  profiles: z.array(ProfileView).readonly().exactOptional(),
  profilesAt: z.iso.datetime().exactOptional().describe('When the eUICC told them'),
  profilesPartial: z
    .literal(true)
    .exactOptional()
    .describe('They were never listed whole: there may be others'),
  eims: z
    .array(
      z.strictObject({
        eimId: z.string(),
        eimIdType: z.string().exactOptional(),
      }),
    )
    .readonly()
    .exactOptional()
    .describe('eIMs that it is associated with'),
  eimsAt: z.iso.datetime().exactOptional(),
  defaultSmdpAddress: z.string().exactOptional(),
  rootSmdsAddress: z.string().exactOptional(),
  euiccInfo1: z
    .unknown()
    .exactOptional()
    .describe('As the standard names their members; what cannot be read is hex'),
  euiccInfo2: z.unknown().exactOptional(),
  ipaCapabilities: z.unknown().exactOptional(),
  deviceInfo: z.unknown().exactOptional(),
  euiccCertificate: CertificateView.exactOptional().describe('Checked up to a CI root'),
  eumCertificate: CertificateView.exactOptional(),
  known: z
    .record(z.string(), KnownView)
    .describe('How what is known is known, by the names of the members above'),
  doubts: z
    .partialRecord(z.enum(topics), DoubtView)
    .describe('What is not to be relied on until the eUICC has told anew'),
  outstanding: z
    .strictObject({
      order: z.string(),
      counterValue: z.number().exactOptional(),
    })
    .exactOptional()
    .describe('A package that left and whose result has not come'),
  lastStateChange: z
    .strictObject({
      cause: z.string(),
      at: z.iso.datetime(),
    })
    .exactOptional(),
  added: z.iso.datetime(),
  firstContact: z.iso.datetime().exactOptional(),
  lastContact: z.iso.datetime().exactOptional(),
  lastPeer: z.string().exactOptional(),
  pollInterval: z
    .number()
    .exactOptional()
    .describe('Seconds from one call of the device to the next, as a rule; learned from its polls'),
  nextContact: z.iso
    .datetime()
    .exactOptional()
    .describe('When it is expected to call again, by that'),
});
export type EuiccView = z.infer<typeof EuiccView>;

export const EuiccList = z.strictObject({
  euiccs: z.array(EuiccView).readonly(),
  next: z.string().exactOptional().describe('As in OrderList'),
});
export type EuiccList = z.infer<typeof EuiccList>;
