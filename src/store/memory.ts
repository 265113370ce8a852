/** The store in a Map, for tests and the lab: gone with the process, otherwise as LevelStore is. */
import { checkKey, decodeRow, encodeRow } from './rows.ts';
import { type Change, type ListOptions, type Store, StoreError, type Table } from './store.ts';

/** Rows as text under octet strings (one character an octet), whose order is the order of UTF-8 octets. */
class Rows {
  readonly texts = new Map<string, string>();
  /** The keys in order. */
  readonly #sorted: string[] = [];

  set(octets: string, text: string): void {
    if (!this.texts.has(octets)) this.#sorted.splice(this.#place(octets), 0, octets);
    this.texts.set(octets, text);
  }

  delete(octets: string): void {
    if (this.texts.delete(octets)) this.#sorted.splice(this.#place(octets), 1);
  }

  *keys(prefix: string, after: string | undefined, reverse: boolean): Iterable<string> {
    // No octet of UTF-8 is 0xff, so this ends the keys with the prefix.
    const end = this.#place(`${prefix}\u00ff`);
    const start = this.#place(prefix);
    if (reverse) {
      const from = after === undefined ? end : Math.min(end, this.#place(after));
      for (let i = from - 1; i >= start; i--) yield this.#sorted[i] ?? '';
    } else {
      const from = after === undefined ? start : Math.max(start, this.#place(`${after}\u0000`));
      for (let i = from; i < end; i++) yield this.#sorted[i] ?? '';
    }
  }

  /** How many keys are smaller. */
  #place(octets: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle] ?? '') < octets) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class MemoryStore implements Store {
  readonly #tables = new Map<string, Rows>();
  #open = true;

  async get<Row>(table: Table<Row>, key: string): Promise<Row | undefined> {
    this.#check();
    const text = this.#tables.get(table.name)?.texts.get(octetsOf(key));
    return text === undefined ? undefined : (decodeRow(text) as Row);
  }

  async list<Row>(
    table: Table<Row>,
    options: ListOptions = {},
  ): Promise<readonly (readonly [key: string, row: Row])[]> {
    this.#check();
    const rows = this.#tables.get(table.name);
    const found: (readonly [string, Row])[] = [];
    if (rows === undefined) return found;
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const after = options.after === undefined ? undefined : octetsOf(options.after);
    for (const octets of rows.keys(
      octetsOf(options.prefix ?? ''),
      after,
      options.reverse === true,
    )) {
      if (found.length >= limit) break;
      found.push([textOf(octets), decodeRow(rows.texts.get(octets) ?? '') as Row]);
    }
    return found;
  }

  async commit(changes: readonly Change[]): Promise<void> {
    this.#check();
    const ready = changes.map((change) => ({
      table: change.table,
      octets: octetsOf(change.key),
      text: change.type === 'put' ? encodeRow(change.row) : undefined,
    }));
    for (const { table, octets, text } of ready) {
      let rows = this.#tables.get(table);
      if (rows === undefined) {
        rows = new Rows();
        this.#tables.set(table, rows);
      }
      if (text === undefined) rows.delete(octets);
      else rows.set(octets, text);
    }
  }

  async scrub(): Promise<void> {
    this.#check();
  }

  async close(): Promise<void> {
    this.#open = false;
  }

  #check(): void {
    if (!this.#open) throw new StoreError('the store is closed');
  }
}

function octetsOf(key: string): string {
  return Buffer.from(checkKey(key), 'utf8').toString('latin1');
}

function textOf(octets: string): string {
  return Buffer.from(octets, 'latin1').toString('utf8');
}
