/**
 * Rows of a file: CSV whose first line names the columns, a JSON array (or an object with one under a name), or one JSON
 * object a line. Complaints name line and field and never show what stands there: it may be a secret.
 */
import { csvRows } from './csv.ts';
import { CliError, ExitCode } from './exit.ts';

/** What a row holds, before it is checked. */
export interface Row {
  readonly line: number;
  readonly members: Readonly<Record<string, unknown>>;
}

/** What is wrong with a row. */
export interface Flaw {
  readonly line: number;
  /** The member; '' for the whole row. */
  readonly field: string;
  readonly message: string;
}

export interface RowFile {
  readonly rows: readonly (Row | Flaw)[];
  /** As they stand in the file, by line and name: what a report gives back. */
  readonly cells: ReadonlyMap<number, Readonly<Record<string, string>>>;
}

export interface RowShape {
  /** What the rows are, as JSON may name its array: `devices`. */
  readonly plural: string;
  /** Members by the names of columns, without case, spaces, dashes and underscores. */
  readonly names: Readonly<Record<string, string>>;
  /** What text in a cell means. */
  memberOf(name: string, text: string): unknown;
}

/** Columns that a report adds; a file that was one is read without them. */
export const reportColumns = ['line', 'field', 'message'] as const;

/** Throws CliError where the file as a whole cannot be read. */
export function readRows(text: string, shape: RowShape): RowFile {
  const plain = text.replace(/^\uFEFF/, '');
  const [first] = plain.trimStart();
  if (first === undefined) throw wholeFile('the file is empty', shape);
  return first === '[' || first === '{' ? readJson(plain, shape) : readCsv(plain, shape);
}

/** A member that nobody knows may be named by mistake what it should hold. */
export function shownField(field = ''): string {
  return /^[A-Za-z]{1,20}(\[[0-9]+\])?(\.[A-Za-z]{1,20})*$/.test(field) ? field : '';
}

function readCsv(text: string, shape: RowShape): RowFile {
  const cells = new Map<number, Record<string, string>>();
  const [head, ...lines] = csvRows(text);
  const reported: readonly string[] = reportColumns;
  const columns = (head?.cells ?? []).map((cell, i) => {
    const plain = plainName(cell);
    if (reported.includes(plain)) return undefined;
    const name = shape.names[plain];
    if (name !== undefined) return name;
    const due = [...new Set(Object.values(shape.names))].join(', ');
    throw wholeFile(`line ${head?.line}: column ${i + 1} is none of ${due}`, shape);
  });
  const lastNamed = columns.findLastIndex((name) => name !== undefined);
  const rows = lines.map(({ line, cells: found, broken }): Row | Flaw => {
    const isWide = found.length > columns.length;
    const members: Record<string, unknown> = {};
    const kept: Record<string, string> = {};
    columns.forEach((name, i) => {
      if (name === undefined) return;
      // What is too much stands in the last one, so that a report leaves nothing out.
      const cell = isWide && i === lastNamed ? found.slice(i).join(',') : (found[i] ?? '');
      kept[name] = cell.trim();
      if (cell.trim() !== '') members[name] = cellValue(shape, name, cell.trim());
    });
    cells.set(line, kept);
    if (broken) return { line, field: '', message: 'has a quote that does not end' };
    if (!isWide) return { line, members };
    const message = `has ${found.length} columns, the first line ${columns.length}: a cell that holds a separator stands in quotes`;
    return { line, field: '', message };
  });
  return { rows, cells };
}

/** A list that a report wrote is JSON. */
function cellValue(shape: RowShape, name: string, cell: string): unknown {
  if (/^[[{]/.test(cell)) {
    try {
      return JSON.parse(cell);
    } catch {
      // Whatever it is, its check complains.
    }
  }
  return shape.memberOf(name, cell);
}

function plainName(name: string): string {
  return name.replace(/[\s_-]/g, '').toLowerCase();
}

function readJson(text: string, shape: RowShape): RowFile {
  const start = arrayStart(text, shape);
  const elements = start === undefined ? jsonLines(text) : jsonElements(text, start);
  const cells = new Map<number, Record<string, string>>();
  const rows = elements.map((element): Row | Flaw => {
    if ('message' in element) return element;
    const { line } = element;
    const members: Record<string, unknown> = {};
    const kept: Record<string, string> = {};
    for (const [key, member] of Object.entries(element.members)) {
      const name = shape.names[plainName(key)];
      if (name === undefined) members[key] = member;
      else members[name] = typeof member === 'string' ? shape.memberOf(name, member) : member;
      if (name !== undefined) {
        kept[name] = typeof member === 'string' ? member : JSON.stringify(member);
      }
    }
    cells.set(line, kept);
    return { line, members };
  });
  return { rows, cells };
}

function jsonLines(text: string): readonly (Row | Flaw)[] {
  return text.split('\n').flatMap((one, i) => (one.trim() === '' ? [] : jsonLine(one, i + 1)));
}

/** Where the array begins; undefined where there is one object a line. */
function arrayStart(text: string, { plural }: RowShape): number | undefined {
  if (text.trimStart().startsWith('[')) return text.indexOf('[');
  const [whole] = new RegExp(`^\\s*\\{\\s*"${plural}"\\s*:\\s*\\[`).exec(text) ?? [];
  return whole === undefined ? undefined : whole.length - 1;
}

/** The elements of an array, each with its line. */
function jsonElements(text: string, start: number): (Row | Flaw)[] {
  const found: (Row | Flaw)[] = [];
  let line = text.slice(0, start).split('\n').length;
  let depth = 0;
  let inText = false;
  let begun = start + 1;
  let begunLine = line;
  const take = (end: number) => {
    const element = text.slice(begun, end);
    const blank = element.length - element.trimStart().length;
    const skipped = element.slice(0, blank).split('\n').length - 1;
    if (element.trim() !== '') found.push(jsonLine(element, begunLine + skipped));
  };
  for (let at = start; at < text.length; at++) {
    const one = text[at];
    if (one === '\n') line++;
    if (inText) {
      if (one === '\\') at++;
      else if (one === '"') inText = false;
    } else if (one === '"') inText = true;
    else if (one === '[' || one === '{') depth++;
    else if (one === ']' || one === '}') depth--;
    if (inText || (depth > 1 && one !== ',')) continue;
    if (depth === 0) {
      take(at);
      return found;
    }
    if (depth === 1 && one === ',') {
      take(at);
      begun = at + 1;
      begunLine = line;
    }
  }
  found.push({ line, field: '', message: 'the file ends before its array does' });
  return found;
}

function jsonLine(text: string, line: number): Row | Flaw {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // JSON.parse would show what stands there.
    return { line, field: '', message: 'is not JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { line, field: '', message: 'must be an object' };
  }
  return { line, members: { ...value } };
}

function wholeFile(complaint: string, { plural }: RowShape): CliError {
  return new CliError(
    ExitCode.badInput,
    complaint,
    `CSV begins with a line of column names, JSON is an array of objects (eim ${plural.slice(0, -1)} import --help)`,
  );
}
