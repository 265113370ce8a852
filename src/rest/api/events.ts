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
import { queryNumber } from './query.ts';

/** Query of both; `Last-Event-ID` goes over `after`. */
export const EventQuery = z.strictObject({
  /** The number of the last event that is known; 0: from the oldest that is kept. */
  after: queryNumber(0, Number.MAX_SAFE_INTEGER).exactOptional(),
  limit: queryNumber(1, 1000).exactOptional(),
});

/** GET /v1/events: of one eUICC where it is named. Without `after` a stream begins now. */
export const AllEventsQuery = EventQuery.extend({ eid: eidText.exactOptional() });

/** One change of one order. */
export const EventView = z.strictObject({
  /** The number; grows, and may have gaps. */
  id: z.int().min(1),
  at: z.iso.datetime(),
  order: z.string(),
  eid: z.string(),
  facility: z.string(),
  /** As in the order's history, or `deleted`. */
  event: z.string(),
  detail: z.string().exactOptional(),
  /** Of the order, afterwards. */
  state: z.enum(['new', 'work', 'done']),
  /** Only when it is done. */
  success: z.boolean().exactOptional(),
});
export type EventView = z.infer<typeof EventView>;

/** What of the cursor is kept no more. */
export const GapView = z.strictObject({
  /** The oldest event that is kept. */
  oldest: z.int().min(1),
});
export type GapView = z.infer<typeof GapView>;

export const EventList = z.strictObject({
  events: z.array(EventView),
  /** Ask again with `after` set to this, also where there was nothing. */
  next: z.string(),
});
export type EventList = z.infer<typeof EventList>;
