/** A clock that runs so many times as fast as another: what takes minutes on a slow link takes seconds in a test. */
import type { Clock } from '../../../src/base/clock.ts';

export function hurried(clock: Clock, speed: number): Clock {
  if (speed === 1) return clock;
  const began = clock.now();
  return {
    now: () => began + (clock.now() - began) * speed,
    after: (milliseconds, run) => clock.after(milliseconds / speed, run),
  };
}
