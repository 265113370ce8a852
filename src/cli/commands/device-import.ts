/** `eim device import`: devices by the thousand, out of a file. */
import { type FileHandle, open, readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { type DeviceAddition, type DeviceResult, mostInBatch } from '../../rest/api/devices.ts';
import type { Client } from '../client.ts';
import { type Context, readAll, remote } from '../context.ts';
import { type DeviceLine, type Flaw, readDeviceFile } from '../device-file.ts';
import { CliError, ExitCode } from '../exit.ts';
import type { Output } from '../output.ts';
import { Progress } from '../progress.ts';

interface ImportOptions {
  readonly dryRun?: boolean;
  readonly replace?: boolean;
  readonly skipWrong?: boolean;
  readonly keys?: string;
  readonly report?: string;
}

/** Characters of one request: well below what an eIM takes (rest.bodyLimit). */
const longestBatch = 48_000;
/** Wrong lines that a terminal is shown. */
const shownFlaws = 20;

export function addDeviceImport(device: Command, context: Context): void {
  device
    .command('import')
    .description('let devices in by the thousand, from a CSV or JSON file')
    .argument('<file>', "the file; '-' reads standard input")
    .option('--dry-run', 'only look: at each line here, and at what the eIM has already')
    .option('--replace', 'give devices that are there already what the file says')
    .option('--skip-wrong', 'import the others where some lines are wrong (default: import none)')
    .option('--keys <file>', 'write PSKs that are made there, as CSV (mode 0600, must not exist)')
    .option('--report <file>', 'write what is wrong there, as CSV: line, field, message')
    .addHelpText(
      'after',
      `
CSV begins with the names of its columns: identity, key, eids, note, certificates, publicKeys, chain;
identity may be left out for the first EID. Several EIDs stand apart by spaces, or by | or ;. JSON is an
array of objects with the same members. Pins are PEM, or a SHA-256 in hex. A device without any
credential gets a PSK, which goes to the file of --keys.

Devices that are there already, the same in every member, are left alone: an import that was
interrupted may be started again.

Examples:
  eim device import devices.csv --dry-run
  eim device import devices.csv --report wrong.csv
  eim device import devices.json --keys made-keys.csv`,
    )
    .action(async (file: string, options: ImportOptions, command: Command) => {
      const { client, output } = remote(context, command);
      const text = file === '-' ? await readAll(context.stdin) : await contentOf(file);
      const read = readDeviceFile(text);
      const total = read.devices.length + read.flaws.length;
      if (read.flaws.length > 0 && options.skipWrong !== true) {
        await report(output, context, read.flaws, options);
        if (output.json) output.document(summary([], read.flaws, options));
        throw new CliError(
          ExitCode.badInput,
          `${read.flaws.length} of ${total} devices are wrong: nothing was imported`,
          'correct them, or import the others: --skip-wrong',
        );
      }
      const done = await importAll(client, read.devices, options, context, output);
      const flaws = [...read.flaws, ...done.flatMap(flawOf)].sort((a, b) => a.line - b.line);
      await report(output, context, flaws, options);
      const told = summary(done, flaws, options);
      if (output.json) output.document(told);
      else output.line(sentence(told));
      if (flaws.length > 0) {
        throw new CliError(ExitCode.failed, `${flaws.length} of ${total} devices were refused`);
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
  const progress = new Progress({
    stream: context.stderr,
    total: lines.length,
    shown: !output.json,
    now: context.now,
  });
  const done: Done[] = [];
  try {
    progress.at(0);
    for (const batch of batches(lines)) {
      const devices = batch.map(({ device }) => device);
      const { results } = await client.addDevices({ devices, dryRun, replace });
      for (const [i, { line }] of batch.entries()) {
        const result = results[i];
        if (result === undefined) throw new CliError(ExitCode.failed, 'the eIM left a device out');
        done.push({ line, result });
      }
      await made?.appendFile(keyLines(results));
      progress.at(done.length);
    }
  } catch (cause) {
    if (!(cause instanceof CliError) || done.length === 0) throw cause;
    throw new CliError(
      cause.exitCode,
      `${cause.message}, after ${done.length} of ${lines.length} devices`,
      'start it again: those that are there already are left alone',
      { cause },
    );
  } finally {
    progress.end();
    await made?.close();
  }
  return done;
}

function needsKey({ key, certificates = [], publicKeys = [], chain }: DeviceAddition): boolean {
  return key === undefined && certificates.length + publicKeys.length === 0 && chain !== true;
}

function* batches(lines: readonly DeviceLine[]): Generator<readonly DeviceLine[]> {
  let batch: DeviceLine[] = [];
  let length = 0;
  for (const one of lines) {
    const more = JSON.stringify(one.device).length + 1;
    if (batch.length > 0 && (batch.length >= mostInBatch || length + more > longestBatch)) {
      yield batch;
      batch = [];
      length = 0;
    }
    batch.push(one);
    length += more;
  }
  if (batch.length > 0) yield batch;
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

/** For people: the first ones on standard error; all of them in the file that is named. */
async function report(
  output: Output,
  context: Context,
  flaws: readonly Flaw[],
  { report: path }: ImportOptions,
): Promise<void> {
  for (const { line, field, message } of flaws.slice(0, shownFlaws)) {
    output.note(`line ${line}${field === '' ? '' : `, ${field}`}: ${message}`);
  }
  const more = flaws.length - shownFlaws;
  if (more > 0) output.note(`and ${more} more${path === undefined ? ': --report <file>' : ''}`);
  if (path === undefined) return;
  const rows = flaws.map(({ line, field, message }) => `${line},${field},${quoted(message)}\n`);
  try {
    await writeFile(path, `line,field,message\n${rows.join('')}`);
  } catch (cause) {
    throw unusable(path, 'written', cause);
  }
  if (!output.json) context.stderr.write(`wrote ${path}\n`);
}

function keyLines(results: readonly DeviceResult[]): string {
  return results
    .map((result) =>
      result.status === 'refused' || result.key === undefined
        ? ''
        : `${quoted(result.identity)},${result.key}\n`,
    )
    .join('');
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** A new file for keys, that nobody else may read. */
async function keyFile(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.appendFile('identity,key\n');
    return file;
  } catch (cause) {
    throw unusable(path, 'made', cause);
  }
}

async function contentOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw unusable(path, 'read', cause);
  }
}

function unusable(path: string, what: string, cause: unknown): CliError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CliError(ExitCode.badInput, `${path} cannot be ${what}: ${why}`, undefined, { cause });
}
