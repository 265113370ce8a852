/** Bodies kept for peers between two blocks: each with a lifetime, so many for a peer, so many octets in all. */
import type { Clock } from '../base/clock.ts';

export interface ShelfOptions {
  readonly clock: Clock;
  /** Ms that a value is kept after it was last put or got. */
  readonly lifetime: number;
  /** Values of one peer; the one longest unused goes first. */
  readonly perPeer: number;
  /** Octets of all values; the one longest unused goes first, whosever it is. */
  readonly octets: number;
}

interface Entry<V> {
  readonly peer: string;
  readonly key: string;
  readonly value: V;
  readonly octets: number;
  expires: number;
}

export class Shelf<V> {
  readonly #options: ShelfOptions;
  /** In order of use, so that what expires first stands first. */
  readonly #entries = new Set<Entry<V>>();
  /** By peer, then key, in order of use. */
  readonly #peers = new Map<string, Map<string, Entry<V>>>();
  #octets = 0;

  constructor(options: ShelfOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  get octets(): number {
    return this.#octets;
  }

  /** The value, which counts as used now. */
  get(peer: string, key: string): V | undefined {
    this.sweep();
    const entry = this.#peers.get(peer)?.get(key);
    if (entry === undefined) return undefined;
    this.#add(this.#remove(entry));
    return entry.value;
  }

  /** Keys and values of a peer; looking does not count as use. */
  of(peer: string): readonly (readonly [key: string, value: V])[] {
    this.sweep();
    return [...(this.#peers.get(peer)?.values() ?? [])].map((entry) => [entry.key, entry.value]);
  }

  /** Puts a value of that many octets in place of the one before; false where it is too large ever to be kept. */
  put(peer: string, key: string, value: V, octets: number): boolean {
    this.sweep();
    this.delete(peer, key);
    if (octets > this.#options.octets) return false;
    const own = this.#peers.get(peer);
    if (own !== undefined && own.size >= this.#options.perPeer) this.#removeFirst(own.values());
    while (this.#octets + octets > this.#options.octets) this.#removeFirst(this.#entries);
    this.#add({ peer, key, value, octets, expires: 0 });
    return true;
  }

  delete(peer: string, key: string): void {
    const entry = this.#peers.get(peer)?.get(key);
    if (entry !== undefined) this.#remove(entry);
  }

  forget(peer: string): void {
    for (const entry of this.#peers.get(peer)?.values() ?? []) this.#remove(entry);
  }

  /** Drops what has expired. */
  sweep(): void {
    const now = this.#options.clock.now();
    for (const entry of this.#entries) {
      if (entry.expires > now) return;
      this.#remove(entry);
    }
  }

  #add(entry: Entry<V>): void {
    entry.expires = this.#options.clock.now() + this.#options.lifetime;
    this.#entries.add(entry);
    const own = this.#peers.get(entry.peer);
    if (own === undefined) this.#peers.set(entry.peer, new Map([[entry.key, entry]]));
    else own.set(entry.key, entry);
    this.#octets += entry.octets;
  }

  #remove(entry: Entry<V>): Entry<V> {
    this.#entries.delete(entry);
    const own = this.#peers.get(entry.peer);
    own?.delete(entry.key);
    if (own?.size === 0) this.#peers.delete(entry.peer);
    this.#octets -= entry.octets;
    return entry;
  }

  #removeFirst(entries: Iterable<Entry<V>>): void {
    for (const entry of entries) {
      this.#remove(entry);
      return;
    }
  }
}
