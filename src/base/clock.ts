/** Time as an argument: rooms are given a Clock, tests turn theirs by hand (test/support/hand-clock.ts). */

/** Stops what a Clock was asked to do later; a second call does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00Z. */
  now(): number;
  /** Calls `run` once after `milliseconds`, unless cancelled. */
  after(milliseconds: number, run: () => void): Cancel;
}

/** Milliseconds of the longest timer that Node takes; it fires longer ones at once. */
const longest = 2 ** 31 - 1;

/** The machine's clock. Its timers do not keep the process alive; they may be of any length. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, run) {
    let timer: NodeJS.Timeout;
    const wait = (left: number): void => {
      timer = setTimeout(
        () => (left > longest ? wait(left - longest) : run()),
        Math.min(left, longest),
      );
      timer.unref();
    };
    wait(milliseconds);
    return () => clearTimeout(timer);
  },
};
