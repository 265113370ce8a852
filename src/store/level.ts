/**
 * The store in LevelDB: one folder, one process at a time.
 *
 * ```
 *   key                     value
 *   !layout                 {"layout":2}       what is written here; a newer one is refused
 *   <table>!<key>           the row            JSON with bytes marked (rows.ts); keys are UTF-8
 * ```
 *
 * A table's name starts with a letter and holds no `!`, so its rows stand together, in the order of their keys'
 * octets, and `!layout` is nobody's row.
 *
 * Group commit: commits that come while the disk is busy gather, and go out as one synced batch when it is free. So
 * each is durable when its promise resolves, and a thousand at once cost a few turns of the disk, not a thousand.
 * A batch in which nobody asks for it (`synced: false`) is not synced; it is by the next that is, and where none comes
 * within a second, by one of our own. (Where LevelDB begins another log in that second, the end of the former is only
 * safe once LevelDB has written its rows to a table, which it begins at once.)
 *
 * A write that failed, on a full disk say, may have left half a record at the end of LevelDB's log, and what is written
 * behind that is acknowledged and not found again by the next start. So nothing is: the database is opened anew first,
 * which reads the log up to there and begins another.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { concat, fromUtf8, utf8 } from '../base/bytes.ts';
import { type Cancel, type Clock, systemClock } from '../base/clock.ts';
import { checkKey, decodeRow, encodeRow } from './rows.ts';
import {
  type Change,
  type CommitOptions,
  type ListOptions,
  type Store,
  StoreError,
  type Table,
} from './store.ts';

/**
 * The layout of keys and rows. A change that older readers would misread takes the next number, which the store gets as
 * it is opened; the tables see to their rows of before. 2: the PSKs of devices are sealed (src/fleet/device-rows.ts).
 */
const layout = 2;
const layoutKey = utf8('!layout');

/** What LevelDB itself keeps in its folder. */
const levelFile = /^(CURRENT|LOCK|LOG|LOG\.old|MANIFEST-\d+|\d+\.(log|ldb|sst|dbtmp))$/;

/** Octets that opening anew takes beside the rows of the log. */
const openingRoom = 64 * 1024;

/** How long what was not synced may stay so, in milliseconds. */
const longestUnsynced = 1000;

type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: string }
  | { readonly type: 'del'; readonly key: Uint8Array };

const layoutOperation: Operation = {
  type: 'put',
  key: layoutKey,
  value: JSON.stringify({ layout }),
};

/** A commit on its way to the disk. */
interface Waiting {
  readonly operations: readonly Operation[];
  readonly synced: boolean;
  readonly resolve: () => void;
  readonly reject: (why: StoreError) => void;
}

export class LevelStore implements Store {
  readonly #folder: string;
  readonly #database: Level<Uint8Array, string>;
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  /** The turn of the disk under way, if any. */
  #writing: Promise<void> | undefined;
  /** The last write failed: see above. */
  #torn = false;
  /** Something written has not been synced. */
  #unsynced = false;
  /** Set while `#sync` is to come. */
  #syncing: Cancel | undefined;
  /** The database is being opened anew; reads wait for it. */
  #opening: Promise<void> | undefined;
  #reads = 0;
  #lastRead: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  private constructor(folder: string, database: Level<Uint8Array, string>, clock: Clock) {
    this.#folder = folder;
    this.#database = database;
    this.#clock = clock;
  }

  /**
   * Opens the store in a folder, which is made (for its owner alone, mode 0700: it holds keys) where it is missing.
   * Throws StoreError where it cannot: in use, not a store, damaged, written by a newer layout, no right to it.
   */
  static async open(folder: string, clock: Clock = systemClock): Promise<LevelStore> {
    makeFolder(folder);
    const database = new Level<Uint8Array, string>(folder, {
      keyEncoding: 'view',
      valueEncoding: 'utf8',
    });
    try {
      await database.open();
    } catch (cause) {
      throw openingError(folder, cause);
    }
    try {
      await checkLayout(folder, database);
    } catch (error) {
      await database.close();
      throw error;
    }
    return new LevelStore(folder, database, clock);
  }

  async get<Row>(table: Table<Row>, key: string): Promise<Row | undefined> {
    this.#check();
    const text = await this.#reading<string | undefined>(() =>
      this.#database.get(keyOf(table.name, key)),
    );
    return text === undefined ? undefined : (this.#decode(text, table.name, key) as Row);
  }

  async list<Row>(
    table: Table<Row>,
    options: ListOptions = {},
  ): Promise<readonly (readonly [key: string, row: Row])[]> {
    this.#check();
    const start = keyOf(table.name, options.prefix ?? '');
    // No octet of UTF-8 is 0xff, so this ends the keys with the prefix.
    const end = concat(start, Uint8Array.of(0xff));
    const reverse = options.reverse === true;
    let range: { gt?: Uint8Array; gte?: Uint8Array; lt: Uint8Array } = { gte: start, lt: end };
    if (options.after !== undefined) {
      const after = keyOf(table.name, options.after);
      if (reverse) range = { gte: start, lt: earlier(after, end) };
      else if (Buffer.compare(after, start) >= 0) range = { gt: after, lt: end };
    }
    const head = utf8(`${table.name}!`).length;
    const found = await this.#reading(() =>
      this.#database.iterator({ ...range, reverse, limit: options.limit ?? -1 }).all(),
    );
    return found.map(([octets, text]) => {
      const key = fromUtf8(octets.subarray(head));
      return [key, this.#decode(text, table.name, key) as Row];
    });
  }

  async commit(changes: readonly Change[], options?: CommitOptions): Promise<void> {
    this.#check();
    // Encoded now, so that the rows are those of this moment and a row that cannot be kept harms nobody else.
    const operations = changes.map(operationOf);
    if (operations.length > 0) await this.#queue(operations, options?.synced ?? true);
  }

  async scrub(): Promise<void> {
    this.#check();
    await this.#writing;
    // The types of `level` lack compactRange, which classic-level has. It writes out what is in memory, and with it
    // the log ends; what it merges leaves its old files.
    const database: unknown = this.#database;
    const { compactRange } = database as {
      compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
    };
    await this.#reading(() =>
      compactRange.call(this.#database, new Uint8Array(), Uint8Array.of(0xff)),
    );
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    await this.#writing;
    this.#syncing?.();
    await this.#sync();
    await this.#database.close();
  }

  #queue(operations: readonly Operation[], synced: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operations, synced, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /** Turns the disk until nobody waits; never rejects. */
  async #write(): Promise<void> {
    // Those of this turn of the event loop go together.
    await null;
    while (this.#waiting.length > 0) {
      const turn = this.#waiting;
      this.#waiting = [];
      try {
        if (this.#torn) await this.#openAnew();
        const sync = turn.some((commit) => commit.synced);
        // The types of `level` are also those of browsers and lack `sync`; classic-level, which it is in Node, has it.
        const options: object = { sync };
        await this.#database.batch(
          turn.flatMap((commit) => commit.operations),
          options,
        );
        this.#unsynced = !sync;
        if (!sync) this.#syncLater();
        for (const commit of turn) commit.resolve();
      } catch (cause) {
        this.#torn = true;
        for (const commit of turn) {
          commit.reject(
            new StoreError(
              `the store ${this.#folder} cannot be written (${causeText(cause)}): look at its disk; it is tried again with each change`,
              { cause },
            ),
          );
        }
      }
    }
    this.#writing = undefined;
  }

  /** An alarm that is set stands, whatever is synced meanwhile: it then finds nothing to do, or comes early. */
  #syncLater(): void {
    this.#syncing ??= this.#clock.after(longestUnsynced, () => {
      this.#syncing = undefined;
      if (this.#closed === undefined) void this.#sync();
    });
  }

  /** Syncs what was written, by a row as it stands: LevelDB does it with a batch only, and not with an empty one. */
  async #sync(): Promise<void> {
    if (!this.#unsynced) return;
    try {
      await this.#queue([layoutOperation], true);
    } catch {
      // Nobody waits for it. The next commit has the complaint, and this is tried again.
      if (this.#closed === undefined) this.#syncLater();
    }
  }

  /** Throws where there is no room for it yet: a database that cannot be opened could not be read either. */
  async #openAnew(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder);
    if (bavail * bsize < (await this.#logOctets()) + openingRoom) {
      throw new Error('no space left on the disk');
    }
    this.#opening = (async () => {
      if (this.#reads > 0) await new Promise<void>((resolve) => (this.#lastRead = resolve));
      await this.#database.close();
      await this.#database.open();
    })();
    try {
      await this.#opening;
    } finally {
      this.#opening = undefined;
    }
    this.#torn = false;
  }

  async #logOctets(): Promise<number> {
    const logs = (await readdir(this.#folder)).filter((name) => name.endsWith('.log'));
    const sizes = logs.map(async (name) => (await stat(join(this.#folder, name))).size);
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  #check(): void {
    if (this.#closed !== undefined) throw new StoreError(`the store ${this.#folder} is closed`);
  }

  async #reading<T>(work: () => Promise<T>): Promise<T> {
    while (this.#opening !== undefined) await Promise.allSettled([this.#opening]);
    this.#reads += 1;
    try {
      return await work();
    } catch (cause) {
      throw new StoreError(`the store ${this.#folder} cannot be read (${causeText(cause)})`, {
        cause,
      });
    } finally {
      this.#reads -= 1;
      if (this.#reads === 0) this.#lastRead?.();
    }
  }

  #decode(text: string, table: string, key: string): unknown {
    try {
      return decodeRow(text);
    } catch (cause) {
      throw new StoreError(
        `the store ${this.#folder} holds a row that is none, ${table}!${key}: restore a backup`,
        { cause },
      );
    }
  }
}

function makeFolder(folder: string): void {
  let names: string[];
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    names = readdirSync(folder);
  } catch (cause) {
    throw new StoreError(`no folder ${folder} for the store (${causeText(cause)})`, { cause });
  }
  const strange = names.find((name) => !levelFile.test(name));
  if (strange !== undefined && !names.includes('CURRENT')) {
    throw new StoreError(
      `the folder ${folder} is not a store, it holds ${strange}: choose an empty folder or a new one`,
    );
  }
}

async function checkLayout(folder: string, database: Level<Uint8Array, string>): Promise<void> {
  const text: string | undefined = await database.get(layoutKey);
  if (text === undefined) {
    const [first] = await database.keys({ limit: 1 }).all();
    if (first !== undefined) {
      throw new StoreError(
        `the folder ${folder} holds the database of another program: choose another folder`,
      );
    }
    await putLayout(database);
    return;
  }
  const found = layoutOf(text);
  if (found === undefined) {
    throw new StoreError(`the store ${folder} does not say its layout: restore a backup`);
  }
  if (found > layout) {
    throw new StoreError(
      `the store ${folder} has layout ${found}, this version knows layouts up to ${layout}: ` +
        'start the version that wrote it, or a newer one',
    );
  }
  if (found < layout) await putLayout(database);
}

async function putLayout(database: Level<Uint8Array, string>): Promise<void> {
  const options: object = { sync: true };
  await database.batch([layoutOperation], options);
}

function layoutOf(text: string): number | undefined {
  try {
    const row: unknown = JSON.parse(text);
    if (typeof row !== 'object' || row === null || !('layout' in row)) return undefined;
    return typeof row.layout === 'number' ? row.layout : undefined;
  } catch {
    return undefined;
  }
}

function openingError(folder: string, cause: unknown): StoreError {
  const codes = [cause, cause instanceof Error ? cause.cause : undefined].map((error) =>
    error instanceof Error && 'code' in error ? error.code : undefined,
  );
  if (codes.includes('LEVEL_LOCKED')) {
    return new StoreError(
      `the store ${folder} is in use by another process (a second eim serve?): ` +
        'stop that one, or give this one a folder of its own',
      { cause },
    );
  }
  if (codes.includes('LEVEL_CORRUPTION')) {
    return new StoreError(
      `the store ${folder} is damaged (${causeText(cause)}): restore a backup`,
      { cause },
    );
  }
  return new StoreError(
    `the store ${folder} cannot be opened (${causeText(cause)}): check that the folder is there and yours`,
    { cause },
  );
}

/** LevelDB's own words, which stand in the cause. */
function causeText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function operationOf(change: Change): Operation {
  const key = keyOf(change.table, change.key);
  if (change.type === 'delete') return { type: 'del', key };
  return { type: 'put', key, value: encodeRow(change.row) };
}

function keyOf(table: string, key: string): Uint8Array {
  return utf8(`${table}!${checkKey(key)}`);
}

function earlier(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) < 0 ? a : b;
}
