/** What the message layer remembers of one peer: its latest requests, and what we send it on our own account. */
import type { Exchange } from './exchange.ts';
import type { Message } from './message.ts';
import type { Outbox } from './outbox.ts';

export class PeerState {
  readonly outbox: Outbox;
  /** Requests being worked on. */
  running = 0;
  /** The peer is no more: nothing is to be sent to it. */
  gone = false;
  /** By message ID, oldest first. */
  readonly #exchanges = new Map<number, Exchange>();

  constructor(outbox: Outbox) {
    this.outbox = outbox;
  }

  /** The exchange that this request began, where it is a duplicate (RFC 7252 section 4.5). */
  exchangeOf(request: Message, oldest: number): Exchange | undefined {
    const exchange = this.#exchanges.get(request.messageId);
    if (exchange === undefined || exchange.began < oldest) return undefined;
    return exchange.isRequest(request) ? exchange : undefined;
  }

  /** Remembers an exchange and forgets those that began before `oldest`, and those beyond the ceiling. */
  remember(messageId: number, exchange: Exchange, oldest: number, ceiling: number): void {
    this.#exchanges.delete(messageId);
    for (const [id, other] of this.#exchanges) {
      if (other.began >= oldest && this.#exchanges.size < ceiling) break;
      if (other.answered) this.#exchanges.delete(id);
    }
    this.#exchanges.set(messageId, exchange);
  }

  /** How many message IDs are remembered. */
  get remembered(): number {
    return this.#exchanges.size;
  }

  close(): void {
    this.gone = true;
    this.outbox.close();
    this.#exchanges.clear();
  }
}
