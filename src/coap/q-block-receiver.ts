/**
 * A body that arrives in blocks of RFC 9177, in any order and with holes; the same for a server's Q-Block1 and a
 * client's Q-Block2. It says when the sender may go on, and which blocks are to be sent again (section 7.2):
 * ```
 *   the last hole before the end of a set is filled   → continueFrom(next set)
 *   two blocks of a later set, and holes before it    → ask(holes), at once
 *   the end of the set, and holes before it, or the
 *   end does not follow as the blocks before it did   → ask(holes), after nonReorderTimeout
 *   silence                                           → ask(holes), after NON_RECEIVE_TIMEOUT, 2×, 4×, 8×
 *   silence still, 16×                                → giveUp()
 * ```
 */
import { concat } from '../base/bytes.ts';
import type { Cancel, Clock } from '../base/clock.ts';
import { sizeOf } from './block.ts';
import type { CoapParameters } from './parameters.ts';
import { countOf, endOfSet } from './q-block.ts';
import type { RoundTrip } from './round-trip.ts';

export interface QBlockReceiverOptions {
  readonly clock: Clock;
  readonly parameters: CoapParameters;
  /** Octets of the body. */
  readonly size: number;
  readonly szx: number;
  /** Of the link to the sender. */
  readonly roundTrip: RoundTrip;
  /** All blocks before `next`, the first of a set, are here. */
  readonly continueFrom: (next: number) => void;
  /** Ascending numbers, at most MAX_PAYLOADS. */
  readonly ask: (missing: readonly number[]) => void;
  /** Asked NON_MAX_RETRANSMIT times in vain. */
  readonly giveUp: () => void;
}

/**
 * How long a silence must last before it says that blocks are lost: times between two blocks, and round trips, which
 * what we said last may need to be answered.
 */
const patience = { reordered: 3, silent: 4, answered: 2 };

/** Blocks of a later set that must have come before earlier ones count as lost: links jitter by a block or so. */
const overtakers = 2;

export class QBlockReceiver {
  /** Blocks of the body. */
  readonly count: number;
  readonly #options: QBlockReceiverOptions;
  readonly #blocks = new Map<number, Uint8Array>();
  /** The first block that is missing. */
  #missing = 0;
  #highest = -1;
  #continued = 0;
  readonly #asked = new Set<number>();
  /** Times asked since a block was last new. */
  #rounds = 0;
  /** Ms from one block to the next. */
  #spacing = 0;
  #last: { readonly number: number; readonly at: number } | undefined;
  #cancel: Cancel | undefined;

  constructor(options: QBlockReceiverOptions) {
    this.#options = options;
    this.count = countOf(options.size, options.szx);
  }

  /** Octets that block has. */
  lengthOf(number: number): number {
    const size = sizeOf(this.#options.szx);
    return number === this.count - 1 ? this.#options.size - number * size : size;
  }

  /** Takes a block of the body, of the length it must have. `whole`: it was the last that was missing. */
  take(number: number, payload: Uint8Array): 'more' | 'again' | 'whole' {
    if (this.#blocks.has(number)) {
      this.#sayAgain(number);
      return 'again';
    }
    this.#blocks.set(number, payload);
    this.#rounds = 0;
    this.#measure(number);
    this.#highest = Math.max(this.#highest, number);
    while (this.#blocks.has(this.#missing)) this.#missing++;
    if (this.#missing === this.count) {
      this.close();
      return 'whole';
    }
    this.#goOn();
    this.#askForEarlierSets(number);
    this.#wait();
    return 'more';
  }

  /** The whole body. */
  body(): Uint8Array {
    return concat(...Array.from({ length: this.count }, (_, i) => this.#blocks.get(i) ?? none));
  }

  /** Asks for the first that are missing, whatever was asked before: where a transfer is taken up again. */
  askAgain(): void {
    this.#rounds = 0;
    this.#ask(this.#holes(this.count));
    this.#wait();
  }

  /** Waits for nothing more. */
  close(): void {
    this.#cancel?.();
  }

  /** A block that comes again is answered as it was the first time (section 4.3). */
  #sayAgain(number: number): void {
    const { maxPayloads } = this.#options.parameters;
    const next = number + 1;
    if (next % maxPayloads === 0 && next <= this.#missing && next < this.count) {
      this.#options.continueFrom(next);
    }
  }

  #goOn(): void {
    const next = this.#missing - (this.#missing % this.#options.parameters.maxPayloads);
    if (next <= this.#continued) return;
    this.#continued = next;
    this.#options.continueFrom(next);
  }

  #askForEarlierSets(number: number): void {
    const start = number - (number % this.#options.parameters.maxPayloads);
    if (this.#highest < start - 1 + overtakers) return;
    const fresh = this.#holes(start).filter((hole) => !this.#asked.has(hole));
    if (fresh.length > 0) this.#ask(fresh);
  }

  #ask(numbers: readonly number[]): void {
    for (const number of numbers) this.#asked.add(number);
    this.#options.ask(numbers);
  }

  #holes(end: number): readonly number[] {
    const { maxPayloads } = this.#options.parameters;
    const holes: number[] = [];
    for (let i = this.#missing; i < end && holes.length < maxPayloads; i++) {
      if (!this.#blocks.has(i)) holes.push(i);
    }
    return holes;
  }

  #measure(number: number): void {
    const at = this.#options.clock.now();
    const followed = number === (this.#last?.number ?? number) + 1;
    // Between two sets the sender may have waited.
    if (this.#last !== undefined && followed && number % this.#options.parameters.maxPayloads > 0) {
      const spacing = at - this.#last.at;
      this.#spacing = this.#spacing === 0 ? spacing : 0.75 * this.#spacing + 0.25 * spacing;
    }
    this.#last = { number, at };
  }

  #wait(): void {
    const { maxPayloads, nonReorderTimeout, nonReceiveTimeout } = this.#options.parameters;
    this.#cancel?.();
    const end = endOfSet(this.#highest, this.count, maxPayloads);
    const soon = Math.max(nonReorderTimeout, patience.reordered * this.#spacing);
    const late = Math.max(
      nonReceiveTimeout,
      patience.silent * this.#spacing,
      patience.answered * (this.#options.roundTrip.mean ?? 0),
    );
    const left = end - this.#highest - 1;
    // What is left of a set follows as the blocks before it did, unless it is lost.
    const follows = left > 0 && this.#spacing > 0 && this.#rounds === 0;
    const overtaken = left === 0 && this.#holes(end).some((hole) => !this.#asked.has(hole));
    const wait = follows || overtaken ? soon + left * this.#spacing : late * 2 ** this.#rounds;
    this.#cancel = this.#options.clock.after(wait, () => this.#silence());
  }

  #silence(): void {
    const { maxPayloads, nonMaxRetransmit } = this.#options.parameters;
    if (this.#rounds >= nonMaxRetransmit) {
      this.#options.giveUp();
      return;
    }
    this.#rounds++;
    const end = endOfSet(this.#highest, this.count, maxPayloads);
    // Nothing is missing but what was to follow: the word to go on was lost, or the set that it led to (section 7.2).
    const due = this.#missing < end ? end : endOfSet(this.#missing, this.count, maxPayloads);
    this.#ask(this.#holes(due));
    this.#wait();
  }
}

const none = new Uint8Array();
