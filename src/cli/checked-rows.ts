/** The rows of a file (row-file.ts), each made into what it stands for: good ones once, the others with what is wrong. */
import { ApiError } from '../rest/api/errors.ts';
import { type Flaw, type RowFile, type RowShape, readRows, shownField } from './row-file.ts';

/** What rows stand for. */
export interface RowKind<Thing> extends RowShape {
  /** Throws ApiError, which may name the member. */
  thing(members: Readonly<Record<string, unknown>>): Thing;
  /** The same for two rows of which the second is wrong. */
  same(thing: Thing): string;
  /** What is wrong with the second, by the line of the first. */
  twice(line: number): Omit<Flaw, 'line'>;
}

export interface CheckedRows<Thing> {
  /** Each with the line where it begins. */
  readonly lines: readonly (Thing & { readonly line: number })[];
  readonly flaws: readonly Flaw[];
  readonly cells: RowFile['cells'];
}

/** Throws CliError where the file as a whole cannot be read. */
export function checkedRows<Thing extends object>(
  text: string,
  kind: RowKind<Thing>,
): CheckedRows<Thing> {
  const { rows, cells } = readRows(text, kind);
  const lines: (Thing & { readonly line: number })[] = [];
  const flaws: Flaw[] = [];
  const seen = new Map<string, number>();
  for (const row of rows) {
    if ('message' in row) {
      flaws.push(row);
      continue;
    }
    const { line } = row;
    try {
      const thing = kind.thing(row.members);
      const same = kind.same(thing);
      const before = seen.get(same);
      if (before !== undefined) {
        flaws.push({ line, ...kind.twice(before) });
        continue;
      }
      seen.set(same, line);
      lines.push({ ...thing, line });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      flaws.push({ line, field: shownField(error.field), message: error.message });
    }
  }
  return { lines, flaws, cells };
}
