/**
 * A store that is watched: how long commits take, how many failed, and whether it can be written now. It does nothing
 * else than the store that it stands before.
 */
import type { Clock } from '../base/clock.ts';
import type { Change, CommitOptions, ListOptions, Store, Table } from './store.ts';

/** Told of each commit: how long it took, in milliseconds, and whether it failed. */
export type CommitWatcher = (took: number, failed: boolean) => void;

export interface WatchedStoreOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** For the measure of time, in milliseconds; the clock may be set. */
  readonly elapsed: () => number;
  readonly watcher?: CommitWatcher;
}

/** The last commits: when one went well, and why the last one did not. */
interface Writing {
  /** Milliseconds since 1970; undefined: none yet. */
  readonly succeeded: number | undefined;
  /** Why the last commit failed; undefined: it did not. */
  readonly complaint: string | undefined;
}

export class WatchedStore implements Store {
  readonly #options: WatchedStoreOptions;
  #succeeded: number | undefined;
  #complaint: string | undefined;

  constructor(options: WatchedStoreOptions) {
    this.#options = options;
  }

  get writing(): Writing {
    return { succeeded: this.#succeeded, complaint: this.#complaint };
  }

  get<Row>(table: Table<Row>, key: string): Promise<Row | undefined> {
    return this.#options.store.get(table, key);
  }

  list<Row>(
    table: Table<Row>,
    options?: ListOptions,
  ): Promise<readonly (readonly [key: string, row: Row])[]> {
    return this.#options.store.list(table, options);
  }

  async commit(changes: readonly Change[], options?: CommitOptions): Promise<void> {
    const { store, clock, elapsed, watcher } = this.#options;
    const began = elapsed();
    try {
      await store.commit(changes, options);
      this.#succeeded = clock.now();
      this.#complaint = undefined;
    } catch (error) {
      this.#complaint = error instanceof Error ? error.message : String(error);
      watcher?.(elapsed() - began, true);
      throw error;
    }
    watcher?.(elapsed() - began, false);
  }

  scrub(): Promise<void> {
    return this.#options.store.scrub();
  }

  close(): Promise<void> {
    return this.#options.store.close();
  }
}
