/**
 * A DTLS 1.2 server (RFC 6347): datagrams in, the peers' data out. This is the door: it finds whose a record is, and
 * asks strangers for a cookie first.
 *
 *   client                          server
 *   ClientHello            ------->                        flight 1
 *                          <-------  HelloVerifyRequest    flight 2: here, and nothing is kept
 *   ClientHello + cookie   ------->                        flight 3: a Connection begins
 *                          <-------  ServerHello …         flight 4: handshake.ts
 *   ClientKeyExchange … Finished ->                        flight 5
 *                          <-------  … Finished            flight 6
 *   application data       <------>  application data
 *
 * It is given a way to send, credentials, time and chance, and holds no socket.
 */
import { hkdfSync } from 'node:crypto';
import type { Address } from '../base/address.ts';
import { Alarms } from '../base/alarms.ts';
import { equal, hex, utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { ConnectionFacts } from '../base/connection-facts.ts';
import { HeldClock } from '../base/held-clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Stock } from '../base/stock.ts';
import { AwaitedRecords, unknownConnection } from './awaited-records.ts';
import { Ccm } from './ccm.ts';
import type { CipherSuiteName } from './cipher-suites.ts';
import { factsOf, notAuthentic } from './connection-facts.ts';
import { type Cids, TaggedCids } from './connection-id.ts';
import type { ConnectionStore } from './connection-store.ts';
import type { Cookies } from './cookie.ts';
import type { DtlsCredentials, PeerCredential } from './credentials.ts';
import { FlightPacker } from './flight.ts';
import { HelloReception } from './hello-reception.ts';
import { HandshakeType } from './messages/handshake-message.ts';
import type { NamedGroupName } from './named-groups.ts';
import { PacedLog } from './paced-log.ts';
import { PskFailures } from './psk-failures.ts';
import { ContentType, type DtlsRecord, readRecords } from './record.ts';
import { Roster } from './roster.ts';
import type { From, ServerConnection } from './server-connection.ts';
import { type ResumptionSettings, Sessions } from './sessions.ts';
import {
  type DtlsLimits,
  type DtlsTimes,
  defaultLimits,
  defaultMtu,
  defaultTimes,
} from './settings.ts';
import { ticketKeysKey } from './ticket-keys.ts';
import { Vault } from './vault.ts';

/** An established connection, as the room above sees it. */
export interface DtlsPeer {
  /** Of the connection: random, and the same for its whole life. */
  readonly id: string;
  /** By which `recall` finds the connection again, also after a restart. It changes where the address is all there is. */
  readonly handle: string;
  readonly address: Address;
  /** Who the peer proved to be. */
  readonly credential: PeerCredential;
  /** Octets of data that fit one datagram. */
  readonly maxPayload: number;
  /**
   * Octets of data that may leave now: maxPayload, or less while nothing but one record has shown the peer to be at its
   * address. What is longer is dropped.
   */
  readonly allowance: number;
  /** One record of application data in one datagram. */
  send(data: Uint8Array): void;
  close(): void;
}

export interface DtlsServerOptions {
  readonly credentials: DtlsCredentials;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** In the order of preference. */
  readonly suites?: readonly CipherSuiteName[];
  /** For ECDHE; of several the client's order decides. */
  readonly groups?: readonly NamedGroupName[];
  /** Octets of a datagram at most. */
  readonly mtu?: number;
  readonly limits?: Partial<DtlsLimits>;
  readonly times?: Partial<DtlsTimes>;
  /** Absent: no connection IDs. */
  readonly connectionIds?: {
    /** Octets of each. */
    readonly length: number;
    /** The first octets of each: the node's, in a cluster. */
    readonly prefix?: Uint8Array;
    /** Whether the code points of the drafts are answered. Default: no. */
    readonly drafts?: boolean;
    /** For servers that share theirs; otherwise made of `random`, and known again by the key of what is kept. */
    readonly cids?: Cids;
  };
  /** Absent: every handshake is a full one. */
  readonly resumption?: ResumptionSettings & {
    /** Whether a client that resumes where it was last needs no cookie. */
    readonly skipCookie: boolean;
  };
  /** Where connections and sessions live on. Absent: they end with this server. */
  readonly kept?: {
    readonly store: ConnectionStore;
    /** 32 octets that nobody can foresee; the same after a restart. */
    readonly key: Uint8Array;
    /** What was the key before. */
    readonly formerKeys?: readonly Uint8Array[];
  };
  /**
   * Whether what a peer proved at that time (milliseconds since 1970) still holds: asked before a connection or a
   * session of before is gone on with. Default: a PSK identity must still have a key.
   */
  admits?(credential: PeerCredential, since: number): boolean;
  /** Told the secret of each connection: whoever knows it reads all of it. For laboratories. */
  keyLog?(clientRandom: Uint8Array, master: Uint8Array): void;
  /** For servers that share an address; otherwise made of `random`. */
  readonly cookies?: Cookies;
  /**
   * Tell a peer that its PSK identity is unknown or its key wrong. For laboratories: strangers could find out which
   * identities exist, and end handshakes of others.
   */
  readonly explain?: boolean;
  deliver(peer: DtlsPeer, data: Uint8Array): void;
  send(datagram: Uint8Array, address: Address): void;
  opened?(peer: DtlsPeer): void;
  closed?(peer: DtlsPeer, reason: string): void;
}

/** Lines of the log that any stranger can have written. */
const linesPerMinute = 20;

export class DtlsServer {
  readonly #options: DtlsServerOptions;
  readonly #roster: Roster;
  readonly #drop: (reason: string) => void;
  readonly #cids: Cids | undefined;
  readonly #hellos: HelloReception;
  readonly #awaited: AwaitedRecords | undefined;
  readonly #sessions: Sessions | undefined;
  readonly #vault: Vault | undefined;
  readonly #pskFailures: PskFailures;
  /** Held while a datagram is taken in. */
  readonly #clock: HeldClock;
  readonly #alarms: Alarms;

  constructor(options: DtlsServerOptions) {
    const { random, log, kept, connectionIds, resumption } = options;
    this.#options = options;
    const clock = new HeldClock(options.clock);
    this.#clock = clock;
    this.#drop = (reason) => log.drop(reason);
    const limits = { ...defaultLimits, ...options.limits };
    const times = { ...defaultTimes, ...options.times };
    const { lookups } = limits;
    const guard = (run: () => void) => this.#guard(run);
    const paced = new PacedLog({ clock, log, perMinute: linesPerMinute });
    this.#pskFailures = new PskFailures({ clock, log: paced });
    if (kept !== undefined) this.#vault = new Vault({ ...kept, clock, random, log, lookups });
    const vault = this.#vault;
    const admits = (credential: PeerCredential, since: number) => this.#admits(credential, since);
    const keys = tagKeys(kept, random);
    if (connectionIds !== undefined) {
      const { length, prefix = new Uint8Array(), cids } = connectionIds;
      this.#cids = cids ?? new TaggedCids({ length, prefix, keys, random });
    }
    if (resumption !== undefined) {
      this.#sessions = new Sessions({
        ...{ ...resumption, clock, random, vault, keys, admits },
        strangersPerAddress: limits.strangersPerAddress,
      });
    }
    const stock = new Stock();
    this.#alarms = new Alarms(clock);
    this.#roster = new Roster({
      settings: {
        side: 'server',
        clock: this.#alarms,
        log,
        mtu: options.mtu ?? defaultMtu,
        limits,
        times,
        packer: new FlightPacker(stock, options.mtu ?? defaultMtu),
        ccm: Ccm.make(stock),
        explain: options.explain ?? false,
      },
      limits,
      times,
      random,
      vault,
      paced,
      admits,
      send: this.#guarded((datagram, to) => options.send(datagram, to)),
      deliver: this.#guarded((peer, data) => options.deliver(peer, data)),
      opened: this.#guarded((peer) => options.opened?.(peer)),
      closed: this.#guarded((peer, reason) => options.closed?.(peer, reason)),
      forgetSession: (name) => this.#sessions?.forget(name),
    });
    const known = { roster: this.#roster, cids: this.#cids, guard };
    this.#hellos = new HelloReception({
      ...known,
      ...{ server: options, clock, limits, times, sessions: this.#sessions, paced, stock },
    });
    if (vault !== undefined) this.#awaited = new AwaitedRecords({ ...known, lookups, log });
  }

  /** Handshakes under way and established connections in memory. */
  get size(): { readonly handshakes: number; readonly established: number } {
    const { awake, asleep } = this.#roster.sizes;
    return { handshakes: this.#roster.awake.handshakes, established: awake + asleep };
  }

  /** What it holds: connections awake and asleep, sessions to be resumed by ID, octets of those asleep, and alarms. */
  get holds() {
    return {
      handshakes: this.#roster.awake.handshakes,
      ...this.#roster.sizes,
      sessions: this.#sessions?.size ?? 0,
      alarms: this.#alarms.size,
    };
  }

  /**
   * Resolves when what has to be known of the time before a restart is known: the keys of tickets, and the journals of
   * former runs. Rejects where the store cannot be read.
   */
  async ready(): Promise<void> {
    await this.#sessions?.ready();
    await this.#vault?.former();
    this.#roster.workInNotes().catch((error: unknown) => {
      this.#options.log.error('connections cannot be read', { why: String(error) });
    });
  }

  /** Takes a datagram in. Never throws, whatever it is. */
  receive(datagram: Uint8Array, address: Address): void {
    const { log } = this.#options;
    if (address.port === 0) {
      log.drop('datagram from port 0');
      return;
    }
    this.#clock.hold();
    try {
      this.#roster.sweep();
      const from = { address, length: datagram.length, counted: false };
      for (const record of readRecords(datagram, this.#drop, this.#cids?.length)) {
        const reason = this.#receiveRecord(record, from);
        if (reason !== undefined) log.drop(reason);
      }
    } catch (error) {
      this.#tellOfFault(error);
    } finally {
      this.#clock.release();
    }
  }

  /**
   * Lets go of all connections and tells nobody: a device asleep would not hear it. What is to be kept is in the store
   * when it resolves.
   */
  close(): Promise<void> {
    const closed = this.#roster.close();
    this.#alarms.close();
    return closed;
  }

  /** Connections in memory, those asleep first. */
  *connections(): Iterable<ConnectionFacts> {
    for (const { state, kept } of this.#roster.known()) yield factsOf(state, kept);
  }

  /** One of them, by its peer's id. */
  connection(id: string): ConnectionFacts | undefined {
    for (const facts of this.connections()) if (facts.id === id) return facts;
    return undefined;
  }

  /**
   * The connection with this handle, awake, wherever it is kept; undefined where it has ended, or is another's by now.
   * Whether its peer is still there only its answer tells.
   */
  async recall(handle: string): Promise<DtlsPeer | undefined> {
    const [, key, id] = /^((?:[0-9A-F]{2})+)\.([0-9A-F]+)$/.exec(handle) ?? [];
    if (key === undefined || id === undefined) return undefined;
    return this.#roster.recall(hex(key), id);
  }

  /** Ends those of the connections in memory that `match`; gives how many. One awake is told. */
  end(match: (facts: { id: string; credential: PeerCredential }) => boolean): number {
    return this.#roster.end((id, credential) => match({ id, credential }), 'closed by us');
  }

  /** Deletes what is too old from the store; gives how many entries are left. */
  async sweepStore(): Promise<number> {
    this.#roster.sweep(); // what sleeps is not awake to its own end
    const idle = this.#options.times?.idle ?? defaultTimes.idle;
    const lifetime = Math.max(idle, this.#options.resumption?.lifetime ?? 0);
    const held = (key: Uint8Array) => equal(key, ticketKeysKey) || this.#roster.holds(key);
    const forgotten = (key: Uint8Array) => {
      this.#roster.forgotten(key);
      this.#sessions?.forgotten(key);
    };
    return (await this.#vault?.sweep(lifetime, held, forgotten)) ?? 0;
  }

  #receiveRecord(record: DtlsRecord, from: From): string | undefined {
    const { address } = from;
    if (isClientHello(record)) return this.#hellos.receive(record, from);
    const established = this.#roster.find(record.cid, address);
    let reason = established?.receiveFrom(record, from);
    if (established !== undefined && reason === undefined) return undefined;
    if (reason === notAuthentic) this.#tellOfFailure(established, address);
    const handshake = this.#roster.awake.handshakeAt(address);
    if (handshake !== undefined && handshake !== established) {
      reason = handshake.receiveFrom(record, from);
      if (reason === notAuthentic) this.#tellOfFailure(handshake, address);
    } else if (established === undefined) {
      reason = this.#awaited === undefined ? unknownConnection : this.#awaited.await(record, from);
    }
    return reason;
  }

  /** Once for a handshake: more records that do not open may be anyone's. */
  #tellOfFailure(handshake: ServerConnection | undefined, from: Address): void {
    if (handshake === undefined || handshake.wasEstablished) return;
    const { claim } = handshake;
    if (claim === undefined) return;
    handshake.claim = undefined;
    this.#pskFailures.failed(claim, from);
  }

  #admits(credential: PeerCredential, since: number): boolean {
    const { admits, credentials } = this.#options;
    if (admits !== undefined) return admits(credential, since);
    if (credential.type !== 'psk') return true;
    const found = credentials.psk?.(utf8(credential.identity));
    return found !== undefined && found.length > 0;
  }

  /** What we or the room above do wrong over one datagram must not end the process. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#tellOfFault(error);
    }
  }

  /** The same, for what is done often. */
  #guarded<Given extends unknown[]>(run: (...given: Given) => void): (...given: Given) => void {
    return (...given) => {
      try {
        run(...given);
      } catch (error) {
        this.#tellOfFault(error);
      }
    };
  }

  #tellOfFault(error: unknown): void {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    this.#options.log.error('a datagram could not be handled', { message, stack });
  }
}

/** The keys of connection IDs and session IDs, out of those of what is kept; otherwise one for this run. */
function tagKeys(
  kept: DtlsServerOptions['kept'],
  random: Random,
): readonly [Uint8Array, ...(readonly Uint8Array[])] {
  if (kept === undefined) return [random(32)];
  const { key, formerKeys = [] } = kept;
  const made = (from: Uint8Array) =>
    new Uint8Array(hkdfSync('sha256', from, new Uint8Array(), utf8('coap-eim dtls tags'), 32));
  return [made(key), ...formerKeys.map(made)];
}

function isClientHello({ type, epoch, fragment }: DtlsRecord): boolean {
  return type === ContentType.handshake && epoch === 0 && fragment[0] === HandshakeType.clientHello;
}
