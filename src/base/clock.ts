/** Time as an argument: rooms are given a Clock, tests turn theirs by hand (test/support/hand-clock.ts). */

/** Stops what a Clock was asked to do later; a second call does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00Z. */
  now(): number;
  /** Calls `run` once after `milliseconds`, unless cancelled. */
  after(milliseconds: number, run: () => void): Cancel;
}

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
