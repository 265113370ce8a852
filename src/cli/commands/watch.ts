/** `eim watch`: what happens to the orders of all eUICCs, as it happens. */
import type { Command } from 'commander';
import type { EventView } from '../../rest/api/events.ts';
import { eidText } from '../../rest/api/ids.ts';
import { type Context, checkTyped, remote } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { untilInterrupted } from '../interrupt.ts';
import { orderEvents } from '../order-events.ts';
import type { Output } from '../output.ts';

interface WatchOptions {
  readonly eid?: string;
  readonly after?: string;
}

export function addWatch(program: Command, context: Context): void {
  program
    .command('watch')
    .description('follow the events of all orders until Ctrl-C')
    .option('--eid <eid>', 'only those of one eUICC')
    .option(
      '--after <number>',
      'begin after this event; 0: with the oldest that is kept (default: now)',
    )
    .addHelpText(
      'after',
      `
A connection that breaks off is made again, and no event is missed or told twice. With --json: one event of
/v1/events a line.

Examples:
  eim watch
  eim watch --after 0 --json | jq -r 'select(.success == false) | .order'`,
    )
    .action(async ({ eid, after }: WatchOptions, command: Command) => {
      const { client, output } = remote(context, command);
      if (after !== undefined && !/^[0-9]{1,15}$/.test(after)) {
        throw new CliError(ExitCode.badInput, '--after: must be the number of an event');
      }
      const of = eid === undefined ? undefined : checkTyped(eidText, eid, { '': '--eid' });
      await untilInterrupted(async (signal) => {
        beginEvents(output);
        const note = (text: string) => output.note(text);
        const start = { eid: of, after };
        for await (const one of orderEvents({ client, start, signal, note })) {
          if (one.type === 'event') showEvent(output, one.event);
          else output.note('events before these are not kept any more');
        }
      });
      throw new CliError(ExitCode.interrupted, '');
    });
}

const columns = ['number', 'at', 'eid', 'order', 'event', 'detail', 'state', 'success'];

/** The first line, where there is one. */
export function beginEvents(output: Output): void {
  if (output.csv) output.row(columns);
}

export function showEvent(output: Output, event: EventView): void {
  const { id, at, eid, order, event: what, detail, state, success } = event;
  if (output.json) output.document(event, 'one');
  else if (output.csv) {
    const ended = success === undefined ? '' : String(success);
    output.row([String(id), at, eid, order, what, detail ?? '', state, ended]);
  } else output.flow([at, eid, order, `${what}${detail === undefined ? '' : `: ${detail}`}`]);
}
