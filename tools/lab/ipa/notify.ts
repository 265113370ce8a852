/** Where notifications go (SGP.22 3.5, SGP.32 3.7): through the eIM, or to the server that each names. */
import { fromUtf8 } from '../../../src/base/bytes.ts';
import { readOnly, tlv } from '../../../src/messages/tlv.ts';
import { type Card, child, pendingNotifications, removeFromList, seqNumberOf } from './card.ts';
import { Es9 } from './es9.ts';
import type { DownloadHabits } from './habits.ts';
import type { Esipa } from './ipa.ts';
import { Refused } from './rsp-server.ts';
import type { OnStep } from './steps.ts';

export interface NotifierOptions {
  readonly card: Card;
  readonly esipa: Esipa;
  readonly onStep: OnStep;
  readonly habits: DownloadHabits;
}

export class Notifier {
  readonly #options: NotifierOptions;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** Whether the device asks servers itself, and they get their notifications so. */
  get isDirect(): boolean {
    const { direct, notifiesThroughEim = false } = this.#options.habits;
    return direct !== undefined && !notifiesThroughEim;
  }

  /** Delivers one; the card forgets what was taken. A server that cannot be told is told another time. */
  async deliver(notification: Uint8Array): Promise<void> {
    const { card, esipa } = this.#options;
    if (!this.isDirect) {
      await esipa.exchange('HandleNotification', tlv(0xbf3d, tlv(0xa0, notification)));
    } else if (!(await this.#post(notification))) return;
    removeFromList(card, seqNumberOf(notification));
  }

  /** Delivers all that the card still holds. */
  async deliverAll(): Promise<void> {
    for (const one of pendingNotifications(this.#options.card)) await this.deliver(one);
  }

  async #post(notification: Uint8Array): Promise<boolean> {
    const { habits, onStep } = this.#options;
    const { direct: client } = habits;
    if (client === undefined) return false;
    const address = addressOf(notification);
    try {
      await new Es9({ client, address, name: 'SM-DP+', onStep }).handleNotification(notification);
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return false;
    }
  }
}

/** notificationAddress of a pending notification (`BF37…` or `30…`). */
function addressOf(notification: Uint8Array): string {
  const isResult = readOnly(notification).tag === 0xbf37;
  const holder = isResult ? child(notification, 0xbf27, 'notification').raw : notification;
  const metadata = child(holder, 0xbf2f, 'notification');
  return fromUtf8(child(metadata.raw, 0x0c, 'notification metadata').value);
}
