/** What eUICCs reported: kept, oldest first, and each report counted once however often it is delivered. */
import type { Eid, Iccid } from '../../../src/messages/ids.ts';
import type { ProfileEvent } from './profile-metadata.ts';

export type InstallationOutcome =
  | { readonly type: 'installed'; readonly aid: Uint8Array }
  | {
      readonly type: 'failed';
      readonly bppCommandId: number;
      readonly errorReason: number;
      /** EUICCResponses of the profile elements. */
      readonly simaResponse?: Uint8Array;
    };

export interface ReceivedNotification {
  /** `installation`: a ProfileInstallationResult. `unreadable`: none of those known. */
  readonly kind: 'installation' | ProfileEvent | 'unreadable';
  /** Milliseconds since 1970, of the first delivery. */
  readonly received: number;
  /** Deliveries. */
  times: number;
  /** As it came: `BF37…` or `30…`. */
  readonly raw: Uint8Array;
  /** Signature, chain and contents are as they must be; else `complaint` says what is not. */
  readonly verified: boolean;
  readonly complaint?: string;
  readonly eid?: Eid;
  readonly seqNumber?: number;
  readonly iccid?: Iccid;
  readonly notificationAddress?: string;
  readonly outcome?: InstallationOutcome;
}

/** Most that are kept; then the oldest go. */
const ceiling = 1000;

export class NotificationLog {
  readonly #all: ReceivedNotification[] = [];

  get all(): readonly ReceivedNotification[] {
    return this.#all;
  }

  /** The verified one that this eUICC gave this number. */
  find(eid: Eid, seqNumber: number): ReceivedNotification | undefined {
    return this.#all.find((one) => one.verified && one.eid === eid && one.seqNumber === seqNumber);
  }

  /** As it was kept. */
  restore(notification: ReceivedNotification): void {
    this.#all.push(notification);
  }

  add(notification: Omit<ReceivedNotification, 'times'>): ReceivedNotification {
    const one = { ...notification, times: 1 };
    this.#all.push(one);
    if (this.#all.length > ceiling) this.#all.shift();
    return one;
  }
}
