/**
 * How often an eUICC's device calls, learned from its polls. A device polls until there is nothing more, then sleeps:
 * one call. From the beginning of one call to that of the next is a period.
 */

/** The calls so far, as they are kept. Milliseconds, since 1970 or as a length. */
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

/** The calls of one device, counted on in place: what a poll made would outlive it. */
export class Calls {
  #began: number;
  #rests: boolean;
  readonly #periods: number[];

  constructor({ began, rests, periods }: PollTimes) {
    this.#began = began;
    this.#rests = rests;
    this.#periods = [...periods];
  }

  get rests(): boolean {
    return this.#rests;
  }

  get times(): PollTimes {
    return { began: this.#began, rests: this.#rests, periods: [...this.#periods] };
  }

  /** A poll at `now`, where the poll before was at `last`. */
  polled(last: number | undefined, now: number): void {
    const silent = last !== undefined && now - last > longestCall;
    if (!this.#rests && !silent) return;
    this.#add(now - this.#began);
    this.#began = now;
    this.#rests = false;
  }

  /** The device has heard that there is nothing more. */
  rest(): void {
    this.#rests = true;
  }

  #add(period: number): void {
    const periods = this.#periods;
    if (periods.length < most) {
      periods.push(period);
      return;
    }
    for (let at = 1; at < most; at++) periods[at - 1] = periods[at] ?? 0;
    periods[most - 1] = period;
  }
}

/** The times after a poll at `now`, where the poll before was at `last`. */
export function afterPoll(
  times: PollTimes | undefined,
  last: number | undefined,
  now: number,
): PollTimes {
  if (times === undefined) return { began: now, rests: false, periods: [] };
  const calls = new Calls(times);
  calls.polled(last, now);
  return calls.times;
}

/** The usual period, the median of the last ones; undefined before the second call. */
export function pollInterval({ periods }: PollTimes): number | undefined {
  const sorted = [...periods].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}
