/** Notifications, as /v1 answers them. */
import { z } from 'zod';
import { type BothIccids, eidText } from './ids.ts';
import { queryNumber } from './query.ts';

/** GET /v1/notifications: those after an id, in the order of EIDs and of their sequence numbers. */
export const NotificationQuery = z.strictObject({
  eid: eidText.exactOptional(),
  state: z.enum(['waiting', 'refused']).exactOptional(),
  after: z.string().max(1024).exactOptional(),
  limit: queryNumber(1, 1000).exactOptional(),
});

/** GET /v1/notifications/:id: a notification of a eUICC that its SM-DP+ does not have yet. */
export interface NotificationView extends Partial<BothIccids> {
  /** `<eid>-<seqNumber>-<address>`. */
  readonly id: string;
  readonly eid: string;
  readonly seqNumber: number;
  /** As the standard names it: `notificationEnable`. */
  readonly operation: string;
  /** Where it is taken. */
  readonly address: string;
  /** Where the eUICC says that it belongs. */
  readonly announcedAddress: string;
  /** Refused: the SM-DP+ has read it and will not have it; only retry takes it there again. */
  readonly state: 'waiting' | 'refused';
  readonly received: string;
  /** How often it was taken there. */
  readonly tries: number;
  readonly lastTry?: string;
  /** No sooner than then. */
  readonly nextTry?: string;
  /** What came of the last try. */
  readonly reason?: string;
  /** As ES9+ carries it, hex. */
  readonly pendingNotification: string;
}

export interface NotificationList {
  readonly notifications: readonly NotificationView[];
  /** As in OrderList. */
  readonly next?: string;
}

/** POST /v1/notifications/:id/retry. */
export type NotificationRetryView =
  | { readonly delivered: true }
  | { readonly delivered: false; readonly notification: NotificationView };
