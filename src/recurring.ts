/** Work that is done again and again while the eIM runs. */
import { type Cancel, systemClock } from './base/clock.ts';
import type { Log } from './base/log.ts';

/** Runs `work` now and again every so many milliseconds, one run at a time, until cancelled. */
export function every(milliseconds: number, work: () => Promise<void>, log: Log): Cancel {
  let stop: Cancel = () => {};
  let stopped = false;
  const turn = async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      log.error('work that recurs failed', { why: String(error) });
    }
    if (!stopped) stop = systemClock.after(milliseconds, () => void turn());
  };
  void turn();
  return () => {
    stopped = true;
    stop();
  };
}
