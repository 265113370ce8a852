/**
 * Devices from a file: CSV whose first line names the columns, a JSON array (or an object with one under `devices`), or
 * one JSON object a line. Complaints name line and field and never show what stands there: it may be a key.
 */

import { DeviceAddition } from '../rest/api/devices.ts';
import { ApiError, check } from '../rest/api/errors.ts';
import { CliError, ExitCode } from './exit.ts';

/** A device, and the line where it begins. */
export interface DeviceLine {
  readonly line: number;
  readonly device: DeviceAddition;
}

/** What is wrong with a line. */
export interface Flaw {
  readonly line: number;
  /** The member; '' for the whole line. */
  readonly field: string;
  readonly message: string;
}

export interface DeviceFile {
  readonly devices: readonly DeviceLine[];
  readonly flaws: readonly Flaw[];
}

/** What a line holds, before it is checked. */
interface RawLine {
  readonly line: number;
  readonly members: unknown;
}

/** Columns and members, without case, spaces, dashes and underscores. */
const names: Readonly<Record<string, keyof DeviceAddition>> = {
  identity: 'identity',
  pskidentity: 'identity',
  key: 'key',
  psk: 'key',
  eid: 'eids',
  eids: 'eids',
  note: 'note',
  certificate: 'certificates',
  certificates: 'certificates',
  publickey: 'publicKeys',
  publickeys: 'publicKeys',
  chain: 'chain',
};

/** Throws CliError where the file as a whole cannot be read. */
export function readDeviceFile(text: string): DeviceFile {
  const plain = text.replace(/^\uFEFF/, '');
  const [first] = plain.trimStart();
  if (first === undefined) throw wholeFile('the file is empty');
  const lines = first === '[' || first === '{' ? readJson(plain) : readCsv(plain);
  return checkLines(lines);
}

function checkLines(lines: readonly (RawLine | Flaw)[]): DeviceFile {
  const devices: DeviceLine[] = [];
  const flaws: Flaw[] = [];
  const seen = new Map<string, number>();
  for (const raw of lines) {
    if ('message' in raw) {
      flaws.push(raw);
      continue;
    }
    const { line } = raw;
    try {
      const device = check(DeviceAddition, raw.members);
      const identity = device.identity ?? device.eids?.[0];
      const before = identity === undefined ? undefined : seen.get(identity);
      if (identity === undefined) {
        flaws.push({ line, field: 'identity', message: 'give an identity, or an EID' });
      } else if (before !== undefined) {
        flaws.push({ line, field: 'identity', message: `is that of line ${before}` });
      } else {
        seen.set(identity, line);
        devices.push({ line, device });
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      flaws.push({ line, field: shownField(error.field), message: error.message });
    }
  }
  return { devices, flaws };
}

/** A member that nobody knows may be named by mistake what it should hold. */
function shownField(field = ''): string {
  return /^[A-Za-z]{1,16}(\[[0-9]+\])?$/.test(field) ? field : '';
}

/** RFC 4180, with commas, semicolons or tabs. */
function readCsv(text: string): (RawLine | Flaw)[] {
  const [, firstLine = ''] = /^\s*([^\r\n]*)/.exec(text) ?? [];
  const separator = [',', ';', '\t'].find((one) => firstLine.includes(one)) ?? ',';
  const [head, ...rows] = csvRows(text, separator);
  const columns = (head?.cells ?? []).map((cell, i) => {
    const name = names[plainName(cell)];
    if (name !== undefined) return name;
    const due = 'identity, key, eids, note, certificates, publicKeys and chain';
    throw wholeFile(`line ${head?.line}: column ${i + 1} is none of ${due}`);
  });
  return rows.map(({ line, cells, broken }) => {
    if (broken) return { line, field: '', message: 'has a quote that does not end' };
    if (cells.length > columns.length) {
      const message = `has ${cells.length} columns, the first line ${columns.length}`;
      return { line, field: '', message };
    }
    const members: Record<string, unknown> = {};
    columns.forEach((name, i) => {
      const cell = cells[i]?.trim() ?? '';
      if (cell !== '') members[name] = memberOf(name, cell);
    });
    return { line, members };
  });
}

/** What text in a cell means; several of a kind stand apart by spaces, semicolons or bars. */
function memberOf(name: keyof DeviceAddition, text: string): unknown {
  if (name === 'chain') return { yes: true, true: true, no: false, false: false }[text] ?? text;
  if (name !== 'eids' && name !== 'certificates' && name !== 'publicKeys') return text;
  return text.includes('-----BEGIN') ? [text] : text.split(/[\s;|]+/);
}

function plainName(name: string): string {
  return name.replace(/[\s_-]/g, '').toLowerCase();
}

interface CsvRow {
  readonly line: number;
  readonly cells: string[];
  readonly broken: boolean;
}

function csvRows(text: string, separator: string): CsvRow[] {
  const rows: CsvRow[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const begun = line;
    const cells: string[] = [];
    let broken = false;
    for (;;) {
      let cell = '';
      if (text[at] === '"') {
        at++;
        for (;;) {
          const end = text.indexOf('"', at);
          const part = text.slice(at, end < 0 ? undefined : end);
          cell += part;
          line += part.split('\n').length - 1;
          at = end < 0 ? text.length : end + 1;
          broken = end < 0;
          if (broken || text[at] !== '"') break;
          cell += '"';
          at++;
        }
      }
      while (at < text.length && text[at] !== separator && !/[\r\n]/.test(text[at] ?? '')) {
        cell += text[at++];
      }
      cells.push(cell);
      if (text[at] !== separator) break;
      at++;
    }
    if (text[at] === '\r') at++;
    if (text[at] === '\n') at++;
    line++;
    if (cells.some((cell) => cell.trim() !== '')) rows.push({ line: begun, cells, broken });
  }
  return rows;
}

function readJson(text: string): (RawLine | Flaw)[] {
  const start = arrayStart(text);
  if (start !== undefined) return jsonElements(text, start);
  return text.split('\n').flatMap((one, i) => (one.trim() === '' ? [] : jsonLine(one, i + 1)));
}

/** Where the array of devices begins; undefined where there is one object a line. */
function arrayStart(text: string): number | undefined {
  if (text.trimStart().startsWith('[')) return text.indexOf('[');
  const [whole] = /^\s*\{\s*"devices"\s*:\s*\[/.exec(text) ?? [];
  return whole === undefined ? undefined : whole.length - 1;
}

/** The elements of an array, each with its line. */
function jsonElements(text: string, start: number): (RawLine | Flaw)[] {
  const found: (RawLine | Flaw)[] = [];
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

function jsonLine(text: string, line: number): RawLine | Flaw {
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
  const members: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    const name = names[plainName(key)];
    if (name === undefined) members[key] = member;
    else members[name] = typeof member === 'string' ? memberOf(name, member) : member;
  }
  return { line, members };
}

function wholeFile(complaint: string): CliError {
  return new CliError(
    ExitCode.badInput,
    complaint,
    'CSV begins with a line of column names, JSON is an array of objects (eim device import --help)',
  );
}
