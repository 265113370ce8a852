/**
 * The events of orders, as GET /v1/events and GET /v1/orders/:id/events tell them: a stream of server-sent events, or,
 * to whoever accepts application/json alone, a list. In the stream each has its number as its id:
 *
 * ```
 *   id: 4711
 *   event: order
 *   data: {"id":4711,"at":"2026-01-01T00:00:00.000Z","order":"…",…}
 * ```
 *
 * `event: gap` says that events after the cursor are no longer kept; `: ` lines keep the connection.
 */
import { z } from 'zod';
import { eidText } from './ids.ts';
import { pageLimit, queryNumber } from './query.ts';

/** Query of both; `Last-Event-ID` goes over `after`. */
export const EventQuery = z.strictObject({
  after: queryNumber(0, Number.MAX_SAFE_INTEGER)
    .exactOptional()
    .describe('The number of the last event that is known; 0: from the oldest that is kept'),
  limit: pageLimit,
});

/** GET /v1/events: of one eUICC where it is named. Without `after` a stream begins now. */
export const AllEventsQuery = EventQuery.extend({
  eid: eidText.exactOptional().describe('of this eUICC alone'),
});

/** One change of one order. */
export const EventView = z.strictObject({
  id: z.int().min(1).describe('The number; grows, and may have gaps'),
  at: z.iso.datetime().describe('When it happened'),
  order: z.string().describe('Id of the order'),
  eid: z.string().describe('EID of its eUICC'),
  facility: z.string().describe('Kind of order, as in OrderView'),
  event: z.string().describe("As in the order's history, or `deleted`"),
  detail: z.string().exactOptional().describe('For people'),
  state: z.enum(['new', 'work', 'done']).describe('Of the order, afterwards'),
  success: z.boolean().exactOptional().describe('Only when it is done'),
});
export type EventView = z.infer<typeof EventView>;

/** What of the cursor is kept no more. */
export const GapView = z.strictObject({
  oldest: z.int().min(1).describe('The oldest event that is kept'),
});
export type GapView = z.infer<typeof GapView>;

export const EventList = z.strictObject({
  events: z.array(EventView).describe('The oldest first'),
  next: z.string().describe('Ask again with `after` set to this, also where there was nothing'),
});
export type EventList = z.infer<typeof EventList>;
