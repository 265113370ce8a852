/** What imports from a file have in common: reading it, sending it piece by piece, and telling what was wrong. */
import { readFile, writeFile } from 'node:fs/promises';
import { type Context, readAll } from './context.ts';
import { csvLines } from './csv.ts';
import { CliError, ExitCode } from './exit.ts';
import type { Output } from './output.ts';
import { Progress } from './progress.ts';
import { type Flaw, type RowFile, reportColumns } from './row-file.ts';

/** Characters of one request: well below what an eIM takes (rest.bodyLimit). */
const longestBatch = 48_000;
/** Wrong rows that a terminal is shown. */
const shownFlaws = 20;

/** The text of a file, or of standard input ('-'). Throws CliError. */
export async function contentOf(path: string, { stdin }: Context): Promise<string> {
  if (path === '-') return readAll(stdin);
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw unusable(path, 'read', cause);
  }
}

export function unusable(path: string, what: string, cause: unknown): CliError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CliError(ExitCode.badInput, `${path} cannot be ${what}: ${why}`, undefined, { cause });
}

export interface Sending<Line, Result> {
  readonly lines: readonly Line[];
  /** What is sent of a line: its length counts. */
  body(line: Line): unknown;
  /** Most lines of one request. */
  readonly most: number;
  /** One result for each line, in order. */
  send(lines: readonly Line[]): Promise<readonly Result[]>;
  /** In words: `devices`. */
  readonly plural: string;
  /** What to do where it breaks off half-way. */
  readonly again: string;
}

/** Sends all, with a bar on a terminal. Where it breaks off, the CliError says how far it came. */
export async function sendAll<Line, Result>(
  { lines, body, most, send, plural, again }: Sending<Line, Result>,
  context: Context,
  output: Output,
): Promise<readonly (readonly [Line, Result])[]> {
  const progress = new Progress({
    stream: context.stderr,
    total: lines.length,
    shown: output.format === 'table',
    now: context.now,
  });
  const done: [Line, Result][] = [];
  try {
    progress.at(0);
    for (const batch of batches(lines, body, most)) {
      const results = await send(batch);
      for (const [i, line] of batch.entries()) {
        const result = results[i];
        if (result === undefined)
          throw new CliError(ExitCode.failed, `the eIM left some ${plural} out`);
        done.push([line, result]);
      }
      progress.at(done.length);
    }
  } catch (cause) {
    if (!(cause instanceof CliError) || done.length === 0) throw cause;
    throw new CliError(
      cause.exitCode,
      `${cause.message}, after ${done.length} of ${lines.length} ${plural}`,
      `start it again: ${again}`,
      { cause },
    );
  } finally {
    progress.end();
  }
  return done;
}

function* batches<Line>(
  lines: readonly Line[],
  body: (line: Line) => unknown,
  most: number,
): Generator<readonly Line[]> {
  let batch: Line[] = [];
  let length = 0;
  for (const one of lines) {
    const more = JSON.stringify(body(one)).length + 1;
    if (batch.length > 0 && (batch.length >= most || length + more > longestBatch)) {
      yield batch;
      batch = [];
      length = 0;
    }
    batch.push(one);
    length += more;
  }
  if (batch.length > 0) yield batch;
}

/** What is to be done about rows that were refused. */
export function toCorrect({ report }: { readonly report?: string }): string {
  return report === undefined
    ? 'import the file again with --report <file>, which gives them back with what is wrong'
    : `correct them in ${report}, and import that`;
}

/**
 * For people: the first ones on standard error. All of them in the file that is named, with the rows as they stood, so
 * that it can be corrected and imported; rows may hold secrets, so nobody else may read it.
 */
export async function report(
  output: Output,
  context: Context,
  flaws: readonly Flaw[],
  cells: RowFile['cells'],
  path: string | undefined,
): Promise<void> {
  for (const { line, field, message } of flaws.slice(0, shownFlaws)) {
    output.note(`line ${line}${field === '' ? '' : `, ${field}`}: ${message}`);
  }
  const more = flaws.length - shownFlaws;
  if (more > 0) output.note(`and ${more} more${path === undefined ? ': --report <file>' : ''}`);
  if (path === undefined) return;
  const columns = [...new Set([...cells.values()].flatMap(Object.keys))];
  const rows = flaws.map(({ line, field, message }) => [
    ...columns.map((column) => cells.get(line)?.[column] ?? ''),
    String(line),
    field,
    message,
  ]);
  try {
    await writeFile(path, csvLines([[...columns, ...reportColumns], ...rows]), { mode: 0o600 });
  } catch (cause) {
    throw unusable(path, 'written', cause);
  }
  if (output.format === 'table') context.stderr.write(`wrote ${path}\n`);
}
