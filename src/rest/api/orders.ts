/** Orders: what /v1 takes and what it answers. */
import { z } from 'zod';
import { inputSchema } from '../checks.ts';
import { ErrorBody } from './errors.ts';
import { eidText } from './ids.ts';
import { OutcomeView } from './outcome.ts';
import { pageLimit, queryFlag, queryNumber } from './query.ts';
import { StepView } from './step-view.ts';
import { Step } from './steps.ts';

/** Most operations of one order. */
export const mostOperations = 32;

/** POST /v1/orders. */
export const OrderSubmission = z.strictObject({
  eid: eidText,
  steps: z
    .array(Step)
    .min(1)
    .max(mostOperations)
    .describe('one after the other; what stands behind one that fails is skipped'),
  push: z
    .boolean()
    .exactOptional()
    .describe(
      'Brought to the device where it can be reached; else it waits for the poll, as any order',
    ),
});
export type OrderSubmission = z.infer<typeof OrderSubmission>;

/** GET /v1/orders: newest first. */
export const OrderQuery = z.strictObject({
  eid: eidText.exactOptional().describe('of this eUICC alone'),
  facility: z
    .enum(['download', 'psmo', 'eco', 'edr', 'euicc', 'whole'])
    .exactOptional()
    .describe('kind of order; `whole`: of several stages'),
  state: z
    .enum(['new', 'work', 'done'])
    .exactOptional()
    .describe('new: not fetched yet; work: the device has it'),
  success: queryFlag.exactOptional().describe('Of those that are done: how they ended'),
  after: z.string().max(64).exactOptional().describe('Id of the order to go on after'),
  limit: pageLimit,
});
export type OrderQuery = z.infer<typeof OrderQuery>;

/** GET /v1/orders/:id: seconds to wait for another version than `since`. */
export const WaitQuery = z.strictObject({
  wait: queryNumber(0, 3600)
    .exactOptional()
    .describe('seconds until the answer comes at the latest; rest.waitLimit bounds it'),
  since: z
    .string()
    .max(64)
    .exactOptional()
    .describe('the `version` that is known: the answer waits for another'),
});

const history = z.strictObject({
  at: z.iso.datetime().describe('When it happened'),
  event: z.string().describe('What happened, in a word or two: `submitted`'),
  detail: z.string().exactOptional().describe('For people'),
});
export type HistoryView = z.infer<typeof history>;

/** GET /v1/orders/:id. Times are ISO 8601, UTC. */
export const OrderView = z.strictObject({
  id: z.string().describe('Of the order: a UUID'),
  eid: z.string().describe('EID of the eUICC'),
  facility: z
    .string()
    .describe('Kind of order: download, psmo, eco, edr, euicc; `whole`: of several stages'),
  steps: z.array(StepView).describe('As in the submission, ICCIDs in both forms'),
  push: z.literal(true).exactOptional().describe('Only where it is to be pushed'),
  byEim: z.string().exactOptional().describe('Only where the eIM asks of itself: why'),
  warning: z
    .string()
    .exactOptional()
    .describe('Only in the answer to POST: why what was asked for may not come about'),
  state: z
    .enum(['new', 'work', 'done'])
    .describe('new: not fetched yet; work: the device has it; done: it has ended'),
  success: z.boolean().exactOptional().describe('Only when done'),
  unproven: z
    .literal(true)
    .exactOptional()
    .describe('Only where its result is that of a consumer eUICC, which no signature proves'),
  outcome: z
    .array(OutcomeView)
    .describe('One entry for each operation: `{ "enableResult": "ok" }`; [] until done'),
  reason: z.string().describe("Why it ended so, for people; '' until done"),
  submitted: z.iso.datetime().describe('When it was placed'),
  changed: z.iso.datetime().describe('Of the last change of state'),
  deliveries: z
    .int()
    .exactOptional()
    .describe('How often its eIM package left for the device; only in work'),
  history: z.array(history).describe('What happened to it, the oldest first'),
  version: z.string().describe('Another one after each change; for `since`'),
});
export type OrderView = z.infer<typeof OrderView>;

export const OrderList = z.strictObject({
  orders: z.array(OrderView).describe('The newest first'),
  next: z
    .string()
    .exactOptional()
    .describe('There may be more: ask again with `after` set to this'),
});
export type OrderList = z.infer<typeof OrderList>;

/** Most orders of one batch. */
export const mostOrdersInBatch = 500;

/** One order of a batch, with a key of its own where it is to be placed once however often it is posted. */
export const BatchedOrder = OrderSubmission.extend({
  idempotencyKey: z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'must be of 1 to 255 visible ASCII characters, such as a UUID')
    .exactOptional()
    .describe(
      'of your making: posted again under it, nothing is ordered twice; goes before the key of the batch',
    ),
});

/** Looked at one by one; who reads the API is told what each is. */
const batched = z.unknown().meta({
  get allOf() {
    return [inputSchema(BatchedOrder)];
  },
});

/** POST /v1/orders/batch: each is checked for itself, and what is refused keeps none of the others out. */
export const OrderBatch = z.strictObject({
  orders: z
    .array(batched)
    .min(1)
    .max(mostOrdersInBatch)
    .describe('Up to 500; each is checked for itself'),
  dryRun: z.boolean().exactOptional().describe('Nothing is ordered, only told'),
});

/** Of one order of a batch: it, `accepted` where it would be (dryRun), or why it is refused. */
export const OrderResult = z.union([
  z.strictObject({
    order: OrderView.describe('The order, durable'),
    before: z.literal(true).exactOptional().describe('Its key placed it before'),
  }),
  z.strictObject({
    accepted: z.literal(true).describe('It would be placed; only with dryRun'),
  }),
  ErrorBody,
]);
export type OrderResult = z.infer<typeof OrderResult>;

/** POST /v1/orders/batch: one entry for each order, in order. */
export const OrderBatchView = z.strictObject({
  results: z.array(OrderResult).describe('One entry for each order, in order'),
});
export type OrderBatchView = z.infer<typeof OrderBatchView>;
