/**
 * How often an eUICC's device calls, learned from its polls. A device polls until there is nothing more, then sleeps:
 * one call. From the beginning of one call to that of the next is a period.
 */

/** The calls so far. Milliseconds, since 1970 or as a length. */
export interface PollTimes {
  /** When the last call began. */
  readonly began: number;
  /** It has heard that there is nothing more: its next poll begins another call. */
  readonly rests: boolean;
  /** The last periods, the oldest first. */
  readonly periods: readonly number[];
}

/** Periods kept: enough for one night out of the usual not to change the median. */
const most = 5;
/** Silence after which a poll begins another call, whatever the device heard before. */
const longestCall = 10 * 60_000;

/** The times after a poll at `now`, where the poll before was at `last`. */
export function afterPoll(
  times: PollTimes | undefined,
  last: number | undefined,
  now: number,
): PollTimes {
  if (times === undefined) return { began: now, rests: false, periods: [] };
  const silent = last !== undefined && now - last > longestCall;
  if (!times.rests && !silent) return times;
  const periods = times.periods.slice(1 - most);
  periods.push(now - times.began);
  return { began: now, rests: false, periods };
}

/** The times once the device has heard that there is nothing more. */
export function atRest(times: PollTimes): PollTimes {
  if (times.rests) return times;
  const { began, periods } = times;
  return { began, rests: true, periods };
}

/** The usual period, the median of the last ones; undefined before the second call. */
export function pollInterval({ periods }: PollTimes): number | undefined {
  const sorted = [...periods].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}
