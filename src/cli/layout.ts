/**
 * Tables and facts for people, as lines. What fits is not touched. What is too wide for a terminal gives way in this
 * order, and nothing is ever cut off: times lose their seconds, then free text is broken between words, then rows are
 * folded, their last columns on lines of their own below the first.
 */
import Table from 'cli-table3';

export interface Column {
  readonly heading: string;
  /** Sentences: may be broken between words. */
  readonly text?: boolean;
}

/** Paints a cell after it has got its place: escape sequences have no width. */
export interface LaidCell {
  readonly text: string;
  paint(text: string): string;
}

const gap = 2;
const indent = 4;
/** Free text narrower than this reads badly: the row is folded instead. */
const leastText = 24;

/** The lines of a table that is at most `width` columns wide, as far as its longest word allows. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly LaidCell[])[],
  width: number,
): readonly string[] {
  const widths = widthsOf(columns, rows);
  if (total(widths) <= width) return rendered(rows, widths);
  const shortened = rows.map((row) => row.map(withShortTime));
  const short = widthsOf(columns, shortened);
  if (total(short) <= width) return rendered(shortened, short);
  const broken = withBrokenText(columns, short, width);
  return broken === undefined ? folded(shortened, short, width) : rendered(shortened, broken);
}

/** Lines of `name  value`, the values broken between words; a word that is too long, such as hex, is left to the terminal, so that it can be copied. */
export function factLines(
  facts: readonly (readonly [name: LaidCell, value: LaidCell])[],
  width: number,
): readonly string[] {
  const names = Math.max(0, ...facts.map(([name]) => displayWidth(name.text)));
  const room = Math.max(leastText, width - names - gap);
  return facts.flatMap(([name, value]) =>
    wordLines(value.text, room).map((line, i) => {
      const label = i === 0 ? name.paint(name.text) : '';
      const blank = names + gap - (i === 0 ? displayWidth(name.text) : 0);
      return `${label}${' '.repeat(blank)}${value.paint(line)}`.trimEnd();
    }),
  );
}

/** Parts of one line, two spaces between them; what does not fit goes below, indented. */
export function flowLines(parts: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && displayWidth(last) + gap + displayWidth(part) <= width) {
      lines[lines.length - 1] = `${last}${' '.repeat(gap)}${part}`;
    } else if (last === undefined) lines.push(part);
    else lines.push(...wordLines(part, width - indent).map((one) => `${' '.repeat(indent)}${one}`));
  }
  return lines;
}

/** What a text takes of a line: one column a character, two for wide ones, none for those that join others. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  // A box drawn around the text is as wide as the text.
  const box = new Table({ style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 } });
  box.push([text]);
  return box.width - 2;
}

function widthsOf(
  columns: readonly Column[],
  rows: readonly (readonly LaidCell[])[],
): readonly number[] {
  return columns.map((_, i) => {
    return rows.reduce((most, row) => Math.max(most, displayWidth(row[i]?.text ?? '')), 0);
  });
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + gap, -gap);
}

function withShortTime(cell: LaidCell): LaidCell {
  const [, day, time] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(?:\.\d+)?Z$/.exec(cell.text) ?? [];
  return day === undefined ? cell : { ...cell, text: `${day} ${time}Z` };
}

/** Widths where free text has what the others leave; undefined where that is too little to read. */
function withBrokenText(
  columns: readonly Column[],
  widths: readonly number[],
  width: number,
): readonly number[] | undefined {
  const isWide = (i: number) => columns[i]?.text === true && (widths[i] ?? 0) > leastText;
  const wide = widths.filter((_, i) => isWide(i));
  if (wide.length === 0) return undefined;
  const rest = total(widths.map((one, i) => (isWide(i) ? 0 : one)));
  const room = Math.floor((width - rest) / wide.length);
  if (room < leastText) return undefined;
  return widths.map((one, i) => (isWide(i) ? Math.min(one, room) : one));
}

/** Each row on as many lines as it needs, the same columns below each other. */
function folded(
  rows: readonly (readonly LaidCell[])[],
  widths: readonly number[],
  width: number,
): readonly string[] {
  const groups: number[][] = [];
  let used = 0;
  for (const [i, one] of widths.entries()) {
    const last = groups.at(-1);
    if (last !== undefined && used + gap + one <= width) {
      last.push(i);
      used += gap + one;
    } else {
      groups.push([i]);
      used = (groups.length > 1 ? indent : 0) + one;
    }
  }
  const lines = groups.map((group, g) => {
    const room = width - (g > 0 ? indent : 0);
    const fitted = group.map((i) => Math.min(widths[i] ?? 0, room));
    const part = rows.map((row) => group.flatMap((i) => row[i] ?? []));
    return renderedRows(part, fitted).map((row) =>
      row.map((line) => (g > 0 ? `${' '.repeat(indent)}${line}` : line)),
    );
  });
  return rows.flatMap((_, r) =>
    lines.flatMap((group) => (group[r] ?? []).filter((line) => line.trim() !== '')),
  );
}

function rendered(
  rows: readonly (readonly LaidCell[])[],
  widths: readonly number[],
): readonly string[] {
  return renderedRows(rows, widths).flat();
}

/** The lines of each row. */
function renderedRows(
  rows: readonly (readonly LaidCell[])[],
  widths: readonly number[],
): readonly (readonly string[])[] {
  return rows.map((row) => {
    const cells = row.map(({ text }, i) => wordLines(text, widths[i] ?? 0));
    const height = Math.max(1, ...cells.map((lines) => lines.length));
    return Array.from({ length: height }, (_, line) =>
      row
        .map((cell, i) => {
          const text = cells[i]?.[line] ?? '';
          const blank = Math.max(0, (widths[i] ?? 0) - displayWidth(text));
          return `${text === '' ? '' : cell.paint(text)}${' '.repeat(blank)}`;
        })
        .join(' '.repeat(gap))
        .trimEnd(),
    );
  });
}

/** A text broken between words into lines of at most `width`; a word that is longer has a line of its own. */
function wordLines(text: string, width: number): readonly string[] {
  if (displayWidth(text) <= width) return [text];
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && displayWidth(last) + 1 + displayWidth(word) <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
