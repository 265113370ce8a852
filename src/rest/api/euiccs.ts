/** eUICCs: what /v1 takes and what it answers. */
import { z } from 'zod';
import { type Sureness, sureness, topics } from '../../fleet/knowledge.ts';
import { euiccKey } from '../euicc-key.ts';
import { eidText } from './ids.ts';
import { ProfileView } from './profiles.ts';
import { queryNumber } from './query.ts';

/** What the results of a eUICC are believed for. */
const proof = z.enum(['certificates', 'operator', 'none', 'unproven']);

/** GET /v1/euiccs: those after an EID, in the order of EIDs. */
export const EuiccQuery = z.strictObject({
  level: z.enum(['v1.0', 'v1.2', 'v1.3']).exactOptional(),
  proof: proof.exactOptional(),
  after: eidText.exactOptional(),
  limit: queryNumber(1, 1000).exactOptional(),
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
  /** SGP.32 2.11.1.1: at most 2^23 - 1. */
  counterValue: z
    .int()
    .min(0)
    .max(2 ** 23 - 1)
    .exactOptional(),
  associationToken: z.int().min(0).exactOptional(),
  consumerEuicc: z.boolean().exactOptional(),
  /** The curve of signPubKey; absent: the one that the key is on. */
  signAlgo: z.enum(['prime256v1', 'brainpoolP256r1']).exactOptional(),
  /** The operator's word for the eUICC's key: no certificate changes it. null: it is learned (again). */
  signPubKey: euiccKey.nullable().exactOptional(),
  stateChangeCauseList: z.array(cause).max(8).exactOptional(),
  /** The version of SGP.32 that its device speaks; `learned`: as it shows. */
  level: z.enum(['v1.0', 'v1.2', 'v1.3', 'learned']).exactOptional(),
});
export type EuiccChange = z.infer<typeof EuiccChange>;

export type { Sureness };

export const KnownView = z.strictObject({
  since: z.iso.datetime(),
  /** For people. */
  source: z.string(),
  /** `proven` by a signature, `reported` unsigned, `inferred`, or `set` by the operator. */
  sure: z.enum(sureness),
});
export type KnownView = z.infer<typeof KnownView>;

export const DoubtView = z.strictObject({
  since: z.iso.datetime(),
  why: z.string(),
  /** How often the eIM has asked because of it. */
  asked: z.number(),
});
export type DoubtView = z.infer<typeof DoubtView>;

export const CertificateView = z.strictObject({
  subject: z.string(),
  issuer: z.string(),
  serialNumber: z.string(),
  notBefore: z.string(),
  notAfter: z.string(),
  /** Hex. */
  der: z.string(),
});
export type CertificateView = z.infer<typeof CertificateView>;

/** GET /v1/euiccs/:eid. Octets in hex. */
export const EuiccView = z.strictObject({
  eid: z.string(),
  counterValue: z.number(),
  /** Only where it is time to give the eUICC a new one. */
  counterLeft: z.number().exactOptional(),
  associationToken: z.number(),
  consumerEuicc: z.boolean(),
  signAlgo: z.string(),
  /** Without it the eUICC's results cannot be verified yet. */
  signPubKey: z.string().exactOptional(),
  /** The version of SGP.32 that its device speaks, and how that is known: `assumed: nothing tells it`. */
  level: z.string(),
  levelFrom: z.string(),
  /**
   * What the eUICC's results are believed for: `certificates` up to a CI root, the key that the `operator` set; `none`
   * while its key is not known; `unproven`: they are believed without proof (consumerEuicc).
   */
  proof,
  stateChangeCauseList: z.array(z.string()).readonly(),
  profiles: z.array(ProfileView).readonly().exactOptional(),
  /** When the eUICC told them. */
  profilesAt: z.iso.datetime().exactOptional(),
  /** They were never listed whole: there may be others. */
  profilesPartial: z.literal(true).exactOptional(),
  /** eIMs that it is associated with. */
  eims: z
    .array(
      z.strictObject({
        eimId: z.string(),
        eimIdType: z.string().exactOptional(),
      }),
    )
    .readonly()
    .exactOptional(),
  eimsAt: z.iso.datetime().exactOptional(),
  defaultSmdpAddress: z.string().exactOptional(),
  rootSmdsAddress: z.string().exactOptional(),
  /** As the standard names their members; what cannot be read is hex. */
  euiccInfo1: z.unknown().exactOptional(),
  euiccInfo2: z.unknown().exactOptional(),
  ipaCapabilities: z.unknown().exactOptional(),
  deviceInfo: z.unknown().exactOptional(),
  /** Checked up to a CI root. */
  euiccCertificate: CertificateView.exactOptional(),
  eumCertificate: CertificateView.exactOptional(),
  /** How what is known is known, by the names of the members above. */
  known: z.record(z.string(), KnownView),
  /** What is not to be relied on until the eUICC has told anew. */
  doubts: z.partialRecord(z.enum(topics), DoubtView),
  /** A package that left and whose result has not come. */
  outstanding: z
    .strictObject({
      order: z.string(),
      counterValue: z.number().exactOptional(),
    })
    .exactOptional(),
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
  /** Seconds from one call of the device to the next, as a rule; learned from its polls. */
  pollInterval: z.number().exactOptional(),
  /** When it is expected to call again, by that. */
  nextContact: z.iso.datetime().exactOptional(),
});
export type EuiccView = z.infer<typeof EuiccView>;

export const EuiccList = z.strictObject({
  euiccs: z.array(EuiccView).readonly(),
  /** As in OrderList. */
  next: z.string().exactOptional(),
});
export type EuiccList = z.infer<typeof EuiccList>;
