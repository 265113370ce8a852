/**
 * The pace of a body that leaves in blocks of RFC 9177, the same for a server's Q-Block2 and a client's Q-Block1: a set
 * of MAX_PAYLOADS at a time, the next one when the receiver says so, or when the link must have drained (section 7.2).
 *
 * The wait between two sets without a word is at least NON_TIMEOUT_RANDOM and the peer's round trip, and at least what
 * the set takes at the rate that the link is known to carry: a slow link is kept full, and never floods. Once nothing is
 * heard of two sets the waits are eight times as long.
 */
import type { Cancel, Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { sizeOf } from './block.ts';
import type { Link } from './link.ts';
import type { CoapParameters } from './parameters.ts';
import { endOfSet } from './q-block.ts';

export interface QBlockSenderOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly parameters: CoapParameters;
  readonly link: Link;
  /** Blocks of the body. */
  readonly count: number;
  readonly szx: number;
  readonly send: (number: number) => void;
}

/** Octets that carry a block: UDP, IP, DTLS and CoAP. */
const overhead = 90;
/** How much longer the wait is while nothing is heard of two sets. */
const backOff = 8;

export class QBlockSender {
  readonly #options: QBlockSenderOptions;
  readonly #nonTimeout: number;
  /** The first block that was not sent yet. */
  #next = 0;
  /** All blocks before this one have arrived, as the receiver says. */
  #continued = 0;
  /** All blocks before this one have arrived or are asked for again. */
  #heard = 0;
  #heardAt: number | undefined;
  #set = { at: 0, octets: 0 };
  #cancel: Cancel | undefined;

  constructor(options: QBlockSenderOptions) {
    const { nonTimeout, ackRandomFactor } = options.parameters;
    const [high = 0, low = 0] = options.random(2);
    this.#options = options;
    this.#nonTimeout = nonTimeout * (1 + ((ackRandomFactor - 1) * (high * 256 + low)) / 2 ** 16);
  }

  /** The first block that was not sent yet. */
  get next(): number {
    return this.#next;
  }

  /** Sends blocks from `first` on, the one before them having just left; the further sets at their time. */
  start(first = 0): void {
    this.#next = first;
    this.#sendSet();
  }

  /** All blocks before `next` have arrived; said a second time: the set from there on was lost. */
  continued(next: number): void {
    if (next >= this.#options.count) return;
    if (next <= this.#continued) {
      if (next === this.#continued) this.resend(this.#setFrom(next));
      return;
    }
    this.#learn(next);
    this.#continued = next;
    this.#heard = Math.max(this.#heard, next);
    this.#next = Math.max(this.#next, next);
    if (this.#heard >= this.#next) this.#sendSet();
    else this.#wait();
  }

  /** Sends blocks again that were asked for. */
  resend(numbers: readonly number[], send = this.#options.send): void {
    const { count, parameters } = this.#options;
    for (const number of numbers) send(number);
    const last = numbers.at(-1);
    if (last === undefined) return;
    // What leaves again takes its time before the next set (section 7.2).
    this.#set.octets += numbers.length * this.#octets;
    this.#heard = Math.max(
      this.#heard,
      Math.min(this.#next, endOfSet(last, count, parameters.maxPayloads)),
    );
    if (this.#cancel !== undefined) this.#wait();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  get #octets(): number {
    return sizeOf(this.#options.szx) + overhead;
  }

  #setFrom(first: number): readonly number[] {
    const { count, parameters } = this.#options;
    const end = endOfSet(first, count, parameters.maxPayloads);
    return Array.from({ length: end - first }, (_, i) => first + i);
  }

  #sendSet(): void {
    this.stop();
    const numbers = this.#setFrom(this.#next);
    const before = this.#next % this.#options.parameters.maxPayloads;
    const octets = (before + numbers.length) * this.#octets;
    this.#set = { at: this.#options.clock.now(), octets };
    this.#next += numbers.length;
    for (const number of numbers) this.#options.send(number);
    this.#wait();
  }

  #wait(): void {
    const { clock, link, count, parameters } = this.#options;
    this.stop();
    if (this.#next >= count) return;
    const drained = (this.#set.octets * 1000) / link.rate;
    const silentSets = Math.ceil((this.#next - this.#heard) / parameters.maxPayloads);
    const wait =
      Math.max(this.#nonTimeout, link.roundTrip.mean ?? 0, drained) *
      (silentSets > 1 ? backOff : 1);
    const left = this.#set.at + wait - clock.now();
    this.#cancel = clock.after(Math.max(0, left), () => this.#sendSet());
  }

  /** How fast the link is, from when it is said to go on. */
  #learn(next: number): void {
    const { clock, link } = this.#options;
    const now = clock.now();
    const octets = (next - this.#continued) * this.#octets;
    const pipelined = next < this.#next;
    if (this.#heardAt !== undefined && pipelined) link.learnRate(octets, now - this.#heardAt);
    else if (!pipelined && this.#set.at > 0) link.learnLeastRate(octets, now - this.#set.at);
    this.#heardAt = now;
  }
}
