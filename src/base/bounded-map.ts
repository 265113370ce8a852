/** A Map with a ceiling and a lifetime, on a Clock: for everything that waits on a peer. */
import type { Clock } from './clock.ts';
import { type InOrder, UseOrder } from './use-order.ts';

class Entry<K, V> implements InOrder<Entry<K, V>> {
  readonly key: K;
  value: V;
  expires = 0;
  older: Entry<K, V> | undefined;
  newer: Entry<K, V> | undefined;

  constructor(key: K, value: V) {
    this.key = key;
    this.value = value;
  }
}

export interface BoundedMapOptions<K, V> {
  readonly clock: Clock;
  /** Most entries at a time; the one unused for longest goes first. */
  readonly ceiling: number;
  /** Milliseconds that an entry lives after it was last set or got. */
  readonly lifetime: number;
  /** Uses within so many milliseconds count as the first of them, which spares the later ones their work. Default 0: each counts. */
  readonly sameUse?: number;
  /** Told of every entry that leaves by ceiling or lifetime (not by `delete`). */
  readonly gone?: (key: K, value: V, why: 'ceiling' | 'lifetime') => void;
}

/**
 * Entries are kept in order of use, so that expired ones are at the front: each call sweeps those away and costs
 * no timer.
 */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, Entry<K, V>>();
  readonly #order = new UseOrder<Entry<K, V>>();
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
    const now = this.#sweep();
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#use(entry, now);
    return entry.value;
  }

  set(key: K, value: V): void {
    const now = this.#sweep();
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.value = value;
      this.#use(known, now);
      return;
    }
    const entry = new Entry(key, value);
    this.#entries.set(key, entry);
    this.#use(entry, now);
    const { oldest } = this.#order;
    if (this.#entries.size > this.#options.ceiling && oldest !== undefined) {
      this.#leave(oldest, 'ceiling');
    }
  }

  delete(key: K): boolean {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#order.delete(entry);
    return this.#entries.delete(key);
  }

  *values(): Iterable<V> {
    this.sweep();
    for (const { value } of this.#order) yield value;
  }

  /** Drops what has expired. */
  sweep(): void {
    this.#sweep();
  }

  /** The same; gives the time. */
  #sweep(): number {
    const now = this.#options.clock.now();
    for (;;) {
      const { oldest } = this.#order;
      if (oldest === undefined || oldest.expires > now) return now;
      this.#leave(oldest, 'lifetime');
    }
  }

  #use(entry: Entry<K, V>, now: number): void {
    const { lifetime, sameUse = 0 } = this.#options;
    const since = now - (entry.expires - lifetime);
    if (since >= 0 && since < sameUse) return;
    entry.expires = now + lifetime;
    this.#order.use(entry);
  }

  #leave(entry: Entry<K, V>, why: 'ceiling' | 'lifetime'): void {
    this.#order.delete(entry);
    this.#entries.delete(entry.key);
    this.#options.gone?.(entry.key, entry.value, why);
  }
}
