/**
 * SM-DP+s that could not be reached with a notification, and since when each is left alone: longer and longer, or for as
 * long as it asked.
 *
 * ```
 *   smdp-wait!<address>   how often in a row it failed, and until when it is left alone
 * ```
 */
import { longestRetryAfter } from '../es9/retry-after.ts';
import { put, remove, table } from '../store/store.ts';
import type { Eim } from './eim.ts';

interface Wait {
  readonly failures: number;
  /** Milliseconds since 1970. */
  readonly until: number;
}

const waits = table<Wait>('smdp-wait');

/** How long to wait after so many tries in vain (1 and more), in milliseconds: twice as long each time, up to a limit. */
export function backOff({ settings }: Eim, failures: number, asked = 0): number {
  const { retry, retryLimit } = settings.notifications;
  const doubled = retry * 2 ** Math.min(failures - 1, 40);
  return Math.max(Math.min(doubled, retryLimit), asked);
}

/**
 * Whether a time to wait for has not come. What is further away than any wait is long was noted before somebody set the
 * clock back, and is over.
 */
export function isAhead({ clock, settings }: Eim, until: number): boolean {
  const left = until - clock.now();
  return left > 0 && left <= Math.max(settings.notifications.retryLimit, longestRetryAfter);
}

/** Until when an SM-DP+ is left alone; undefined where it may be asked. */
export async function waitOf(eim: Eim, address: string): Promise<number | undefined> {
  const until = (await eim.store.get(waits, address))?.until ?? 0;
  return isAhead(eim, until) ? until : undefined;
}

/** Notes that an SM-DP+ could not be reached; what several find out at a time counts once. */
export function noteDown(eim: Eim, address: string, asked: number | undefined): Promise<void> {
  return eim.serial.run(`smdp-wait ${address}`, async () => {
    const before = await eim.store.get(waits, address);
    if (before !== undefined && isAhead(eim, before.until)) return;
    const failures = (before?.failures ?? 0) + 1;
    const row = { failures, until: eim.clock.now() + backOff(eim, failures, asked) };
    await eim.store.commit([put(waits, address, row)]);
  });
}

/** Forgets what was noted: it can be reached, or the operator says so. */
export function noteUp(eim: Eim, address: string): Promise<void> {
  return eim.serial.run(`smdp-wait ${address}`, async () => {
    if ((await eim.store.get(waits, address)) === undefined) return;
    await eim.store.commit([remove(waits, address)]);
  });
}

/** Forgets SM-DP+s that nothing waits for. */
export async function sweepWaits(eim: Eim, needed: ReadonlySet<string>): Promise<void> {
  const rows = await eim.store.list(waits);
  const gone = rows.filter(([address]) => !needed.has(address));
  if (gone.length > 0) await eim.store.commit(gone.map(([address]) => remove(waits, address)));
}
