/**
 * Many alarms of few different lengths, as each handshake sets some, on one timer of the clock below for each length:
 * those of one length ring in the order in which they were set. An alarm that is cancelled leaves the timer alone, which
 * finds nothing to do, or the next.
 */
import type { Cancel, Clock } from './clock.ts';
import { type InOrder, UseOrder } from './use-order.ts';

interface Alarm extends InOrder<Alarm> {
  /** It is the so manieth of its length. */
  readonly count: number;
  readonly due: number;
  readonly run: () => void;
}

export class Alarms implements Clock {
  readonly #clock: Clock;
  readonly #queues = new Map<number, Queue>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many are set. */
  get size(): number {
    let size = 0;
    for (const queue of this.#queues.values()) size += queue.size;
    return size;
  }

  now(): number {
    return this.#clock.now();
  }

  /**
   * Calls `run` once after `milliseconds`, unless cancelled; where somebody sets the clock below, sooner, or
   * later by as much as it was set back, its length at the most.
   */
  after(milliseconds: number, run: () => void): Cancel {
    let queue = this.#queues.get(milliseconds);
    if (queue === undefined) {
      queue = new Queue(this.#clock, milliseconds);
      this.#queues.set(milliseconds, queue);
    }
    return queue.add(run);
  }

  /** Cancels all of them. */
  close(): void {
    for (const queue of this.#queues.values()) queue.close();
    this.#queues.clear();
  }
}

/** Those of one length. */
class Queue {
  readonly #clock: Clock;
  readonly #length: number;
  readonly #order = new UseOrder<Alarm>();
  /** How many were set so far. */
  #count = 0;
  #timer: Cancel | undefined;

  constructor(clock: Clock, length: number) {
    this.#clock = clock;
    this.#length = length;
  }

  get size(): number {
    return this.#order.size;
  }

  add(run: () => void): Cancel {
    const now = this.#clock.now();
    const due = now + this.#length;
    const alarm: Alarm = { count: this.#count++, due, run, older: undefined, newer: undefined };
    this.#order.use(alarm);
    if (this.#timer === undefined) this.#arm(now);
    return () => this.#order.delete(alarm);
  }

  close(): void {
    this.#timer?.();
    for (const alarm of this.#order) this.#order.delete(alarm);
  }

  #arm(now: number): void {
    const { oldest } = this.#order;
    if (oldest === undefined) return;
    const left = Math.max(0, oldest.due - now);
    this.#timer = this.#clock.after(Math.min(left, this.#length), () => this.#ring());
  }

  /** Those that are set meanwhile wait for the next time: what rings may take long, and set itself again. */
  #ring(): void {
    const now = this.#clock.now();
    const count = this.#count;
    try {
      for (let next = this.#due(now); next !== undefined; next = this.#due(now)) {
        if (next.count >= count) break;
        this.#order.delete(next);
        next.run();
      }
    } finally {
      this.#timer = undefined;
      this.#arm(this.#clock.now());
    }
  }

  /** The oldest, where it is time for it: also where the clock was set back, and says that there is more left than its length. */
  #due(now: number): Alarm | undefined {
    const { oldest } = this.#order;
    if (oldest === undefined) return undefined;
    const left = oldest.due - now;
    return left > 0 && left <= this.#length ? undefined : oldest;
  }
}
