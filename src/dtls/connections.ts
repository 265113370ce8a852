/** Who is connected and who is about to be, by address; with ceilings and lifetimes. */
import type { Address } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Connection } from './connection.ts';
import type { PeerCredential } from './credentials.ts';
import { addressGroup } from './ip.ts';
import type { DtlsLimits, DtlsTimes } from './settings.ts';

/** A connection as the server knows it. */
export interface Entry {
  readonly address: Address;
  /** Of the ClientHello that began it: the same hello again begins nothing. */
  readonly clientRandom: Uint8Array;
  readonly connection: Connection<PeerCredential>;
}

interface Kept {
  readonly entry: Entry;
  used: number;
}

interface Begun {
  readonly entry: Entry;
  /** Milliseconds since 1970. */
  readonly since: number;
}

export interface ConnectionsOptions {
  readonly clock: Clock;
  readonly limits: DtlsLimits;
  readonly times: DtlsTimes;
}

/**
 * An address has at most one connection and one handshake at a time: the connection stays until the handshake is
 * done (RFC 6347 §4.2.8).
 */
export class Connections {
  readonly #options: ConnectionsOptions;
  /** The one that began first, first. */
  readonly #handshakes = new Map<string, Begun>();
  /** The handshakes of each group of addresses, in the same order. */
  readonly #groups = new Map<string, Set<Begun>>();
  /** The one unused for longest first. */
  readonly #established = new Map<string, Kept>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  get size(): { readonly handshakes: number; readonly established: number } {
    return { handshakes: this.#handshakes.size, established: this.#established.size };
  }

  handshake(address: Address): Entry | undefined {
    return this.#handshakes.get(keyOf(address))?.entry;
  }

  established(address: Address): Entry | undefined {
    return this.#established.get(keyOf(address))?.entry;
  }

  /**
   * Why no handshake may begin now; undefined where one may. Idle connections make way, and so do handshakes that
   * hang: whoever begins many and finishes none keeps others out only as long as that takes.
   */
  refusal(address: Address): string | undefined {
    const { limits } = this.#options;
    // The handshake at the same address makes way for the new one.
    const replaced = this.#handshakes.has(keyOf(address)) ? 1 : 0;
    const group = this.#groups.get(addressGroup(address.address)) ?? new Set();
    if (group.size - replaced >= limits.halfOpenPerAddress && !this.#giveUp(group)) {
      return 'too many handshakes from one address';
    }
    const begun = this.#handshakes.size - replaced;
    if (begun >= limits.halfOpen && !this.#giveUp(this.#handshakes.values())) {
      return 'too many handshakes';
    }
    const all = this.#handshakes.size - replaced + this.#established.size;
    if (all >= limits.connections && !this.#evict()) return 'too many connections';
    return undefined;
  }

  begin(entry: Entry): void {
    const begun = { entry, since: this.#options.clock.now() };
    this.#handshakes.set(keyOf(entry.address), begun);
    const group = addressGroup(entry.address.address);
    this.#groups.set(group, (this.#groups.get(group) ?? new Set()).add(begun));
  }

  /** The handshake is done; gives the connection that it takes the place of. */
  establish(entry: Entry): Entry | undefined {
    this.#removeHandshake(entry);
    const key = keyOf(entry.address);
    const replaced = this.#established.get(key)?.entry;
    this.#established.delete(key);
    this.#established.set(key, { entry, used: this.#options.clock.now() });
    return replaced;
  }

  /** The connection was heard of. */
  touch(entry: Entry): void {
    const key = keyOf(entry.address);
    const kept = this.#established.get(key);
    if (kept?.entry !== entry) return;
    kept.used = this.#options.clock.now();
    this.#established.delete(key);
    this.#established.set(key, kept);
  }

  remove(entry: Entry): void {
    const key = keyOf(entry.address);
    this.#removeHandshake(entry);
    if (this.#established.get(key)?.entry === entry) this.#established.delete(key);
  }

  /** Ends connections that were not heard of for too long. */
  sweep(): void {
    const oldest = this.#idleFor(this.#options.times.idle);
    if (oldest === undefined) return;
    oldest.connection.end('idle for too long');
    this.sweep();
  }

  all(): readonly Entry[] {
    const established = [...this.#established.values()].map(({ entry }) => entry);
    return [...[...this.#handshakes.values()].map(({ entry }) => entry), ...established];
  }

  /** Ends the first of these handshakes if it has taken too long; says whether it did. */
  #giveUp([first]: Iterable<Begun>): boolean {
    const { clock, times } = this.#options;
    if (first === undefined || clock.now() - first.since < times.hanging) return false;
    const reason = 'made way for another handshake';
    first.entry.connection.end(reason, new Error(reason));
    return true;
  }

  #evict(): boolean {
    const oldest = this.#idleFor(this.#options.times.evictable);
    oldest?.connection.end('made way for another connection');
    return oldest !== undefined;
  }

  /** The connection unused for longest, if it was for so long. */
  #idleFor(milliseconds: number): Entry | undefined {
    const [first] = this.#established.values();
    if (first === undefined) return undefined;
    return this.#options.clock.now() - first.used >= milliseconds ? first.entry : undefined;
  }

  #removeHandshake(entry: Entry): void {
    const key = keyOf(entry.address);
    const begun = this.#handshakes.get(key);
    if (begun?.entry !== entry) return;
    this.#handshakes.delete(key);
    const group = addressGroup(entry.address.address);
    const others = this.#groups.get(group);
    others?.delete(begun);
    if (others?.size === 0) this.#groups.delete(group);
  }
}

function keyOf({ address, port }: Address): string {
  return `${address}|${port}`;
}
