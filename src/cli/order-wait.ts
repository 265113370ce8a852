/** Waiting for an order: its history line by line as it grows, then the exit code of how it ended. */
import { DurationError, parseDuration } from '../base/duration.ts';
import type { HistoryView, OrderView } from '../rest/api/orders.ts';
import type { Client } from './client.ts';
import { CliError, ExitCode } from './exit.ts';

/** Seconds that one request waits: below what proxies cut off, and what the eIM allows. */
const longestWait = 50;

/** The seconds that `--wait [time]` asks for; without a time there is no end. Throws CliError. */
export function secondsOf(time: string | true, option: string): number {
  if (time === true) return Number.POSITIVE_INFINITY;
  try {
    return parseDuration(time) / 1000;
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
    throw new CliError(ExitCode.badInput, `${option}: ${error.message}`, undefined, {
      cause: error,
    });
  }
}

/**
 * The order once it is done, or as it is after so many seconds; `line` is called with each line of its history, those
 * from before included.
 */
export async function follow(
  client: Client,
  begun: OrderView,
  seconds: number,
  clock: { now(): number },
  line: (line: HistoryView) => void,
): Promise<OrderView> {
  const end = clock.now() + seconds * 1000;
  let order = begun;
  let seen: readonly HistoryView[] = [];
  for (;;) {
    for (const one of newLines(seen, order.history)) line(one);
    seen = order.history;
    const left = Math.ceil((end - clock.now()) / 1000);
    if (order.state === 'done' || left <= 0) return order;
    order = await client.changedOrder(order.id, order.version, Math.min(left, longestWait));
  }
}

/** What came after the last line seen; a long history loses lines from its middle, so they are not counted. */
function newLines(
  seen: readonly HistoryView[],
  history: readonly HistoryView[],
): readonly HistoryView[] {
  const last = seen.at(-1);
  if (last === undefined) return history;
  const at = history.findLastIndex(
    (line) => line.at === last.at && line.event === last.event && line.detail === last.detail,
  );
  return history.slice(at + 1);
}

/** Returns where the order succeeded; otherwise throws CliError. */
export function endOf(order: OrderView): void {
  if (order.state !== 'done') {
    throw new CliError(
      ExitCode.timedOut,
      `order ${order.id} is not done yet (${order.state})`,
      `it stays in force; follow it: eim order watch ${order.id}`,
    );
  }
  if (order.success !== true) {
    const what = order.outcome.map((one) => JSON.stringify(one)).join(' ');
    throw new CliError(
      ExitCode.orderFailed,
      `order ${order.id} failed: ${order.reason || what}`,
      `see its history: eim order show ${order.id}`,
    );
  }
}
