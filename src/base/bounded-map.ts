/** A Map with a ceiling and a lifetime, on a Clock: for everything that waits on a peer. */
import type { Clock } from './clock.ts';

interface Entry<V> {
  value: V;
  expires: number;
}

export interface BoundedMapOptions<K, V> {
  readonly clock: Clock;
  /** Most entries at a time; the one unused for longest goes first. */
  readonly ceiling: number;
  /** Milliseconds that an entry lives after it was last set or got. */
  readonly lifetime: number;
  /** Told of every entry that leaves by ceiling or lifetime (not by `delete`). */
  readonly gone?: (key: K, value: V, why: 'ceiling' | 'lifetime') => void;
}

/**
 * Entries are kept in order of use, so that expired ones are at the front: each call sweeps those away and costs
 * no timer.
 */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, Entry<V>>();
  readonly #options: BoundedMapOptions<K, V>;

  constructor(options: BoundedMapOptions<K, V>) {
    this.#options = options;
  }

  get size(): number {
    this.sweep();
    return this.#entries.size;
  }

  /** The value, which counts as used now; undefined where there is none or it has expired. */
  get(key: K): V | undefined {
    this.sweep();
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    entry.expires = this.#options.clock.now() + this.#options.lifetime;
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: K, value: V): void {
    this.sweep();
    this.#entries.delete(key);
    this.#entries.set(key, {
      value,
      expires: this.#options.clock.now() + this.#options.lifetime,
    });
    if (this.#entries.size > this.#options.ceiling) {
      const [oldest] = this.#entries;
      if (oldest !== undefined) this.#leave(oldest[0], oldest[1].value, 'ceiling');
    }
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  *values(): Iterable<V> {
    this.sweep();
    for (const entry of this.#entries.values()) yield entry.value;
  }

  /** Drops what has expired. */
  sweep(): void {
    const now = this.#options.clock.now();
    for (const [key, entry] of this.#entries) {
      if (entry.expires > now) return;
      this.#leave(key, entry.value, 'lifetime');
    }
  }

  #leave(key: K, value: V, why: 'ceiling' | 'lifetime'): void {
    this.#entries.delete(key);
    this.#options.gone?.(key, value, why);
  }
}
