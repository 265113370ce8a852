/** Orders: what /v1 takes and what it answers. */
import { z } from 'zod';
import { eidText } from './ids.ts';
import { queryNumber } from './query.ts';
import { Step } from './steps.ts';

/** Most operations of one order. */
export const mostOperations = 32;

/** POST /v1/orders. */
export const OrderSubmission = z.strictObject({
  eid: eidText,
  steps: z.array(Step).min(1).max(mostOperations),
  /** Brought to the device where it can be reached; else it waits for the poll, as any order. */
  push: z.boolean().exactOptional(),
});
export type OrderSubmission = z.infer<typeof OrderSubmission>;

/** GET /v1/orders: newest first. */
export const OrderQuery = z.strictObject({
  eid: eidText.exactOptional(),
  facility: z.enum(['download', 'psmo', 'eco', 'edr', 'euicc', 'whole']).exactOptional(),
  state: z.enum(['new', 'work', 'done']).exactOptional(),
  /** Id of the order to go on after. */
  after: z.string().max(64).exactOptional(),
  limit: queryNumber(1, 1000).exactOptional(),
});
export type OrderQuery = z.infer<typeof OrderQuery>;

/** GET /v1/orders/:id: seconds to wait for another version than `since`. */
export const WaitQuery = z.strictObject({
  wait: queryNumber(0, 3600).exactOptional(),
  since: z.string().max(64).exactOptional(),
});

/** GET /v1/orders/:id. Times are ISO 8601, UTC. */
export interface OrderView {
  readonly id: string;
  readonly eid: string;
  readonly facility: string;
  /** As in the submission, ICCIDs in both forms. */
  readonly steps: readonly Readonly<Record<string, unknown>>[];
  /** Only where it is to be pushed. */
  readonly push?: true;
  /** Only where the eIM asks of itself: why. */
  readonly byEim?: string;
  /** Only in the answer to POST: why what was asked for may not come about. */
  readonly warning?: string;
  readonly state: 'new' | 'work' | 'done';
  /** Only when done. */
  readonly success?: boolean;
  /** Only where its result is that of a consumer eUICC, which no signature proves. */
  readonly unproven?: true;
  /** One entry for each operation: `{ "enableResult": "ok" }`; [] until done. */
  readonly outcome: readonly Readonly<Record<string, unknown>>[];
  /** Why it ended so, for people; '' until done. */
  readonly reason: string;
  readonly submitted: string;
  /** Of the last change of state. */
  readonly changed: string;
  /** How often its eIM package left for the device; only in work. */
  readonly deliveries?: number;
  readonly history: readonly HistoryView[];
  /** Another one after each change; for `since`. */
  readonly version: string;
}

export interface HistoryView {
  readonly at: string;
  readonly event: string;
  readonly detail?: string;
}

export interface OrderList {
  readonly orders: readonly OrderView[];
  /** There may be more: ask again with `after` set to this. */
  readonly next?: string;
}
