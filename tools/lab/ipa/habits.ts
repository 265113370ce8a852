/** How an IPA downloads: what it leaves to others, what its user knows, what makes it give up. */
import type { CancelSessionReason } from '../../../src/messages/rsp.ts';
import type { JsonClient } from '../server/json-client.ts';

export type CancelReason = keyof typeof CancelSessionReason;

export interface DownloadHabits {
  /** How it asks SM-DP+s and SM-DSs by itself: it downloads directly. Absent: through its eIM. */
  readonly direct?: JsonClient;
  /** Whether the eIM takes notifications on, also of direct downloads. Default: only of indirect ones. */
  readonly notifiesThroughEim?: boolean;
  /** What its user would type. */
  readonly confirmationCode?: string;
  /** Why it gives each download up, to see what comes of it. Default: it does not. */
  readonly cancels?: CancelReason;
  /** The eIM alone knows where the profile is (eimDownloadDataHandling). */
  readonly leavesDownloadData?: boolean;
  /** The eIM makes ctxParams1 (eimCtxParams1Generation). */
  readonly leavesCtxParams1?: boolean;
  /** The eIM looks at the rules of the profile (eimProfileMetadataVerification). */
  readonly leavesMetadata?: boolean;
}
