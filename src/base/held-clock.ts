/**
 * A clock that is looked at once for all that is done in one go: to ask the machine what time it is takes longer than
 * much of what wants to know.
 */
import type { Cancel, Clock } from './clock.ts';

export class HeldClock implements Clock {
  readonly #clock: Clock;
  #at = 0;
  #isHeld = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#isHeld ? this.#at : this.#clock.now();
  }

  after(milliseconds: number, run: () => void): Cancel {
    return this.#clock.after(milliseconds, run);
  }

  /** Says the same time until `release`. */
  hold(): void {
    this.#at = this.#clock.now();
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
  }
}
