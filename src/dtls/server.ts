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
import { type Address, addressText } from '../base/address.ts';
import { equal, toHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { HandshakeError } from './alert.ts';
import type { CipherSuiteName } from './cipher-suites.ts';
import { Connection } from './connection.ts';
import { Connections, type Entry } from './connections.ts';
import { type Cookies, HmacCookies } from './cookie.ts';
import type { DtlsCredentials, PeerCredential } from './credentials.ts';
import { isWhole, readFragments } from './fragments.ts';
import { serverHandshake } from './handshake.ts';
import { ClientHello } from './messages/client-hello.ts';
import {
  encodeFragment,
  fragmentOf,
  type HandshakeMessage,
  HandshakeType,
} from './messages/handshake-message.ts';
import { HelloVerifyRequest } from './messages/hello-verify-request.ts';
import {
  ContentType,
  type DtlsRecord,
  encodeRecord,
  ProtocolVersion,
  readRecords,
} from './record.ts';
import {
  type DtlsLimits,
  type DtlsTimes,
  defaultLimits,
  defaultMtu,
  defaultTimes,
} from './settings.ts';
import { decode, encode } from './struct.ts';
import { defaultSuites } from './suite-profiles.ts';

/** An established connection, as the room above sees it. */
export interface DtlsPeer {
  /** Of the connection: random, and the same for its whole life. */
  readonly id: string;
  readonly address: Address;
  /** Who the peer proved to be. */
  readonly credential: PeerCredential;
  /** Octets of data that fit one datagram. */
  readonly maxPayload: number;
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
  /** Octets of a datagram at most. */
  readonly mtu?: number;
  readonly limits?: Partial<DtlsLimits>;
  readonly times?: Partial<DtlsTimes>;
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

/** A client counts its messages from 0, and few need more than two hellos. */
const mostHellos = 256;

/** Octets of a peer's id. */
const idLength = 12;

export class DtlsServer {
  readonly #options: DtlsServerOptions;
  readonly #limits: DtlsLimits;
  readonly #times: DtlsTimes;
  readonly #cookies: Cookies;
  readonly #connections: Connections;

  constructor(options: DtlsServerOptions) {
    const { clock, random } = options;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#times = { ...defaultTimes, ...options.times };
    this.#cookies =
      options.cookies ?? new HmacCookies({ clock, random, keyLife: this.#times.cookieKey });
    this.#connections = new Connections({ clock, limits: this.#limits, times: this.#times });
  }

  /** Handshakes under way and established connections. */
  get size(): { readonly handshakes: number; readonly established: number } {
    return this.#connections.size;
  }

  /** Takes a datagram in. Never throws, whatever it is. */
  receive(datagram: Uint8Array, address: Address): void {
    const { log } = this.#options;
    if (address.port === 0) {
      log.drop('datagram from port 0');
      return;
    }
    this.#guard(() => {
      this.#connections.sweep();
      for (const record of readRecords(datagram, (reason) => log.drop(reason))) {
        const reason = this.#receiveRecord(record, address);
        if (reason !== undefined) log.drop(reason);
      }
    });
  }

  /** Forgets all connections and tells nobody: a device asleep would not hear it. */
  close(): void {
    for (const { connection } of this.#connections.all()) connection.end('server closed');
  }

  #receiveRecord(record: DtlsRecord, address: Address): string | undefined {
    if (isClientHello(record)) return this.#receiveHello(record, address);
    const established = this.#connections.established(address);
    const handshake = this.#connections.handshake(address);
    let reason: string | undefined = 'record of an unknown connection';
    if (established !== undefined) {
      reason = established.connection.receive(record);
      if (reason === undefined) {
        if (record.epoch === 1) this.#connections.touch(established);
        return undefined;
      }
    }
    return handshake === undefined ? reason : handshake.connection.receive(record);
  }

  #receiveHello(record: DtlsRecord, address: Address): string | undefined {
    const read = readHello(record, this.#limits.handshakeMessage);
    if (typeof read === 'string') return read;
    const { message, hello } = read;
    if (!this.#cookies.check(address, hello)) {
      this.#askForCookie(record, message, hello, address);
      return undefined;
    }
    const running = this.#connections.handshake(address);
    if (running !== undefined && equal(running.clientRandom, hello.random)) {
      running.connection.repeat();
      return undefined;
    }
    const established = this.#connections.established(address);
    if (established !== undefined && equal(established.clientRandom, hello.random)) {
      return 'ClientHello of an established connection';
    }
    const refusal = this.#connections.refusal(address);
    if (refusal !== undefined) return refusal;
    running?.connection.end('the client began another handshake');
    this.#begin(record, message, hello, address);
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
    address: Address,
  ): void {
    const { credentials, clock, log, random, suites, mtu, explain, send } = this.#options;
    const context = {
      credentials,
      random,
      suites: suites ?? defaultSuites,
      explain: explain ?? false,
    };
    let peer: DtlsPeer | undefined;
    const connection = new Connection<PeerCredential>({
      side: 'server',
      due: message.sequence + 1,
      firstRecord: record.sequence,
      clock,
      log,
      mtu: mtu ?? defaultMtu,
      limits: this.#limits,
      times: this.#times,
      explain: explain ?? false,
      send: (datagram) => this.#guard(() => send(datagram, address)),
      established: (credential) => {
        peer = new ServerPeer(toHex(random(idLength)), address, credential, connection);
        this.#established(entry, peer);
      },
      deliver: (data) => {
        if (peer !== undefined) this.#deliver(peer, data);
      },
      ended: (reason, error) => this.#ended(entry, peer, reason, error),
    });
    const entry: Entry = { address, clientRandom: hello.random.slice(), connection };
    this.#connections.begin(entry);
    connection.start(serverHandshake(context, message, hello));
  }

  #established(entry: Entry, peer: DtlsPeer): void {
    const replaced = this.#connections.establish(entry);
    replaced?.connection.end('the client connected anew');
    this.#options.log.debug('connected', { address: addressText(peer.address), peer: peer.id });
    this.#guard(() => this.#options.opened?.(peer));
  }

  #deliver(peer: DtlsPeer, data: Uint8Array): void {
    this.#guard(() => this.#options.deliver(peer, data));
  }

  #ended(entry: Entry, peer: DtlsPeer | undefined, reason: string, error?: Error): void {
    const { log, closed } = this.#options;
    this.#connections.remove(entry);
    const address = addressText(entry.address);
    if (peer !== undefined) {
      log.debug('disconnected', { address, peer: peer.id, reason });
      this.#guard(() => closed?.(peer, reason));
    } else if (error !== undefined) log.info('handshake failed', { address, reason });
  }

  /** What we or the room above do wrong over one datagram must not end the process. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      this.#options.log.error('a datagram could not be handled', { message, stack });
    }
  }
}

class ServerPeer implements DtlsPeer {
  readonly id: string;
  readonly address: Address;
  readonly credential: PeerCredential;
  readonly #connection: Connection<PeerCredential>;

  constructor(
    id: string,
    address: Address,
    credential: PeerCredential,
    connection: Connection<PeerCredential>,
  ) {
    this.id = id;
    this.address = address;
    this.credential = credential;
    this.#connection = connection;
  }

  get maxPayload(): number {
    return this.#connection.maxPayload;
  }

  send(data: Uint8Array): void {
    this.#connection.send(data);
  }

  close(): void {
    this.#connection.close('closed by us');
  }
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
