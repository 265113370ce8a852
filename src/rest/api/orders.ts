/** Orders: what /v1 takes and what it answers. */
import { z } from 'zod';
import { ErrorBody } from './errors.ts';
import { eidText } from './ids.ts';
import { queryFlag, queryNumber } from './query.ts';
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
  /** Of those that are done: how they ended. */
  success: queryFlag.exactOptional(),
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

const history = z.strictObject({
  at: z.iso.datetime(),
  event: z.string(),
  detail: z.string().exactOptional(),
});
export type HistoryView = z.infer<typeof history>;

/** GET /v1/orders/:id. Times are ISO 8601, UTC. */
export const OrderView = z.strictObject({
  id: z.string(),
  eid: z.string(),
  facility: z.string(),
  /** As in the submission, ICCIDs in both forms. */
  steps: z.array(z.record(z.string(), z.unknown())),
  /** Only where it is to be pushed. */
  push: z.literal(true).exactOptional(),
  /** Only where the eIM asks of itself: why. */
  byEim: z.string().exactOptional(),
  /** Only in the answer to POST: why what was asked for may not come about. */
  warning: z.string().exactOptional(),
  state: z.enum(['new', 'work', 'done']),
  /** Only when done. */
  success: z.boolean().exactOptional(),
  /** Only where its result is that of a consumer eUICC, which no signature proves. */
  unproven: z.literal(true).exactOptional(),
  /** One entry for each operation: `{ "enableResult": "ok" }`; [] until done. */
  outcome: z.array(z.record(z.string(), z.unknown())),
  /** Why it ended so, for people; '' until done. */
  reason: z.string(),
  submitted: z.iso.datetime(),
  /** Of the last change of state. */
  changed: z.iso.datetime(),
  /** How often its eIM package left for the device; only in work. */
  deliveries: z.int().exactOptional(),
  history: z.array(history),
  /** Another one after each change; for `since`. */
  version: z.string(),
});
export type OrderView = z.infer<typeof OrderView>;

export const OrderList = z.strictObject({
  orders: z.array(OrderView),
  /** There may be more: ask again with `after` set to this. */
  next: z.string().exactOptional(),
});
export type OrderList = z.infer<typeof OrderList>;

/** Most orders of one batch. */
export const mostOrdersInBatch = 500;

/** POST /v1/orders/batch: each is checked for itself, and what is refused keeps none of the others out. */
export const OrderBatch = z.strictObject({
  orders: z.array(z.unknown()).min(1).max(mostOrdersInBatch),
  /** Nothing is ordered, only told. */
  dryRun: z.boolean().exactOptional(),
});

/** One order of a batch, with a key of its own where it is to be placed once however often it is posted. */
export const BatchedOrder = OrderSubmission.extend({
  idempotencyKey: z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'must be of 1 to 255 visible ASCII characters, such as a UUID')
    .exactOptional(),
});

/** Of one order of a batch: it, `accepted` where it would be (dryRun), or why it is refused. */
export const OrderResult = z.union([
  z.strictObject({
    order: OrderView,
    /** Its key placed it before. */
    before: z.literal(true).exactOptional(),
  }),
  z.strictObject({ accepted: z.literal(true) }),
  ErrorBody,
]);
export type OrderResult = z.infer<typeof OrderResult>;

/** POST /v1/orders/batch: one entry for each order, in order. */
export const OrderBatchView = z.strictObject({ results: z.array(OrderResult) });
export type OrderBatchView = z.infer<typeof OrderBatchView>;
