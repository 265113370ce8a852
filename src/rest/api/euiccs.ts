/** eUICCs: what /v1 takes and what it answers. */
import { z } from 'zod';
import type { Sureness, Topic } from '../../fleet/knowledge.ts';
import { euiccKey } from '../euicc-key.ts';
import { eidText } from './ids.ts';
import type { ProfileView } from './profiles.ts';
import { queryNumber } from './query.ts';

/** GET /v1/euiccs: those after an EID, in the order of EIDs. */
export const EuiccQuery = z.strictObject({
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

/** GET /v1/euiccs/:eid. Octets in hex. */
export interface EuiccView {
  readonly eid: string;
  readonly counterValue: number;
  /** Only where it is time to give the eUICC a new one. */
  readonly counterLeft?: number;
  readonly associationToken: number;
  readonly consumerEuicc: boolean;
  readonly signAlgo: string;
  /** Without it the eUICC's results cannot be verified yet. */
  readonly signPubKey?: string;
  /** The version of SGP.32 that its device speaks, and how that is known: `assumed: nothing tells it`. */
  readonly level: string;
  readonly levelFrom: string;
  /**
   * What the eUICC's results are believed for: `certificates` up to a CI root, the key that the `operator` set; `none`
   * while its key is not known; `unproven`: they are believed without proof (consumerEuicc).
   */
  readonly proof: 'certificates' | 'operator' | 'none' | 'unproven';
  readonly stateChangeCauseList: readonly string[];
  readonly profiles?: readonly ProfileView[];
  /** When the eUICC told them. */
  readonly profilesAt?: string;
  /** They were never listed whole: there may be others. */
  readonly profilesPartial?: true;
  /** eIMs that it is associated with. */
  readonly eims?: readonly { readonly eimId: string; readonly eimIdType?: string }[];
  readonly eimsAt?: string;
  readonly defaultSmdpAddress?: string;
  readonly rootSmdsAddress?: string;
  /** As the standard names their members; what cannot be read is hex. */
  readonly euiccInfo1?: unknown;
  readonly euiccInfo2?: unknown;
  readonly ipaCapabilities?: unknown;
  readonly deviceInfo?: unknown;
  /** Checked up to a CI root. */
  readonly euiccCertificate?: CertificateView;
  readonly eumCertificate?: CertificateView;
  /** How what is known is known, by the names of the members above. */
  readonly known: Readonly<Record<string, KnownView>>;
  /** What is not to be relied on until the eUICC has told anew. */
  readonly doubts: { readonly [About in Topic]?: DoubtView };
  /** A package that left and whose result has not come. */
  readonly outstanding?: { readonly order: string; readonly counterValue?: number };
  readonly lastStateChange?: { readonly cause: string; readonly at: string };
  readonly added: string;
  readonly firstContact?: string;
  readonly lastContact?: string;
  readonly lastPeer?: string;
  /** Seconds from one call of the device to the next, as a rule; learned from its polls. */
  readonly pollInterval?: number;
  /** When it is expected to call again, by that. */
  readonly nextContact?: string;
}

export type { Sureness };

export interface KnownView {
  readonly since: string;
  /** For people. */
  readonly source: string;
  /** `proven` by a signature, `reported` unsigned, `inferred`, or `set` by the operator. */
  readonly sure: Sureness;
}

export interface DoubtView {
  readonly since: string;
  readonly why: string;
  /** How often the eIM has asked because of it. */
  readonly asked: number;
}

export interface CertificateView {
  readonly subject: string;
  readonly issuer: string;
  readonly serialNumber: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** Hex. */
  readonly der: string;
}

export interface EuiccList {
  readonly euiccs: readonly EuiccView[];
  /** As in OrderList. */
  readonly next?: string;
}
