/**
 * The store's contract: tables of rows under keys, read one at a time or in key order, changed in atomic batches.
 * A store knows no table: the rooms above declare theirs with `table` and own their keys.
 * Every implementation passes test/suites/store.ts.
 */

/** What a row may hold: JSON's values, and bytes. */
export type Stored =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Stored[]
  | { readonly [name: string]: Stored | undefined };

/** A table by name; `Row` is what its owner keeps in it. */
export interface Table<Row> {
  readonly name: string;
  /** Only there for the type. */
  readonly row?: Row;
}

/** Declares a table. The name is part of every key on disk: lower-case letters and dashes, never changed. */
export function table<Row>(name: string): Table<Row> {
  if (!/^[a-z][a-z-]*$/.test(name)) throw new Error(`table name ${name}`);
  return { name };
}

export type Change =
  | { readonly type: 'put'; readonly table: string; readonly key: string; readonly row: unknown }
  | { readonly type: 'delete'; readonly table: string; readonly key: string };

export function put<Row>(table: Table<Row>, key: string, row: Row): Change {
  return { type: 'put', table: table.name, key, row };
}

export function remove<Row>(table: Table<Row>, key: string): Change {
  return { type: 'delete', table: table.name, key };
}

export interface ListOptions {
  /** Only keys that start so. */
  readonly prefix?: string;
  /** Only keys after this one in the order of listing. */
  readonly after?: string;
  readonly limit?: number;
  /** Last key first. */
  readonly reverse?: boolean;
}

export interface CommitOptions {
  /**
   * `false`: whoever commits does not wait for the disk. When the promise resolves the changes are with the operating
   * system: kill -9 does not undo them. A power cut may, for a second or so, and may spare what was committed behind
   * them. Absent: `true`.
   */
  readonly synced?: boolean;
}

export interface Store {
  get<Row>(table: Table<Row>, key: string): Promise<Row | undefined>;
  /** Rows in the order of their keys' UTF-8 octets. */
  list<Row>(
    table: Table<Row>,
    options?: ListOptions,
  ): Promise<readonly (readonly [key: string, row: Row])[]>;
  /**
   * Makes all changes or none. When the promise resolves they are durable: on disk, kill -9 and power loss
   * included, or what `options` say. Concurrent commits, of either kind, share one batch in their order (group commit),
   * which is synced where one of them asks for it.
   */
  commit(changes: readonly Change[], options?: CommitOptions): Promise<void>;
  /**
   * Merges what is on the disk: of a row that was written anew since the last call, nothing older is left there. Takes
   * as long as a copy of the whole store; for what should never have been written (device-rows.ts).
   */
  scrub(): Promise<void>;
  /** Waits for commits under way, then lets go of the disk. */
  close(): Promise<void>;
}

/** The store cannot be opened or written; the message names it and says what to do. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}
