/** `eim order import`: orders by the thousand, out of a file. */
import type { Command } from 'commander';
import { mostOrdersInBatch, type OrderResult } from '../../rest/api/orders.ts';
import { contentOf, report, sendAll, toCorrect } from '../bulk.ts';
import { type Context, remote } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { columnOf, type OrderLine, readOrderFile } from '../order-file.ts';
import type { Output } from '../output.ts';
import type { Flaw } from '../row-file.ts';

interface ImportOptions {
  readonly dryRun?: true;
  readonly skipWrong?: true;
  readonly report?: string;
  readonly again?: string;
}

export function addOrderImport(order: Command, context: Context): void {
  order
    .command('import')
    .description('place orders by the thousand, from a CSV or JSON file')
    .argument('<file>', "the file; '-' reads standard input")
    .option('--dry-run', 'only look: at each row here, and at what the eIM would say')
    .option('--skip-wrong', 'place the others where some rows are wrong (default: place none)')
    .option(
      '--report <file>',
      'write the rows that are wrong there, as CSV, with what is wrong (mode 0600)',
    )
    .option('--again <word>', 'place orders once more that were imported before; each word once')
    .addHelpText(
      'after',
      `
CSV begins with the names of its columns. eid is needed; a download has activationCode (or smds: root, default
for the default SM-DP+, or an address), confirmationCode, mode, enable and rollback (yes or no) and confirm
(3, 2h or 3,2h); other rows have operation (enable, disable, delete, profiles, rat) and iccid, or steps as JSON.
push is yes or no. JSON is an array of objects with the same members, or of what POST /v1/orders takes.

Each order is placed once, however often its row is imported within rest.keysKept (24h unless the eIM is told
otherwise): an import that was interrupted may be started again, but not days later. The file of --report has the rows that were refused: correct it and import it.

Examples:
  eim order import fleet.csv --dry-run
  eim order import fleet.csv --report refused.csv
  eim order import refused.csv --report still-refused.csv
  eim order import fleet.csv --again spring`,
    )
    .action(async (file: string, options: ImportOptions, command: Command) => {
      const { client, output } = remote(context, command);
      const { dryRun = false, skipWrong = false } = options;
      const read = readOrderFile(await contentOf(file, context), options.again);
      const total = read.lines.length + read.flaws.length;
      if (read.flaws.length > 0 && !skipWrong) {
        await report(output, context, read.flaws, read.cells, options.report);
        if (output.json) output.document(summary([], read.flaws, dryRun));
        throw new CliError(
          ExitCode.badInput,
          `${read.flaws.length} of ${total} orders are wrong: nothing was placed`,
          'correct them, or place the others: --skip-wrong',
        );
      }
      const done = await sendAll<OrderLine, Placed>(
        {
          lines: read.lines,
          body: bodyOf,
          most: mostOrdersInBatch,
          send: async (lines) => {
            const { results } = await client.submitAll({ orders: lines.map(bodyOf), dryRun });
            return results.map(placed);
          },
          plural: 'orders',
          again: 'none is placed twice',
        },
        context,
        output,
      );
      const flaws = [...read.flaws, ...done.flatMap(flawOf)].sort((a, b) => a.line - b.line);
      await report(output, context, flaws, read.cells, options.report);
      show(output, summary(done, flaws, dryRun));
      if (flaws.length > 0) {
        throw new CliError(
          ExitCode.failed,
          `${flaws.length} of ${total} orders were refused`,
          toCorrect(options),
        );
      }
    });
}

function bodyOf({ order, key }: OrderLine) {
  return { ...order, idempotencyKey: key };
}

/** What is kept of a result: of an order its name alone, for there may be many. */
type Placed =
  | Exclude<OrderResult, { readonly order: unknown }>
  | { readonly eid: string; readonly id: string; readonly before: boolean };

function placed(result: OrderResult): Placed {
  if (!('order' in result)) return result;
  const { eid, id } = result.order;
  return { eid, id, before: result.before === true };
}

type Done = readonly (readonly [OrderLine, Placed])[];

function flawOf([{ line }, result]: Done[number]): readonly Flaw[] {
  if (!('error' in result)) return [];
  const { field, message } = result.error;
  return [{ line, field: columnOf(field), message }];
}

interface Summary {
  readonly dryRun: boolean;
  readonly placed: readonly PlacedRow[];
  /** Placed by an import before. */
  readonly before: readonly PlacedRow[];
  /** With dryRun: those that would be placed. */
  readonly accepted: number;
  readonly refused: readonly Flaw[];
}

interface PlacedRow {
  readonly line: number;
  readonly eid: string;
  readonly order: string;
}

function summary(done: Done, refused: readonly Flaw[], dryRun: boolean): Summary {
  const rows = (isBefore: boolean) =>
    done.flatMap(([{ line }, result]) => {
      if (!('id' in result) || result.before !== isBefore) return [];
      return [{ line, eid: result.eid, order: result.id }];
    });
  const accepted = done.filter(([, result]) => 'accepted' in result).length;
  return { dryRun, placed: rows(false), before: rows(true), accepted, refused };
}

/** With CSV: a row for each order, so that they can be followed. */
function show(output: Output, told: Summary): void {
  if (output.json) output.document(told);
  else if (output.csv) {
    output.table(
      ['line', 'eid', 'order', 'state', 'message'],
      [
        ...told.placed.map((one) => [...rowOf(one), 'placed', '']),
        ...told.before.map((one) => [...rowOf(one), 'before', '']),
        ...told.refused.map(({ line, message }) => [String(line), '', '', 'refused', message]),
      ],
    );
  } else output.line(sentence(told));
}

function rowOf({ line, eid, order }: PlacedRow): readonly string[] {
  return [String(line), eid, order];
}

function sentence({ dryRun, placed, before, accepted, refused }: Summary): string {
  const would = dryRun ? 'would be ' : '';
  return [
    `${dryRun ? accepted : placed.length} ${would}placed`,
    ...(before.length > 0 ? [`${before.length} were before`] : []),
    ...(refused.length > 0 ? [`${refused.length} ${would}refused`] : []),
  ].join(', ');
}
