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
    if (milliseconds > longest) return afterLong(milliseconds, run);
    const timer = setTimeout(run, milliseconds).unref();
    return () => clearTimeout(timer);
  },
};

/** With as many timers, one after the other, as it takes. */
function afterLong(milliseconds: number, run: () => void): Cancel {
  let timer: NodeJS.Timeout;
  const wait = (left: number): void => {
    const next = () => (left > longest ? wait(left - longest) : run());
    timer = setTimeout(next, Math.min(left, longest)).unref();
  };
  wait(milliseconds);
  return () => clearTimeout(timer);
}
