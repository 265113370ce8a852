/**
 * All established connections of a server: awake as objects, asleep as octets, and beyond in the store. Whoever asks
 * for one gets it awake.
 *
 *                 idle                      too many
 *      awake ─────────────▶ asleep ─────────────────────▶ store alone (or the end, without a store)
 *        ▲  ◀─────────────    │                             │
 *        │   next record      ▼                             │
 *        │                   end: idle for too long         │
 *        └──────────────────────────────────────────────────┘  next record, also after a restart
 */
import { type Address, addressText } from '../base/address.ts';
import { toHex } from '../base/bytes.ts';
import type { Cancel } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { Asleep, keyOfAddress, keyOfCid, standingOf } from './asleep.ts';
import { Connection, type ConnectionSettings } from './connection.ts';
import { Connections } from './connections.ts';
import type { PeerCredential } from './credentials.ts';
import { DoneHellos } from './done-hellos.ts';
import { addressGroup } from './ip.ts';
import {
  type KeptConnection,
  packConnection,
  peerIdLength,
  unpackConnection,
} from './kept-connection.ts';
import { type KeyName, keyOfName, nameOfKey } from './key-names.ts';
import type { PacedLog } from './paced-log.ts';
import type { DtlsPeer } from './server.ts';
import { type ConnectionHost, ServerConnection } from './server-connection.ts';
import type { DtlsLimits, DtlsTimes } from './settings.ts';
import { Strangers } from './strangers.ts';
import type { Vault } from './vault.ts';

export interface RosterOptions {
  readonly settings: ConnectionSettings;
  readonly limits: DtlsLimits;
  readonly times: DtlsTimes;
  readonly random: Random;
  /** Absent: connections end with the process. */
  readonly vault: Vault | undefined;
  /** For what strangers can have written. */
  readonly paced: PacedLog;
  /** Whether what a peer proved at that time, in milliseconds since 1970, still holds. */
  admits(credential: PeerCredential, since: number): boolean;
  send(datagram: Uint8Array, to: Address): void;
  deliver(peer: DtlsPeer, data: Uint8Array): void;
  opened(peer: DtlsPeer): void;
  closed(peer: DtlsPeer, reason: string): void;
  /** A session must not be resumed any more. */
  forgetSession(name: Uint8Array): void;
}

/** A connection as it is kept, and under what. */
export interface Known {
  readonly state: 'awake' | 'asleep';
  readonly kept: KeptConnection;
}

/**
 * So many hellos are remembered, for as long as their cookies are good: one that is forgotten sooner begins a handshake
 * that nobody goes on with.
 */
const mostHellos = 16_384;

/** Milliseconds between two looks at those asleep: each unpacks the oldest, which is too much for every datagram. */
const lookEvery = 1000;

export class Roster implements ConnectionHost {
  readonly keeps: boolean;
  readonly awake: Connections;
  readonly #options: RosterOptions;
  readonly #asleep: Asleep;
  readonly #strangers: Strangers<KeyName>;
  readonly #park: number;
  readonly #done: DoneHellos;
  /** Those that go to sleep once their own rows say all of them. */
  readonly #tired = new Set<ServerConnection>();
  #alarm: Cancel | undefined;
  /** When `sweep` looked at those asleep last. */
  #looked = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: RosterOptions) {
    const { limits, times, random, vault, settings } = options;
    this.#options = options;
    this.keeps = vault !== undefined;
    this.awake = new Connections(limits, times);
    this.#strangers = new Strangers(limits.strangersPerAddress);
    const [a = 0, b = 0, c = 0, d = 0] = random(4);
    const seed = (a << 24) | (b << 16) | (c << 8) | d;
    this.#asleep = new Asleep(seed);
    this.#park = Math.min(times.park, times.evictable, times.idle);
    const lifetime = 2 * times.cookieKey;
    this.#done = new DoneHellos({ clock: settings.clock, ceiling: mostHellos, lifetime, seed });
  }

  /** Established connections in memory, and the octets of those asleep. */
  get sizes(): { readonly awake: number; readonly asleep: number; readonly asleepOctets: number } {
    const { size, octets } = this.#asleep;
    return { awake: this.awake.established, asleep: size, asleepOctets: octets };
  }

  /** Why no handshake may begin now; undefined where one may. */
  refusal(address: Address): string | undefined {
    const { connections } = this.#options.limits;
    if (this.#inMemory() + this.awake.handshakes >= connections && !this.#canMakeRoom()) {
      const running = this.awake.handshakeAt(address);
      if (running === undefined || this.#inMemory() + this.awake.handshakes > connections) {
        return 'too many connections';
      }
    }
    return this.awake.refusal(address, this.now());
  }

  /** A connection that is about to be, and what does its work. */
  begin(
    address: Address,
    clientRandom: Uint8Array,
    start: { readonly due: number; readonly firstRecord: number },
  ): { connection: ServerConnection; work: Connection<PeerCredential> } {
    const id = this.#options.random(peerIdLength);
    const connection = new ServerConnection(this, id, address, { clientRandom });
    const work = new Connection<PeerCredential>(this.#options.settings, connection, start);
    connection.attach(work);
    this.awake.begin(connection);
    return { connection, work };
  }

  /** Whether the hello with this random from there has had its handshake, and its cookie may still be good. */
  isDone(clientRandom: Uint8Array, from: Address): boolean {
    return this.#done.has(clientRandom, from);
  }

  /** The records with this connection ID are from now on of the connection that is about to be. */
  claim(cid: Uint8Array, connection: ServerConnection): void {
    connection.key = keyOfCid(cid);
    this.awake.claim(connection);
  }

  /**
   * The connection with this connection ID, or the one without any at this address; from sleep where it is asleep, and
   * then it sleeps on until its first authentic record. Undefined: none in memory.
   */
  find(cid: Uint8Array | undefined, address: Address): ServerConnection | undefined {
    if (cid !== undefined) {
      return this.awake.withCid(cid) ?? this.#restored(keyOfCid(cid));
    }
    const awake = this.awake.establishedAt(address);
    if (awake !== undefined || this.#asleep.size === 0) return awake;
    return this.#restored(keyOfAddress(address));
  }

  /** The connection under the key, out of the store. It is known to nobody until its first authentic record. */
  async findLater(key: Uint8Array): Promise<ServerConnection | undefined> {
    const octets = await this.#options.vault?.load(key);
    if (octets === undefined) return undefined;
    const kept = await this.#options.vault?.upToDate(key, unpackConnection(octets));
    if (kept === undefined || this.#closed) return undefined;
    const { times, settings } = this.#options;
    const idle = settings.clock.now() - kept.lastContact >= times.idle;
    if (idle || !this.#options.admits(kept.credential, kept.began)) {
      this.#options.vault?.delete(key);
      return undefined;
    }
    return this.#restore(key, kept);
  }

  /** The connection with this key and id, awake, also out of the store. */
  async recall(key: Uint8Array, id: string): Promise<ServerConnection | undefined> {
    const known = this.wake(key, id);
    if (known !== undefined || this.holds(key)) return known;
    const found = await this.findLater(key);
    if (found === undefined || found.id !== id) return undefined;
    if (this.holds(key)) return this.wake(key, id); // it came to life meanwhile
    this.#rouse(found);
    return found;
  }

  /**
   * Has the store say by each connection's own row what former runs noted of it: behind the work, for that takes a
   * while. Rejects where the store cannot be read.
   */
  async workInNotes(): Promise<void> {
    const { vault } = this.#options;
    const notes = await vault?.former();
    if (vault === undefined || notes === undefined || notes.rows.length === 0) return;
    if (notes.incomplete) {
      const held = (key: Uint8Array) => this.holds(key);
      await vault.sweep(Number.NEGATIVE_INFINITY, held, (key) => this.forgotten(key));
    }
    await vault.workIn((key, octets) => {
      const kept = notes.upToDate(key, unpackConnection(octets));
      if (kept === undefined) return 'as it is';
      return { octets: packConnection(kept), lastContact: kept.lastContact };
    });
  }

  /** The store has let go of the connection under this key. */
  forgotten(key: Uint8Array): void {
    this.#strangers.delete(nameOfKey(key));
  }

  /** Whether a connection with this key is in memory. */
  holds(key: Uint8Array): boolean {
    return this.#asleep.has(key) || this.awake.withKey(key) !== undefined;
  }

  /** Every connection in memory, in no order that means anything; the ones asleep first. */
  *known(): Iterable<Known> {
    for (const [, kept] of this.#asleep.entries()) yield { state: 'asleep', kept };
    for (const connection of this.awake.all()) {
      const kept = connection.keep();
      if (kept !== undefined) yield { state: 'awake', kept };
    }
  }

  /** Ends the connections that `match`; gives how many. Those asleep are not told. */
  end(match: (id: string, credential: PeerCredential) => boolean, reason: string): number {
    const awake = [...this.awake.all()].filter(({ id, credential }) => match(id, credential));
    for (const { connection } of awake) connection?.close(reason);
    const asleep = [...this.#asleep.entries()].filter(([, { id, credential }]) =>
      match(toHex(id), credential),
    );
    for (const [key, kept] of asleep) this.#endAsleep(key, kept, reason);
    return awake.length + asleep.length;
  }

  /** Puts idle connections to sleep, and ends those that were not heard of for too long. */
  sweep(): void {
    const now = this.#options.settings.clock.now();
    const { oldest } = this.awake;
    // As a rule there is nothing to do, and this is asked with each datagram.
    if (oldest !== undefined) {
      const isIdle = now - oldest.lastContact >= this.#park;
      if (isIdle || this.awake.established > this.#options.limits.awake) this.#sweepAwake(now);
    }
    if (Math.abs(now - this.#looked) < lookEvery) return;
    this.#looked = now;
    for (const standing of ['anonymous', 'proved'] as const) {
      for (;;) {
        const oldest = this.#asleep.oldest(standing);
        if (oldest === undefined || now - oldest.kept.lastContact < this.#options.times.idle) break;
        this.#endAsleep(oldest.key, oldest.kept, 'idle for too long');
      }
    }
  }

  #sweepAwake(now: number): void {
    const { limits, times, vault } = this.#options;
    let excess = this.awake.established - limits.awake;
    for (const connection of this.awake.all()) {
      const many = excess > 0;
      if (!many && now - connection.lastContact < this.#park) break;
      excess--;
      if (now - connection.lastContact >= times.idle) {
        connection.connection?.end('idle for too long');
        continue;
      }
      const isAtRest = many || connection.connection?.lingers !== true;
      if (!connection.isQuiet || !isAtRest) continue;
      // It sleeps when its own row says all of it: what is asleep or in the store alone has no journal.
      if (vault?.isAhead(connection) !== true) this.#layDown(connection);
      else if (!this.#tired.has(connection)) {
        this.#tired.add(connection);
        vault.save(connection);
      }
    }
  }

  /** Lets go of all connections and tells nobody. What is to be kept is in the store when it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#alarm?.();
    for (const connection of this.awake.handshaking()) connection.connection?.end('server closed');
    const { vault } = this.#options;
    const awake = [...this.awake.all()];
    if (vault === undefined) {
      for (const { connection } of awake) connection?.end('server closed');
      return;
    }
    for (const connection of awake) vault.save(connection);
    vault.endJournal();
    await vault.settled();
    for (const connection of awake) connection.forget();
  }

  // ConnectionHost

  now(): number {
    return this.#options.settings.clock.now();
  }

  send(datagram: Uint8Array, to: Address): void {
    this.#options.send(datagram, to);
  }

  deliver(connection: ServerConnection, data: Uint8Array): void {
    this.#options.deliver(connection, data);
  }

  established(connection: ServerConnection): void {
    const { settings, opened } = this.#options;
    const { hasCid, address } = connection;
    const clientRandom = connection.takeClientRandom();
    if (clientRandom !== undefined) this.#done.add(clientRandom, address);
    if (!hasCid) connection.keyName = this.awake.keyNameAt(address);
    if (!this.#makeRoom(connection)) {
      connection.connection?.close('too many connections');
      return;
    }
    this.#replace(this.awake.establish(connection), connection);
    if (!hasCid && this.#asleep.size > 0) this.#asleep.delete(connection.key);
    this.#count(connection);
    settings.log.debug('connected', () => ({
      address: addressText(address),
      peer: connection.id,
    }));
    if (this.keeps) this.save(connection);
    this.#arm();
    opened(connection);
  }

  heard(connection: ServerConnection): void {
    if (this.#strangers.size > 0) this.#strangers.touch(connection.keyName);
    if (this.#isAwake(connection)) this.awake.touch(connection);
    else this.#rouse(connection);
  }

  moved(connection: ServerConnection, from: Address): void {
    this.awake.move(connection, from);
    this.#options.settings.log.debug('moved', () => ({
      peer: connection.id,
      from: addressText(from),
      to: addressText(connection.address),
    }));
  }

  ended(connection: ServerConnection, reason: string, error?: Error): void {
    const { settings, closed, vault, paced } = this.#options;
    const { log } = settings;
    const { wasEstablished } = connection;
    this.awake.remove(connection);
    this.#tired.delete(connection);
    vault?.forget(connection);
    if (wasEstablished) {
      if (!this.#hasOther(connection)) {
        this.#strangers.delete(connection.keyName);
        vault?.delete(connection.key);
      }
      // RFC 5246 §7.2.2: a fatal alert ends the session, too.
      if (error !== undefined && connection.session !== undefined) {
        this.#options.forgetSession(connection.session);
      }
      log.debug('disconnected', () => ({
        address: addressText(connection.address),
        peer: connection.id,
        reason,
      }));
      closed(connection, reason);
    } else if (error !== undefined) {
      const address = addressText(connection.address);
      paced.info('handshake failed', { address, reason });
    }
    if (this.awake.established === 0) this.#disarm();
  }

  save(connection: ServerConnection): void {
    if (!this.#closed) this.#options.vault?.save(connection);
  }

  note(connection: ServerConnection): void {
    if (!this.#closed) this.#options.vault?.note(connection);
  }

  saved(connection: ServerConnection): void {
    if (this.#tired.size === 0 || !this.#tired.delete(connection)) return;
    if (this.#closed || !this.#isAwake(connection)) return;
    // Unless it was heard of meanwhile.
    if (!connection.isQuiet || this.#options.vault?.isAhead(connection) === true) return;
    const { limits } = this.#options;
    const isIdle = this.now() - connection.lastContact >= this.#park;
    if (isIdle || this.awake.established > limits.awake) this.#layDown(connection);
  }

  wake(key: Uint8Array, id: string): ServerConnection | undefined {
    const awake = this.awake.withKey(key);
    const found = awake ?? this.#restored(key);
    if (found === undefined || found.id !== id) return undefined;
    if (awake === undefined) this.#rouse(found);
    return found;
  }

  /** Connections in memory. */
  #inMemory(): number {
    return this.awake.established + this.#asleep.size;
  }

  /** Whether another connection with its key is in memory. */
  #hasOther(connection: ServerConnection): boolean {
    if (this.awake.withKeyName(connection.keyName) !== undefined) return true;
    return this.#asleep.size > 0 && this.#asleep.has(connection.key);
  }

  #isAwake(connection: ServerConnection): boolean {
    return this.awake.isEstablished(connection);
  }

  #restored(key: Uint8Array): ServerConnection | undefined {
    const kept = this.#asleep.get(key);
    return kept === undefined ? undefined : this.#restore(key, kept);
  }

  #restore(key: Uint8Array, kept: KeptConnection): ServerConnection {
    const connection = new ServerConnection(this, kept.id, kept.address, { kept });
    connection.key = key;
    connection.attach(new Connection(this.#options.settings, connection, { kept: kept.state }));
    return connection;
  }

  /** It is awake from here on. */
  #rouse(connection: ServerConnection): void {
    this.#asleep.delete(connection.key);
    const before = this.awake.establish(connection);
    // It came back to an address where another one is by now; that one is found by its connection ID, or makes way.
    if (before !== undefined && before !== connection && !before.hasCid) {
      if (!connection.hasCid) before.connection?.end('another connection at its address');
    }
    this.#arm();
  }

  #layDown(connection: ServerConnection): void {
    const kept = connection.keep();
    this.awake.remove(connection);
    connection.sleep();
    if (kept !== undefined) this.#asleep.put(connection.key, kept);
    if (this.awake.established === 0) this.#disarm();
  }

  /** The client whose connection was at this address has begun another: by RFC 6347 §4.2.8, or it is another client. */
  #replace(before: ServerConnection | undefined, connection: ServerConnection): void {
    if (before === undefined || before === connection) return;
    const same = sameCredential(before.credential, connection.credential);
    if (!before.hasCid || same) before.connection?.end('the client connected anew');
  }

  #endAsleep(key: Uint8Array, kept: KeptConnection, reason: string): void {
    this.#asleep.delete(key);
    const connection = this.#restore(key, kept);
    connection.connection?.end(reason);
  }

  /** Whether some connection would make way for a new one, if that proves who it is. */
  #canMakeRoom(): boolean {
    return this.keeps || this.#strangers.size > 0 || this.#evictable('proved');
  }

  /** Of one that proved nothing, whether another of its address has to make way. */
  #count(connection: ServerConnection): void {
    const { keyName, credential, address } = connection;
    if (standingOf(credential) === 'proved') return;
    const before = this.#strangers.add(keyName, addressGroup(address.address));
    if (before === undefined) return;
    const key = keyOfName(before);
    const found = this.awake.withKey(key) ?? this.#restored(key);
    this.#asleep.delete(key);
    if (found === undefined) this.#options.vault?.delete(key);
    else found.connection?.end('made way for another connection from its address');
  }

  #evictable(standing: 'anonymous' | 'proved'): boolean {
    const oldest = this.#asleep.oldest(standing);
    if (oldest === undefined) return false;
    return this.now() - oldest.kept.lastContact >= this.#options.times.evictable;
  }

  /**
   * Makes room for one more. A peer that proved nothing displaces only such as itself; one that the owner knows
   * displaces those first, and in need even such as are not idle.
   */
  #makeRoom(newcomer: ServerConnection): boolean {
    if (this.#inMemory() < this.#options.limits.connections) return true;
    const proved = standingOf(newcomer.credential) === 'proved';
    if (this.#evictable('anonymous')) return this.#evict('anonymous');
    if (proved && this.#evictable('proved')) return this.#evict('proved');
    if (this.keeps && this.#evict('anonymous')) return true; // to the store, which loses nothing
    if (proved && (this.keeps ? this.#evict('proved') : this.#evict('anonymous'))) return true;
    return this.keeps;
  }

  #evict(standing: 'anonymous' | 'proved'): boolean {
    const oldest = this.#asleep.oldest(standing);
    if (oldest === undefined) return standing === 'anonymous' && !this.keeps && this.#evictAwake();
    if (this.keeps) this.#asleep.delete(oldest.key);
    else this.#endAsleep(oldest.key, oldest.kept, 'made way for another connection');
    return true;
  }

  /** Ends the one unused for longest of those awake that proved nothing. */
  #evictAwake(): boolean {
    for (const { credential, connection } of this.awake.all()) {
      if (standingOf(credential) === 'proved') continue;
      connection?.end('made way for another connection');
      return true;
    }
    return false;
  }

  #arm(): void {
    if (this.#alarm !== undefined || this.#closed) return;
    this.#alarm = this.#options.settings.clock.after(this.#park, () => {
      this.#alarm = undefined;
      this.sweep();
      if (this.awake.established > 0) this.#arm();
    });
  }

  #disarm(): void {
    this.#alarm?.();
    this.#alarm = undefined;
  }
}

function sameCredential(a: PeerCredential, b: PeerCredential): boolean {
  if (a.type === 'anonymous' || b.type === 'anonymous') return false;
  return a.type === b.type && a.identity === b.identity;
}
