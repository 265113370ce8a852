/**
 * Bodies kept for peers between two blocks: each with a lifetime, so many for a connection, so many octets in all.
 *
 * A value belongs to an owner (request.ts) and stands under the connection that used it last. Where an owner has an
 * identity, its values outlive the connection, and another connection of the same identity may take them over.
 */
import type { Clock } from '../base/clock.ts';
import { type CoapPeer, ownerOf } from './request.ts';

export interface ShelfOptions<V> {
  readonly clock: Clock;
  /** Ms that a value is kept after it was last put or got. */
  readonly lifetime: number;
  /** Values of one connection; the one longest unused goes first. */
  readonly perPeer: number;
  /** Values of an identity whose connections are closed. */
  readonly perIdentity: number;
  /** Octets of all values; the one longest unused goes first, whosever it is. */
  readonly octets: number;
  /** Told of every value that leaves. */
  readonly gone?: (value: V) => void;
}

interface Entry<V> {
  readonly owner: string;
  /** Empty where it is closed. */
  connection: string;
  readonly key: string;
  readonly value: V;
  readonly octets: number;
  expires: number;
}

export class Shelf<V> {
  readonly #options: ShelfOptions<V>;
  /** In order of use, so that what expires first stands first. */
  readonly #entries = new Set<Entry<V>>();
  /** By owner, in order of use. */
  readonly #owners = new Map<string, Set<Entry<V>>>();
  #octets = 0;

  constructor(options: ShelfOptions<V>) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  get octets(): number {
    return this.#octets;
  }

  /** Whether there is anything of the peer's owner, expired or not. */
  has(peer: CoapPeer): boolean {
    return this.#entries.size > 0 && this.#owners.has(ownerOf(peer));
  }

  /** The value under a key that this connection has put or taken over; it counts as used now. */
  get(peer: CoapPeer, key: string): V | undefined {
    const entry = this.#own(peer).find((one) => one.key === key);
    return entry && this.#use(entry, peer);
  }

  /**
   * The value that passes `test`: the only one of this connection, else, for a peer with an identity, the one used
   * last of its other connections, which is this connection's from now on. It counts as used now.
   */
  find(peer: CoapPeer, test: (value: V, key: string) => boolean): V | undefined {
    const own = this.#own(peer).filter((entry) => test(entry.value, entry.key));
    if (own.length > 1) return undefined;
    const entry =
      own[0] ??
      [...(this.#owners.get(ownerOf(peer)) ?? [])]
        .filter(({ connection, value, key }) => connection !== peer.id && test(value, key))
        .at(-1);
    return entry && this.#use(entry, peer);
  }

  /** Puts a value of that many octets in place of the one before; false where it is too large ever to be kept. */
  put(peer: CoapPeer, key: string, value: V, octets: number): boolean {
    const before = this.#own(peer).find((one) => one.key === key);
    if (before?.value === value) this.#remove(before);
    else if (before !== undefined) this.#drop(before);
    if (octets > this.#options.octets) return false;
    const [oldest, ...younger] = this.#own(peer);
    if (oldest !== undefined && younger.length + 1 >= this.#options.perPeer) this.#drop(oldest);
    while (this.#octets + octets > this.#options.octets) {
      const [first] = this.#entries;
      if (first === undefined) break;
      this.#drop(first);
    }
    this.#add({ owner: ownerOf(peer), connection: peer.id, key, value, octets, expires: 0 });
    return true;
  }

  /** Drops a value of the peer, whichever of its connections uses it. */
  drop(peer: CoapPeer, value: V): void {
    for (const entry of this.#owners.get(ownerOf(peer)) ?? []) {
      if (entry.value === value) this.#drop(entry);
    }
  }

  delete(peer: CoapPeer, key: string): void {
    const entry = this.#own(peer).find((one) => one.key === key);
    if (entry !== undefined) this.#drop(entry);
  }

  /** The connection is closed: what a peer without an identity had goes; of others so many values stay. */
  forget(peer: CoapPeer): void {
    const own = this.#own(peer);
    if (peer.identity === undefined) {
      for (const entry of own) this.#drop(entry);
      return;
    }
    for (const entry of own) entry.connection = '';
    const closed = [...(this.#owners.get(ownerOf(peer)) ?? [])].filter(
      ({ connection }) => connection === '',
    );
    const excess = Math.max(0, closed.length - this.#options.perIdentity);
    for (const entry of closed.slice(0, excess)) this.#drop(entry);
  }

  /** Drops what has expired. */
  sweep(): void {
    const now = this.#options.clock.now();
    for (const entry of this.#entries) {
      if (entry.expires > now) return;
      this.#drop(entry);
    }
  }

  clear(): void {
    for (const entry of this.#entries) this.#drop(entry);
  }

  /** What stands under the connection, in order of use. */
  #own(peer: CoapPeer): readonly Entry<V>[] {
    this.sweep();
    return [...(this.#owners.get(ownerOf(peer)) ?? [])].filter(
      ({ connection }) => connection === peer.id,
    );
  }

  #use(entry: Entry<V>, peer: CoapPeer): V {
    this.#remove(entry);
    entry.connection = peer.id;
    this.#add(entry);
    return entry.value;
  }

  #add(entry: Entry<V>): void {
    entry.expires = this.#options.clock.now() + this.#options.lifetime;
    this.#entries.add(entry);
    const own = this.#owners.get(entry.owner);
    if (own === undefined) this.#owners.set(entry.owner, new Set([entry]));
    else own.add(entry);
    this.#octets += entry.octets;
  }

  #remove(entry: Entry<V>): void {
    this.#entries.delete(entry);
    const own = this.#owners.get(entry.owner);
    own?.delete(entry);
    if (own?.size === 0) this.#owners.delete(entry.owner);
    this.#octets -= entry.octets;
  }

  #drop(entry: Entry<V>): void {
    this.#remove(entry);
    this.#options.gone?.(entry.value);
  }
}
