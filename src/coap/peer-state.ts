/** What the message layer remembers of one peer: its latest requests, and what we send it on our own account. */
import { equal } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Answer } from './answer.ts';
import type { CoapClient } from './client.ts';
import type { Exchange } from './exchange.ts';
import type { Link } from './link.ts';
import type { Message } from './message.ts';
import type { Outbox } from './outbox.ts';
import { longestPastAck, PastAcks } from './past-acks.ts';

/** What a request gets that came before; undefined: nothing. */
export interface Repeat {
  readonly message: Uint8Array | undefined;
}

/** NON responses of ours that the peer may still reject. */
const rejectable = 16;
/** Messages that wait until the peer has shown where it is. */
const heldBack = 16;

export class PeerState {
  readonly outbox: Outbox;
  readonly link: Link;
  /** Whole requests being worked on. */
  running = 0;
  /** Messages that have no answer yet. */
  unanswered = 0;
  /** The peer is no more: nothing is to be sent to it. */
  gone = false;
  /** What sends requests of ours to it (calls.ts), once there was one. */
  client: CoapClient | undefined;
  /** What was answered at once, in few octets: nearly all. */
  readonly #acks = new PastAcks();
  /** All other requests by message ID, oldest first; absent until there is one. */
  #exchanges: Map<number, Exchange> | undefined;
  /** What to do when the NON with that message ID is rejected, oldest first; absent until there is one. */
  #rejections: Map<number, () => void> | undefined;
  /** Ms since the epoch: when a message left that the peer is to react to. */
  #awaited: number | undefined;
  /** Each once, oldest first. */
  #held: readonly Uint8Array[] | undefined;
  /** Ms since the epoch. */
  #pingsAgain = 0;
  /** What left last of that, and when in ms since the epoch. */
  #late: { readonly message: Uint8Array; readonly at: number } | undefined;

  constructor(outbox: Outbox, link: Link) {
    this.outbox = outbox;
    this.link = link;
  }

  /** An answer has left: what comes next may tell how long the way there and back takes. */
  answered(answer: Answer | undefined, clock: Clock): void {
    this.#awaited = answer?.goesOn === true ? clock.now() : undefined;
  }

  /** A new request is here. */
  requested(now: number): void {
    if (this.#awaited !== undefined) this.link.roundTrip.learn(now - this.#awaited);
    this.#awaited = undefined;
    this.#late = undefined;
  }

  /** A request came again, perhaps because what it was answered got lost. */
  repeated(answer: Uint8Array | undefined): void {
    this.#awaited = undefined; // nobody knows which copy the peer will react to
    this.link.lost(answer?.length ?? 0);
  }

  /** Calls `rejected` should the peer answer that message of ours with RST. */
  watch(messageId: number, rejected: () => void): void {
    this.#rejections ??= new Map();
    this.#rejections.set(messageId, rejected);
    const [oldest] = this.#rejections.keys();
    if (this.#rejections.size > rejectable && oldest !== undefined) {
      this.#rejections.delete(oldest);
    }
  }

  /** The peer rejected a message; false where it is none that is watched. */
  rejected(messageId: number): boolean {
    const rejected = this.#rejections?.get(messageId);
    this.#rejections?.delete(messageId);
    rejected?.();
    return rejected !== undefined;
  }

  /** Keeps a message that the peer may not be sent yet. */
  hold(message: Uint8Array): void {
    this.#held = [...without(this.#held ?? [], message), message].slice(-heldBack);
  }

  get holds(): boolean {
    return this.#held !== undefined;
  }

  /** What was kept, which is kept no longer; without one that leaves as it is. */
  release(but?: Uint8Array): readonly Uint8Array[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return but === undefined ? held : without(held, but);
  }

  /** A message that was kept leaves. */
  leaves(message: Uint8Array, now: number): void {
    this.#late = { message, at: now };
  }

  /**
   * Whether a request that came again has only crossed its answer, which was kept for some time: the peer sent it
   * before it can have heard that. Should the answer be lost, the request comes once more.
   */
  crosses(answer: Uint8Array | undefined, now: number): boolean {
    const { mean } = this.link.roundTrip;
    if (this.#late === undefined || answer === undefined) return false;
    if (mean === undefined || now - this.#late.at >= mean) return false;
    return equal(this.#late.message, answer);
  }

  /** What was released has left, unless it was held back again: the next time the peer is asked at once. */
  released(): void {
    if (this.#held === undefined) this.#pingsAgain = 0;
  }

  /** Whether it is time to ask the peer for a sign of life, which is then due for some time. */
  pings(now: number): boolean {
    if (now < this.#pingsAgain) return false;
    this.#pingsAgain = now + this.link.roundTrip.timeout;
    return true;
  }

  /** What this request gets where it is a duplicate (RFC 7252 section 4.5); undefined where it is none. */
  repeatOf({ messageId, token }: Message, oldest: number): Repeat | undefined {
    const ack = this.#acks.find(messageId, token, oldest);
    if (ack !== undefined) return { message: ack };
    const exchange = this.#exchanges?.get(messageId);
    if (exchange === undefined || exchange.began < oldest) return undefined;
    return exchange.isRequest(token) ? { message: exchange.duplicate() } : undefined;
  }

  /** Remembers an exchange and forgets those that began before `oldest`, and those beyond the ceiling. */
  remember(exchange: Exchange, oldest: number, ceiling: number): void {
    const { messageId, piggybacked } = exchange;
    this.#acks.drop(messageId);
    while (this.#acks.oldest < oldest) this.#acks.dropOldest();
    if (this.#exchanges !== undefined) {
      this.#exchanges.delete(messageId);
      this.#forgetExchanges(this.#exchanges, oldest, ceiling);
      if (this.#exchanges.size === 0) this.#exchanges = undefined;
    }
    while (this.#acks.size > 0 && this.remembered >= ceiling) this.#acks.dropOldest();
    if (piggybacked !== undefined && piggybacked.length <= longestPastAck) {
      this.#acks.add(exchange.began, piggybacked);
    } else {
      this.#exchanges ??= new Map();
      this.#exchanges.set(messageId, exchange);
    }
  }

  /** Those that began before `oldest`, and those beyond the ceiling that began before what else is remembered. */
  #forgetExchanges(exchanges: Map<number, Exchange>, oldest: number, ceiling: number): void {
    for (const [id, { began, answered }] of exchanges) {
      if (began >= oldest) {
        while (this.remembered >= ceiling && this.#acks.oldest <= began) this.#acks.dropOldest();
        if (this.remembered < ceiling) return;
      }
      if (answered) exchanges.delete(id);
    }
  }

  /** How many message IDs are remembered. */
  get remembered(): number {
    return this.#acks.size + (this.#exchanges?.size ?? 0);
  }

  close(): void {
    this.gone = true;
    this.client?.close();
    this.outbox.close();
    this.#acks.clear();
    this.#exchanges = undefined;
    this.#rejections = undefined;
    this.#held = undefined;
    this.#late = undefined;
  }
}

/** The others: those of other octets. */
function without(messages: readonly Uint8Array[], message: Uint8Array): readonly Uint8Array[] {
  return messages.filter((one) => !equal(one, message));
}
