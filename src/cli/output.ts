/**
 * What a command shows: its result on standard output (a table, or JSON with --json), everything else on standard
 * error. Colour only on a terminal, and never with NO_COLOR.
 */
import Table from 'cli-table3';

export interface Streams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type Colour = 'red' | 'green' | 'yellow' | 'dim';

const codes: Readonly<Record<Colour, number>> = { red: 31, green: 32, yellow: 33, dim: 2 };

/** A cell, coloured where colour is on. */
export interface Cell {
  readonly text: string;
  readonly colour?: Colour;
}

export class Output {
  readonly json: boolean;
  readonly #streams: Streams;
  readonly #colour: boolean;

  constructor(streams: Streams, options: { readonly json: boolean; readonly colour: boolean }) {
    this.#streams = streams;
    this.json = options.json;
    const { NO_COLOR, FORCE_COLOR } = streams.env;
    const wanted = set(FORCE_COLOR) ? FORCE_COLOR !== '0' : streams.stdout.isTTY;
    this.#colour = options.colour && !set(NO_COLOR) && wanted;
  }

  /** The result, as a document: two spaces deep, or one line where more follow. */
  document(value: unknown, lines: 'many' | 'one' = 'many'): void {
    this.#write(JSON.stringify(value, null, lines === 'many' ? 2 : 0));
  }

  /** A line of the result. */
  line(text: string): void {
    this.#write(clean(text));
  }

  /** Rows under headings. */
  table(headings: readonly string[], rows: readonly (readonly (string | Cell)[])[]): void {
    const table = plainTable();
    table.push(headings.map((heading) => this.#paint(heading.toUpperCase(), 'dim')));
    for (const row of rows) table.push(row.map((cell) => this.#cell(cell)));
    this.#write(trimmed(table.toString()));
  }

  /** Names and what they stand for; what is undefined is left out. */
  facts(facts: readonly (readonly [name: string, value: string | Cell | undefined])[]): void {
    const table = plainTable();
    for (const [name, value] of facts) {
      if (value !== undefined) table.push([this.#paint(name, 'dim'), this.#cell(value)]);
    }
    this.#write(trimmed(table.toString()));
  }

  /** For people alone: on standard error, and not with --json. */
  note(text: string): void {
    if (!this.json) this.#streams.stderr.write(`${clean(text)}\n`);
  }

  #write(text: string): void {
    this.#streams.stdout.write(`${text}\n`);
  }

  #cell(cell: string | Cell): string {
    if (typeof cell === 'string') return clean(cell);
    return cell.colour === undefined
      ? clean(cell.text)
      : this.#paint(clean(cell.text), cell.colour);
  }

  #paint(text: string, colour: Colour): string {
    return this.#colour ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text;
  }
}

function set(variable: string | undefined): boolean {
  return variable !== undefined && variable !== '';
}

/** Text from devices and SM-DP+s must not command the terminal. */
export function clean(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '�');
}

function trimmed(text: string): string {
  return text.replace(/ +$/gm, '');
}

/** No lines: fits a terminal of 80 columns better, and `awk`. */
function plainTable(): Table.Table {
  const none = '';
  return new Table({
    chars: {
      top: none,
      'top-mid': none,
      'top-left': none,
      'top-right': none,
      bottom: none,
      'bottom-mid': none,
      'bottom-left': none,
      'bottom-right': none,
      left: none,
      'left-mid': none,
      mid: none,
      'mid-mid': none,
      right: none,
      'right-mid': none,
      middle: none,
    },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
}
