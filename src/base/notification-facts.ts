/**
 * A notification that its SM-DP+ does not have yet, as it is shown to operators: what the room that keeps it and the one
 * that shows it agree on. `Eid` is the checked text that both write EIDs as, which this floor does not know.
 */

/** Times in milliseconds since 1970. */
export interface NotificationFacts<Eid extends string> {
  /** `<eid>-<seqNumber>-<address>`. */
  readonly id: string;
  readonly eid: Eid;
  readonly seqNumber: number;
  /** As the standard names it: `notificationEnable`. */
  readonly operation: string;
  /** As in EF.ICCID, hex. */
  readonly iccid?: string;
  /** Where it is taken. */
  readonly address: string;
  /** Where the eUICC says that it belongs. */
  readonly announcedAddress: string;
  readonly state: 'waiting' | 'refused';
  readonly received: number;
  readonly tries: number;
  readonly lastTry?: number;
  /** No sooner than then; absent where it is refused. */
  readonly nextTry?: number;
  /** What came of the last try. */
  readonly reason?: string;
  /** `BF37…` or `30…`. */
  readonly pendingNotification: Uint8Array;
}

export interface NotificationFilter<Eid extends string> {
  readonly eid?: Eid;
  readonly state?: 'waiting' | 'refused';
  /** Id of the notification to go on after. */
  readonly after?: string;
  readonly limit: number;
}
