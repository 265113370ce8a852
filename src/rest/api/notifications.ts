/** Notifications, as /v1 answers them. */
import { z } from 'zod';
import { eidText } from './ids.ts';
import { queryNumber } from './query.ts';

/** GET /v1/notifications: those after an id, in the order of EIDs and of their sequence numbers. */
export const NotificationQuery = z.strictObject({
  eid: eidText.exactOptional(),
  state: z.enum(['waiting', 'refused']).exactOptional(),
  after: z.string().max(1024).exactOptional(),
  limit: queryNumber(1, 1000).exactOptional(),
});

/** GET /v1/notifications/:id: a notification of a eUICC that its SM-DP+ does not have yet. */
export const NotificationView = z.strictObject({
  iccid: z.string().exactOptional(),
  efIccid: z.string().exactOptional(),
  /** `<eid>-<seqNumber>-<address>`. */
  id: z.string(),
  eid: z.string(),
  seqNumber: z.number(),
  /** As the standard names it: `notificationEnable`. */
  operation: z.string(),
  /** Where it is taken. */
  address: z.string(),
  /** Where the eUICC says that it belongs. */
  announcedAddress: z.string(),
  /** Refused: the SM-DP+ has read it and will not have it; only retry takes it there again. */
  state: z.enum(['waiting', 'refused']),
  received: z.iso.datetime(),
  /** How often it was taken there. */
  tries: z.number(),
  lastTry: z.iso.datetime().exactOptional(),
  /** No sooner than then. */
  nextTry: z.iso.datetime().exactOptional(),
  /** What came of the last try. */
  reason: z.string().exactOptional(),
  /** As ES9+ carries it, hex. */
  pendingNotification: z.string(),
});
export type NotificationView = z.infer<typeof NotificationView>;

export const NotificationList = z.strictObject({
  notifications: z.array(NotificationView).readonly(),
  /** As in OrderList. */
  next: z.string().exactOptional(),
});
export type NotificationList = z.infer<typeof NotificationList>;

/** POST /v1/notifications/:id/retry. */
export const NotificationRetryView = z.discriminatedUnion('delivered', [
  z.strictObject({ delivered: z.literal(true) }),
  z.strictObject({ delivered: z.literal(false), notification: NotificationView }),
]);
export type NotificationRetryView = z.infer<typeof NotificationRetryView>;
