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
import { type Address, addressText } from '../base/address.ts';
import { equal, hex, toHex, utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { ConnectionFacts } from '../base/connection-facts.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { HandshakeError } from './alert.ts';
import { keyOfAddress, keyOfCid } from './asleep.ts';
import { CipherPool } from './cipher-pool.ts';
import type { CipherSuiteName } from './cipher-suites.ts';
import { factsOf, notAuthentic } from './connection-facts.ts';
import { type Cids, type ConnectionIdPolicy, TaggedCids } from './connection-id.ts';
import type { ConnectionStore } from './connection-store.ts';
import { type Cookies, HmacCookies } from './cookie.ts';
import type { DtlsCredentials, PeerCredential } from './credentials.ts';
import { Extensions, ExtensionType } from './extensions.ts';
import { isWhole, readFragments } from './fragments.ts';
import {
  fullHandshake,
  resumes,
  type ServerContext,
  serverHandshake,
  type Terms,
} from './handshake.ts';
import { ClientHello } from './messages/client-hello.ts';
import {
  encodeFragment,
  fragmentOf,
  type HandshakeMessage,
  HandshakeType,
} from './messages/handshake-message.ts';
import { HelloVerifyRequest } from './messages/hello-verify-request.ts';
import { defaultGroups, type NamedGroupName } from './named-groups.ts';
import { PacedLog } from './paced-log.ts';
import { PskFailures } from './psk-failures.ts';
import {
  ContentType,
  type DtlsRecord,
  encodeRecord,
  ProtocolVersion,
  readRecords,
} from './record.ts';
import { Roster } from './roster.ts';
import type { From, ServerConnection } from './server-connection.ts';
import type { Session } from './session.ts';
import { type ResumptionSettings, Sessions } from './sessions.ts';
import {
  type DtlsLimits,
  type DtlsTimes,
  defaultLimits,
  defaultMtu,
  defaultTimes,
} from './settings.ts';
import { decode, encode } from './struct.ts';
import { defaultSuites } from './suite-profiles.ts';
import { ticketKeysKey } from './ticket-keys.ts';
import { Vault } from './vault.ts';
import { WorkBudget } from './work-budget.ts';

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

/** A client counts its messages from 0, and few need more than two hellos. */
const mostHellos = 256;

export class DtlsServer {
  readonly #options: DtlsServerOptions;
  readonly #limits: DtlsLimits;
  readonly #cookies: Cookies;
  readonly #roster: Roster;
  readonly #drop: (reason: string) => void;
  readonly #cids: Cids | undefined;
  readonly #work: WorkBudget;
  readonly #sessions: Sessions | undefined;
  readonly #vault: Vault | undefined;
  /** Records that wait for their connection to come out of the store, by its key. */
  readonly #awaited = new Map<string, Awaited[]>();
  #awaitedByAddress = 0;
  /** Addresses whose handshake waits for its session to come out of the store. */
  readonly #recalling = new Set<string>();
  #draftsTold = Number.NEGATIVE_INFINITY;
  readonly #paced: PacedLog;
  readonly #pskFailures: PskFailures;

  constructor(options: DtlsServerOptions) {
    const { clock, random, log, kept, connectionIds, resumption } = options;
    this.#options = options;
    this.#drop = (reason) => log.drop(reason);
    this.#limits = { ...defaultLimits, ...options.limits };
    const times = { ...defaultTimes, ...options.times };
    this.#cookies = options.cookies ?? new HmacCookies({ clock, random, keyLife: times.cookieKey });
    const { lookups, ecdhePerAddress } = this.#limits;
    const paced = new PacedLog({ clock, log, perMinute: linesPerMinute });
    this.#paced = paced;
    this.#pskFailures = new PskFailures({ clock, log: paced });
    this.#work = new WorkBudget({ clock, perSecond: ecdhePerAddress });
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
        strangersPerAddress: this.#limits.strangersPerAddress,
      });
    }
    this.#roster = new Roster({
      settings: {
        side: 'server',
        clock,
        log,
        mtu: options.mtu ?? defaultMtu,
        limits: this.#limits,
        times,
        ciphers: new CipherPool(),
        explain: options.explain ?? false,
      },
      limits: this.#limits,
      times,
      random,
      vault,
      paced,
      admits,
      send: (datagram, to) => this.#guard(() => options.send(datagram, to)),
      deliver: (peer, data) => this.#guard(() => options.deliver(peer, data)),
      opened: (peer) => this.#guard(() => options.opened?.(peer)),
      closed: (peer, reason) => this.#guard(() => options.closed?.(peer, reason)),
      forgetSession: (name) => this.#sessions?.forget(name),
    });
  }

  /** Handshakes under way and established connections in memory. */
  get size(): { readonly handshakes: number; readonly established: number } {
    const { awake, asleep } = this.#roster.sizes;
    return { handshakes: this.#roster.awake.handshakes, established: awake + asleep };
  }

  /** What it holds: connections awake and asleep, sessions to be resumed by ID, and octets of those asleep. */
  get holds() {
    return {
      handshakes: this.#roster.awake.handshakes,
      ...this.#roster.sizes,
      sessions: this.#sessions?.size ?? 0,
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
    try {
      this.#roster.sweep();
      const from = { address, length: datagram.length, counted: false };
      for (const record of readRecords(datagram, this.#drop, this.#cids?.length)) {
        const reason = this.#receiveRecord(record, from);
        if (reason !== undefined) log.drop(reason);
      }
    } catch (error) {
      this.#tellOfFault(error);
    }
  }

  /**
   * Lets go of all connections and tells nobody: a device asleep would not hear it. What is to be kept is in the store
   * when it resolves.
   */
  close(): Promise<void> {
    return this.#roster.close();
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
    if (isClientHello(record)) return this.#receiveHello(record, from);
    const established = this.#roster.find(record.cid, address);
    let reason = established?.receiveFrom(record, from);
    if (established !== undefined && reason === undefined) return undefined;
    if (reason === notAuthentic) this.#tellOfFailure(established, address);
    const handshake = this.#roster.awake.handshakeAt(address);
    if (handshake !== undefined && handshake !== established) {
      reason = handshake.receiveFrom(record, from);
      if (reason === notAuthentic) this.#tellOfFailure(handshake, address);
    } else if (established === undefined) reason = this.#await(record, from);
    return reason;
  }

  /** Where nobody in memory knows the record, the store may. */
  #await(record: DtlsRecord, from: From): string | undefined {
    const unknown = 'record of an unknown connection';
    if (this.#vault === undefined || record.epoch === 0) return unknown;
    if (record.cid !== undefined && this.#cids?.knows(record.cid) !== true) {
      return 'connection ID that is none of ours';
    }
    const key = record.cid === undefined ? keyOfAddress(from.address) : keyOfCid(record.cid);
    const name = toHex(key);
    const waiting = this.#awaited.get(name);
    if (waiting === undefined && !this.#mayLookUp(record.cid !== undefined)) {
      return 'too many look into the store';
    }
    if (waiting !== undefined && waiting.length >= mostAwaited) {
      return 'no room for an early record';
    }
    const copy = { ...record, fragment: record.fragment.slice() };
    if (record.cid !== undefined) copy.cid = record.cid.slice();
    const awaited = { record: copy, from };
    if (waiting !== undefined) waiting.push(awaited);
    else {
      this.#awaited.set(name, [awaited]);
      void this.#findLater(key, name, record.cid !== undefined);
    }
    return undefined;
  }

  /** Anybody can send from made-up addresses; nobody can make up connection IDs. */
  #mayLookUp(byCid: boolean): boolean {
    const { lookups } = this.#limits;
    if (this.#awaited.size >= lookups) return false;
    return byCid || this.#awaitedByAddress < Math.ceil(lookups / 2);
  }

  async #findLater(key: Uint8Array, name: string, byCid: boolean): Promise<void> {
    if (!byCid) this.#awaitedByAddress++;
    const fetched = await this.#roster.findLater(key);
    if (!byCid) this.#awaitedByAddress--;
    const waiting = this.#awaited.get(name) ?? [];
    this.#awaited.delete(name);
    const { log } = this.#options;
    this.#guard(() => {
      for (const { record, from } of waiting) {
        // It may have come to life otherwise: a handshake at its address is newer than what was kept.
        const connection = this.#roster.find(record.cid, from.address) ?? fetched;
        const reason =
          connection === undefined
            ? 'record of an unknown connection'
            : connection.receiveFrom(record, from);
        if (reason !== undefined) log.drop(reason);
      }
    });
  }

  #receiveHello(record: DtlsRecord, from: From): string | undefined {
    const { address } = from;
    const read = readHello(record, this.#limits.handshakeMessage);
    if (typeof read === 'string') return read;
    const { message, hello } = read;
    const running = this.#roster.awake.handshakeAt(address);
    const known = this.#cookies.check(address, hello);
    const session = this.#recall(hello);
    if (!known && (running !== undefined || !this.#mayTrust(hello, session, address))) {
      this.#askForCookie(record, message, hello, address);
      return undefined;
    }
    if (running?.isOf(hello.random) === true) {
      running.connection?.repeat();
      return undefined;
    }
    if (this.#roster.isDone(hello.random, address)) return 'ClientHello whose handshake is done';
    const refusal = this.#roster.refusal(address);
    if (refusal !== undefined) return refusal;
    const begin = (found: Session | undefined) => {
      running?.connection?.end('the client began another handshake');
      this.#begin(record, message, hello, from, found);
    };
    if (session !== undefined || this.#sessions?.mayBeKept(hello) !== true) {
      begin(session);
      return undefined;
    }
    return this.#recallThen(hello, address, begin);
  }

  /** The session that a hello asks for, as far as memory tells. */
  #recall(hello: ClientHello): Session | undefined {
    if (this.#sessions === undefined) return undefined;
    try {
      return this.#sessions.recall(hello, new Extensions(hello.extensions));
    } catch (error) {
      if (error instanceof HandshakeError) return undefined; // the handshake finds out, and says so
      throw error;
    }
  }

  /**
   * Whether a hello without a cookie is answered all the same: it resumes a session, from the IP address where that
   * was last. Whoever forges one can have no more than a resumption's first flight, less than twice the hello, sent
   * to the very device whose session it is; and only while few handshakes are under way, in all and of that address: the
   * rest are for those who showed that they are there.
   */
  #mayTrust(hello: ClientHello, session: Session | undefined, from: Address): boolean {
    if (this.#options.resumption?.skipCookie !== true || session === undefined) return false;
    const { awake } = this.#roster;
    const { halfOpen, halfOpenPerAddress } = this.#limits;
    return (
      session.host === from.address &&
      resumes(hello, this.#terms(session, from)) &&
      awake.handshakes < halfOpen / 4 &&
      awake.handshakesFrom(from) < halfOpenPerAddress / 4
    );
  }

  /** `begin` once the store has been asked for the session. */
  #recallThen(
    hello: ClientHello,
    address: Address,
    begin: (found: Session | undefined) => void,
  ): string | undefined {
    const name = addressText(address);
    if (this.#recalling.has(name)) return 'ClientHello again while its session is looked up';
    if (this.#recalling.size >= this.#limits.lookups) return 'too many look into the store';
    this.#recalling.add(name);
    // What the hello says is in the datagram, whose memory is the caller's.
    const copy = decode('ClientHello', ClientHello, encode(ClientHello, hello));
    void this.#sessions?.findLater(copy).then((found) => {
      this.#recalling.delete(name);
      this.#guard(() => begin(found));
    });
    return undefined;
  }

  /** Numbered as the hello it answers, so that the client takes both this and the ServerHello for new. */
  #askForCookie(
    record: DtlsRecord,
    { sequence }: HandshakeMessage,
    hello: ClientHello,
    address: Address,
  ): void {
    // DTLS 1.0 here whatever is agreed on later (RFC 6347 §4.2.1).
    const version = ProtocolVersion.dtls10;
    const cookie = this.#cookies.make(address, hello);
    const body = encode(HelloVerifyRequest, { serverVersion: version, cookie });
    const message = { type: HandshakeType.helloVerifyRequest, sequence, body };
    const header = { ...record, version };
    const fragment = encodeFragment(fragmentOf(message, 0, body.length));
    this.#options.send(encodeRecord(header, fragment), address);
  }

  #begin(
    record: DtlsRecord,
    message: HandshakeMessage,
    hello: ClientHello,
    from: From,
    session: Session | undefined,
  ): void {
    const { random, explain, keyLog, log } = this.#options;
    const terms = this.#terms(session, from.address);
    const foreseen = fullHandshake(hello, terms);
    const choice = foreseen?.choice;
    const group = choice === undefined || choice.keyExchange === 'psk' ? undefined : choice.group;
    if (group !== undefined && !this.#work.take(from.address.address, group)) {
      log.drop('too many handshakes with ECDHE from one address');
      return;
    }
    const start = { due: message.sequence + 1, firstRecord: record.sequence };
    const { connection, work } = this.#roster.begin(from.address, hello.random.slice(), start);
    connection.countIn(from);
    const { credentials, suites, groups, resumption } = terms;
    // Member by member: where an object is copied into another that has more, V8 adds each of those by itself.
    const context: ServerContext = {
      credentials,
      suites,
      groups,
      resumption,
      foreseen,
      random,
      explain: explain ?? false,
      claimed: (claim) => {
        connection.claim = claim;
      },
      connectionIds: this.#policyFor(connection),
      keyLog,
    };
    work.start(serverHandshake(context, message, hello));
  }

  #terms(session: Session | undefined, { address }: Address): Terms {
    const { credentials, suites, groups } = this.#options;
    const sessions = this.#sessions;
    return {
      credentials,
      suites: suites ?? defaultSuites,
      groups: groups ?? defaultGroups,
      resumption: sessions === undefined ? undefined : { sessions, session, host: address },
    };
  }

  #policyFor(connection: ServerConnection): ConnectionIdPolicy | undefined {
    const cids = this.#cids;
    if (cids === undefined) return undefined;
    return {
      drafts: this.#options.connectionIds?.drafts ?? false,
      next: () => {
        for (let tries = 0; tries < mostCidTries; tries++) {
          const cid = cids.make();
          if (this.#roster.holds(keyOfCid(cid))) continue;
          this.#roster.claim(cid, connection);
          return cid;
        }
        this.#paced.info('connection IDs are used up, and one connection has none', {
          advice:
            'make dtls.cidLength longer: the prefix and three octets of each are not of chance',
        });
        return undefined;
      },
      refused: (type) => this.#tellOfDraft(type, connection.address),
    };
  }

  /** Once a minute at the most: any client can offer what it likes. */
  #tellOfDraft(type: number, address: Address): void {
    const { clock, log } = this.#options;
    if (clock.now() - this.#draftsTold < 60_000) return;
    this.#draftsTold = clock.now();
    log.info('a client offers connection IDs of a draft of RFC 9146 only, and gets none', {
      address: addressText(address),
      extension: type,
      whose: type === ExtensionType.connectionIdMbedTls2 ? 'mbedTLS 2' : 'drafts up to 08',
      advice: 'let drafts in with the setting for them, or give the client a newer library',
    });
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

  #tellOfFault(error: unknown): void {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    this.#options.log.error('a datagram could not be handled', { message, stack });
  }
}

/** Where so many connection IDs in a row are taken, few are left: with two octets of chance there are 65,536. */
const mostCidTries = 32;

/** Most records that wait for one connection: more than a few are someone's who sends old ones again. */
const mostAwaited = 16;

/** A record that waits. */
interface Awaited {
  readonly record: DtlsRecord;
  readonly from: From;
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

interface Hello {
  readonly message: HandshakeMessage;
  readonly hello: ClientHello;
}

/** The hello in a record, which must hold it whole: nothing is kept for a stranger. Or why there is none. */
function readHello(record: DtlsRecord, longest: number): Hello | string {
  const [fragment, ...rest] = readFragments(record.fragment) ?? [];
  if (fragment === undefined || rest.length > 0) return 'malformed ClientHello';
  if (!isWhole(fragment)) return 'fragmented ClientHello';
  if (fragment.length > longest) return 'ClientHello too long';
  if (fragment.sequence >= mostHellos) return 'message number of a ClientHello out of range';
  try {
    const hello = decode('ClientHello', ClientHello, fragment.body);
    return { message: fragment, hello };
  } catch (error) {
    if (error instanceof HandshakeError) return 'malformed ClientHello';
    throw error;
  }
}
