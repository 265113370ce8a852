/**
 * What a command shows: its result on standard output (a table, JSON or CSV), everything else on standard error. A table
 * fits the terminal it goes to; elsewhere lines are as long as they are. Colour only on a terminal, and never with
 * NO_COLOR.
 */
import { csvLines } from './csv.ts';
import { type Column, factLines, flowLines, type LaidCell, tableLines } from './layout.ts';

export interface Streams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export const formats = ['table', 'json', 'csv'] as const;
export type Format = (typeof formats)[number];

export type Colour = 'red' | 'green' | 'yellow' | 'dim';

const codes: Readonly<Record<Colour, number>> = { red: 31, green: 32, yellow: 33, dim: 2 };

/** A cell, coloured where colour is on. */
export interface Cell {
  readonly text: string;
  readonly colour?: Colour;
}

/** A column of free text: may be broken between words where the terminal is narrow. */
export function prose(heading: string): Column {
  return { heading, text: true };
}

/** What terminals are wide that do not say. */
const usualWidth = 80;

export class Output {
  readonly format: Format;
  readonly #streams: Streams;
  readonly #colour: boolean;
  readonly #width: number;

  constructor(streams: Streams, options: { readonly format: Format; readonly colour: boolean }) {
    const { stdout, env } = streams;
    this.#streams = streams;
    this.format = options.format;
    const { NO_COLOR, FORCE_COLOR, TERM } = env;
    const wanted = set(FORCE_COLOR) ? FORCE_COLOR !== '0' : stdout.isTTY && TERM !== 'dumb';
    this.#colour = options.colour && !set(NO_COLOR) && wanted;
    this.#width = stdout.isTTY ? stdout.columns || usualWidth : Number.POSITIVE_INFINITY;
  }

  get json(): boolean {
    return this.format === 'json';
  }

  get csv(): boolean {
    return this.format === 'csv';
  }

  /** The result, as a document: two spaces deep, or one line where more follow. */
  document(value: unknown, lines: 'many' | 'one' = 'many'): void {
    this.#write(`${escaped(JSON.stringify(value, null, lines === 'many' ? 2 : 0))}\n`);
  }

  /** A line of the result. */
  line(text: string): void {
    this.#write(`${clean(text)}\n`);
  }

  /** A line of several parts that breaks between them where the terminal is narrow. */
  flow(parts: readonly string[]): void {
    this.#lines(flowLines(parts.map(clean), this.#width));
  }

  /** A row of CSV that stands for itself, where rows come one by one. */
  row(cells: readonly string[]): void {
    this.#write(csvLines([cells.map(clean)]));
  }

  /** Rows under headings; where there are none, CSV has the headings alone, and people are told. */
  table(
    headings: readonly (string | Column)[],
    rows: readonly (readonly (string | Cell)[])[],
    nothing?: string,
  ): void {
    const columns = headings.map((one) => (typeof one === 'string' ? { heading: one } : one));
    if (this.csv) {
      this.row(columns.map(({ heading }) => memberName(heading)));
      this.#write(csvLines(rows.map((row) => row.map((cell) => clean(textOf(cell))))));
      return;
    }
    if (rows.length === 0 && nothing !== undefined) {
      this.note(nothing);
      return;
    }
    const head = columns.map(({ heading }) => this.#laid(heading.toUpperCase(), 'dim'));
    const body = rows.map((row) => row.map((cell) => this.#cell(cell)));
    this.#lines(tableLines(columns, [head, ...body], this.#width));
  }

  /** Names and what they stand for; what is undefined is left out. */
  facts(facts: readonly (readonly [name: string, value: string | Cell | undefined])[]): void {
    const known = facts.flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    if (this.csv) {
      this.row(['name', 'value']);
      for (const [name, value] of known) this.row([memberName(name), textOf(value)]);
      return;
    }
    this.#lines(
      factLines(
        known.map(([name, value]) => [this.#laid(name, 'dim'), this.#cell(value)]),
        this.#width,
      ),
    );
  }

  /** What was done to what: `removed meter-7`. */
  done(what: string, name: string): void {
    if (this.json) this.document({ [what]: name });
    else if (this.csv) this.facts([[what, name]]);
    else this.line(`${what} ${name}`);
  }

  /** For people alone: on standard error, and not where the result is for a program. */
  note(text: string): void {
    if (this.format === 'table') this.#streams.stderr.write(`${clean(text)}\n`);
  }

  #write(text: string): void {
    this.#streams.stdout.write(text);
  }

  #lines(lines: readonly string[]): void {
    this.#write(lines.map((line) => `${line}\n`).join(''));
  }

  #cell(cell: string | Cell): LaidCell {
    return typeof cell === 'string' ? this.#laid(cell) : this.#laid(cell.text, cell.colour);
  }

  #laid(text: string, colour?: Colour): LaidCell {
    const isPainted = this.#colour && colour !== undefined;
    return {
      text: clean(text),
      paint: (part) => (isPainted ? `\u001b[${codes[colour]}m${part}\u001b[0m` : part),
    };
  }
}

function set(variable: string | undefined): boolean {
  return variable !== undefined && variable !== '';
}

function textOf(cell: string | Cell): string {
  return typeof cell === 'string' ? cell : cell.text;
}

/** `last contact` → `lastContact`, as members of /v1 are named. */
function memberName(heading: string): string {
  return heading
    .replace(/[^A-Za-z0-9 ]/g, '')
    .replace(/ +(\S)/g, (_, first: string) => first.toUpperCase());
}

/** Text from devices and SM-DP+s must not command the terminal. */
export function clean(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '�');
}

/** JSON that says the same, with what JSON.stringify leaves of such text as escapes. */
function escaped(json: string): string {
  return json.replace(
    /[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
