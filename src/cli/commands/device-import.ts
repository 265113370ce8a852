/** `eim device import`: devices by the thousand, out of a file. */
import { type FileHandle, open } from 'node:fs/promises';
import type { Command } from 'commander';
import { type DeviceAddition, type DeviceResult, mostInBatch } from '../../rest/api/devices.ts';
import { contentOf, report, sendAll, toCorrect, unusable } from '../bulk.ts';
import type { Client } from '../client.ts';
import { type Context, remote } from '../context.ts';
import { csvLines } from '../csv.ts';
import { type DeviceLine, readDeviceFile } from '../device-file.ts';
import { CliError, ExitCode } from '../exit.ts';
import type { Output } from '../output.ts';
import type { Flaw } from '../row-file.ts';

interface ImportOptions {
  readonly dryRun?: boolean;
  readonly replace?: boolean;
  readonly skipWrong?: boolean;
  readonly keys?: string;
  readonly report?: string;
}

export function addDeviceImport(device: Command, context: Context): void {
  device
    .command('import')
    .description('let devices in by the thousand, from a CSV or JSON file')
    .argument('<file>', "the file; '-' reads standard input")
    .option('--dry-run', 'only look: at each line here, and at what the eIM has already')
    .option('--replace', 'give devices that are there already what the file says')
    .option('--skip-wrong', 'import the others where some lines are wrong (default: import none)')
    .option('--keys <file>', 'write PSKs that are made there, as CSV (mode 0600, must not exist)')
    .option(
      '--report <file>',
      'write the rows that are wrong there, as CSV, with what is wrong (mode 0600)',
    )
    .addHelpText(
      'after',
      `
CSV begins with the names of its columns: identity, key, eids, note, address, certificates, publicKeys,
chain; identity may be left out for the first EID. Several EIDs stand apart by spaces, or by | or ;. JSON is an
array of objects with the same members. Pins are PEM, or a SHA-256 in hex. A device without any
credential gets a PSK, which goes to the file of --keys.

Devices that are there already, the same in every member, are left alone: an import that was
interrupted may be started again. The file of --report has the rows that were refused, with their keys: correct it
and import it.

Examples:
  eim device import devices.csv --dry-run
  eim device import devices.csv --report wrong.csv
  eim device import devices.json --keys made-keys.csv`,
    )
    .action(async (file: string, options: ImportOptions, command: Command) => {
      const { client, output } = remote(context, command);
      const read = readDeviceFile(await contentOf(file, context));
      const total = read.lines.length + read.flaws.length;
      if (read.flaws.length > 0 && options.skipWrong !== true) {
        await report(output, context, read.flaws, read.cells, options.report);
        show(output, summary([], read.flaws, options), false);
        throw new CliError(
          ExitCode.badInput,
          `${read.flaws.length} of ${total} devices are wrong: nothing was imported`,
          'correct them, or import the others: --skip-wrong',
        );
      }
      const done = await importAll(client, read.lines, options, context, output);
      const flaws = [...read.flaws, ...done.flatMap(flawOf)].sort((a, b) => a.line - b.line);
      await report(output, context, flaws, read.cells, options.report);
      show(output, summary(done, flaws, options), true);
      if (flaws.length > 0) {
        throw new CliError(
          ExitCode.failed,
          `${flaws.length} of ${total} devices were refused`,
          toCorrect(options),
        );
      }
    });
}

/** A line of the file, and what became of it. */
interface Done {
  readonly line: number;
  readonly result: DeviceResult;
}

async function importAll(
  client: Client,
  lines: readonly DeviceLine[],
  { dryRun = false, replace = false, keys }: ImportOptions,
  context: Context,
  output: Output,
): Promise<readonly Done[]> {
  const unkeyed = lines.find(({ device }) => needsKey(device));
  if (unkeyed !== undefined && keys === undefined && !dryRun) {
    throw new CliError(
      ExitCode.badInput,
      `line ${unkeyed.line}: has no PSK or pin, and one that is made must be kept`,
      'name a file for them: --keys made-keys.csv',
    );
  }
  const made = keys === undefined || dryRun ? undefined : await keyFile(keys);
  try {
    const done = await sendAll<DeviceLine, DeviceResult>(
      {
        lines,
        body: ({ device }) => device,
        most: mostInBatch,
        send: async (batch) => {
          const devices = batch.map(({ device }) => device);
          const { results } = await client.addDevices({ devices, dryRun, replace });
          await made?.appendFile(keyLines(results));
          return results;
        },
        plural: 'devices',
        again: 'those that are there already are left alone',
      },
      context,
      output,
    );
    return done.map(([{ line }, result]) => ({ line, result }));
  } finally {
    await made?.close();
  }
}

function needsKey({ key, certificates = [], publicKeys = [], chain }: DeviceAddition): boolean {
  return key === undefined && certificates.length + publicKeys.length === 0 && chain !== true;
}

function flawOf({ line, result }: Done): readonly Flaw[] {
  if (result.status !== 'refused') return [];
  return [{ line, field: result.field ?? '', message: result.message }];
}

interface Summary {
  readonly dryRun: boolean;
  readonly added: number;
  readonly replaced: number;
  readonly unchanged: number;
  readonly refused: readonly Flaw[];
}

function summary(done: readonly Done[], refused: readonly Flaw[], options: ImportOptions): Summary {
  const count = (status: DeviceResult['status']) =>
    done.filter(({ result }) => result.status === status).length;
  return {
    dryRun: options.dryRun === true,
    added: count('added'),
    replaced: count('replaced'),
    unchanged: count('unchanged'),
    refused,
  };
}

function sentence({ dryRun, added, replaced, unchanged, refused }: Summary): string {
  const would = dryRun ? 'would be ' : '';
  return [
    `${added} ${would}added`,
    ...(replaced > 0 ? [`${replaced} ${would}replaced`] : []),
    ...(unchanged > 0 ? [`${unchanged} there already`] : []),
    ...(refused.length > 0 ? [`${refused.length} ${would}refused`] : []),
  ].join(', ');
}

/** People are told nothing where nothing was done. */
function show(output: Output, told: Summary, isDone: boolean): void {
  const { dryRun, added, replaced, unchanged, refused } = told;
  if (output.json) output.document(told);
  else if (output.csv) {
    const counts = { added, replaced, unchanged, refused: refused.length };
    output.facts([
      ['dry run', String(dryRun)],
      ...Object.entries(counts).map(([name, count]) => [name, String(count)] as const),
    ]);
  } else if (isDone) output.line(sentence(told));
}

function keyLines(results: readonly DeviceResult[]): string {
  return csvLines(
    results.flatMap((result) =>
      result.status === 'refused' || result.key === undefined
        ? []
        : [[result.identity, result.key]],
    ),
  );
}

/** A new file for keys, that nobody else may read. */
async function keyFile(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.appendFile(csvLines([['identity', 'key']]));
    return file;
  } catch (cause) {
    throw unusable(path, 'made', cause);
  }
}
