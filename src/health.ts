/**
 * Whether this eIM can do its work: the store takes writes, devices are listened for, and no stop has begun. What it
 * asks of the store is a row of its own, and only where no other commit has told lately.
 *
 * ```
 *   health!probe    {"at":…}    when it was written last
 * ```
 */
import type { Clock } from './base/clock.ts';
import type { Log } from './base/log.ts';
import type { Readiness } from './base/running-facts.ts';
import { put, table } from './store/store.ts';
import type { WatchedStore } from './store/watched.ts';

interface Probe {
  readonly at: number;
}

const probes = table<Probe>('health');

/** How long a commit that went well speaks for the store, in milliseconds. */
const fresh = 5000;
/** How long one waits for a commit, in milliseconds: a disk that hangs is none. */
const patience = 5000;
/** What anybody is told of a store that is not: why, with folders and the system's own words, is for the log. */
const unwritten = 'cannot be written: the log says why';

export interface HealthOptions {
  readonly store: WatchedStore;
  readonly clock: Clock;
  readonly log: Log;
}

export class Health {
  readonly #options: HealthOptions;
  #listening = false;
  #stopping = false;
  #probing: Promise<string> | undefined;
  /** What the log has been told of the store. */
  #told: string | undefined;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** The sockets for devices are bound, or no longer. */
  listens(listening: boolean): void {
    this.#listening = listening;
  }

  /** A stop has begun. */
  stops(): void {
    this.#stopping = true;
  }

  async readiness(): Promise<Readiness> {
    const checks = {
      store: this.#publicly(await this.#store()),
      coaps: this.#listening ? 'ok' : 'not listening',
      stopping: this.#stopping ? 'stopping' : 'ok',
    };
    return { ready: Object.values(checks).every((check) => check === 'ok'), checks };
  }

  /** Tells the log, once, what is wrong with the store, and that it no longer is. */
  #publicly(store: string): string {
    const { log } = this.#options;
    const why = store === 'ok' ? undefined : store;
    if (why !== undefined && why !== this.#told) log.warn('not ready: the store', { why });
    if (why === undefined && this.#told !== undefined) log.info('the store can be written again');
    this.#told = why;
    return why === undefined ? 'ok' : unwritten;
  }

  /** `ok`, or what its last commit failed of. */
  #store(): Promise<string> {
    const { store, clock } = this.#options;
    const { succeeded, complaint } = store.writing;
    const age = clock.now() - (succeeded ?? Number.NEGATIVE_INFINITY);
    if (complaint === undefined && age >= 0 && age < fresh) return Promise.resolve('ok');
    if (this.#stopping) return Promise.resolve(complaint ?? 'ok');
    this.#probing ??= this.#probe().finally(() => {
      this.#probing = undefined;
    });
    return this.#probing;
  }

  async #probe(): Promise<string> {
    const { store, clock } = this.#options;
    const written = store
      .commit([put(probes, 'probe', { at: clock.now() })])
      .then(() => 'ok')
      .catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    let cancel = (): void => {};
    const late = new Promise<string>((resolve) => {
      cancel = clock.after(patience, () => resolve(`not written within ${patience / 1000} s`));
    });
    return Promise.race([written, late]).finally(() => cancel());
  }
}
