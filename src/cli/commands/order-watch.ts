/** `eim order watch`: one order until it is done. */
import type { Command } from 'commander';
import type { HistoryView, OrderView } from '../../rest/api/orders.ts';
import type { Client } from '../client.ts';
import { type Context, remote } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { untilInterrupted } from '../interrupt.ts';
import { orderEvents } from '../order-events.ts';
import { endOf, secondsOf } from '../order-wait.ts';
import type { Output } from '../output.ts';

export function addOrderWatch(order: Command, context: Context): void {
  order
    .command('watch')
    .description('follow an order until it is done; ends by its outcome')
    .argument('<id>')
    .option('--timeout <time>', 'at most so long (30s, 5m, 2h)')
    .addHelpText(
      'after',
      `
With --json: one object a line, {"type":"event",…} for each line of the history, then
{"type":"order","order":{…}}. Ctrl-C leaves the order in force.

Examples:
  eim order watch 3f0c4f0e-8f0a-4b0e-9d5c-2f1c5a0f7b11
  eim order watch 3f0c4f0e-8f0a-4b0e-9d5c-2f1c5a0f7b11 --timeout 2h && echo installed`,
    )
    .action(async (id: string, { timeout }: { timeout?: string }, command: Command) => {
      const seconds = secondsOf(timeout ?? true, '--timeout');
      await untilInterrupted(async (interrupted) => {
        const { client, output } = remote(context, command, interrupted);
        const over = AbortSignal.any([interrupted, ...timeoutSignal(seconds)]);
        const done = await watch(client, output, id, over);
        if (interrupted.aborted) throw new CliError(ExitCode.interrupted, '');
        if (output.json) output.document({ type: 'order', order: done }, 'one');
        endOf(done);
      });
    });
}

/** Longest time that a timer can take. */
const longest = (2 ** 31 - 1) / 1000;

function timeoutSignal(seconds: number): readonly AbortSignal[] {
  return seconds > longest ? [] : [AbortSignal.timeout(seconds * 1000)];
}

/** The order as it is when it is done, or when the time is over. */
async function watch(
  client: Client,
  output: Output,
  id: string,
  signal: AbortSignal,
): Promise<OrderView> {
  const begun = await client.order(id);
  if (output.csv) output.row(['order', 'at', 'event', 'detail']);
  const show = (line: HistoryView) => showLine(output, id, line);
  if (begun.state === 'done') {
    begun.history.forEach(show);
    return begun;
  }
  const note = (text: string) => output.note(text);
  // From its first event on, so that none falls between the order and the stream.
  const start = { order: id, after: '0' };
  let isFirst = true;
  for await (const one of orderEvents({ client, start, signal, note })) {
    // Its first events are not kept any more: the history has what is left of them.
    if (one.type === 'gap') {
      if (isFirst) begun.history.forEach(show);
      isFirst = false;
      continue;
    }
    isFirst = false;
    const { at, event, detail, state } = one.event;
    show({ at, event, ...(detail === undefined ? {} : { detail }) });
    if (event === 'deleted') throw new CliError(ExitCode.failed, `order ${id} was deleted`);
    if (state === 'done') break;
  }
  return client.order(id);
}

function showLine(output: Output, order: string, line: HistoryView): void {
  const { at, event, detail } = line;
  if (output.json) output.document({ type: 'event', order, ...line }, 'one');
  else if (output.csv) output.row([order, at, event, detail ?? '']);
  else output.flow([at, `${event}${detail ? `: ${detail}` : ''}`]);
}
