/** Notifications, as /v1 answers them. */
import { z } from 'zod';
import { eidText } from './ids.ts';
import { cursor, pageLimit } from './query.ts';

/** GET /v1/notifications: those after an id, in the order of EIDs and of their sequence numbers. */
export const NotificationQuery = z.strictObject({
  eid: eidText.exactOptional().describe('of this eUICC alone'),
  state: z.enum(['waiting', 'refused']).exactOptional().describe('in that state alone'),
  after: cursor(z.string().max(1024)),
  limit: pageLimit,
});

/** GET /v1/notifications/:id: a notification of a eUICC that its SM-DP+ does not have yet. */
export const NotificationView = z.strictObject({
  iccid: z
    .string()
    .exactOptional()
    .describe('Of the profile: printed digits; the hex where it holds none'),
  efIccid: z.string().exactOptional().describe('The same as in EF.ICCID, hex'),
  id: z.string().describe('`<eid>-<seqNumber>-<address>`'),
  eid: z.string().describe('EID of the eUICC'),
  seqNumber: z.number().describe('The number that the eUICC gave it'),
  operation: z.string().describe('As the standard names it: `notificationEnable`'),
  address: z.string().describe('Where it is taken'),
  announcedAddress: z.string().describe('Where the eUICC says that it belongs'),
  state: z
    .enum(['waiting', 'refused'])
    .describe(
      'Refused: the SM-DP+ has read it and will not have it; only retry takes it there again',
    ),
  received: z.iso.datetime().describe('When it came'),
  tries: z.number().describe('How often it was taken there'),
  lastTry: z.iso.datetime().exactOptional().describe('When it was last taken there'),
  nextTry: z.iso.datetime().exactOptional().describe('No sooner than then'),
  reason: z.string().exactOptional().describe('What came of the last try'),
  pendingNotification: z.string().describe('As ES9+ carries it, hex'),
});
export type NotificationView = z.infer<typeof NotificationView>;

export const NotificationList = z.strictObject({
  notifications: z.array(NotificationView).readonly().describe('In the order of EIDs and numbers'),
  next: z.string().exactOptional().describe('As in OrderList'),
});
export type NotificationList = z.infer<typeof NotificationList>;

/** POST /v1/notifications/:id/retry. */
export const NotificationRetryView = z.discriminatedUnion('delivered', [
  z.strictObject({ delivered: z.literal(true).describe('The SM-DP+ has it, and it is gone here') }),
  z.strictObject({
    delivered: z.literal(false).describe('The SM-DP+ does not have it'),
    notification: NotificationView.describe('As it is after the try; `reason` says why'),
  }),
]);
export type NotificationRetryView = z.infer<typeof NotificationRetryView>;
