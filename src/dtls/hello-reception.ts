/**
 * What comes of a ClientHello at the server's: a cookie to come back with, of which nothing is kept; or a handshake, full
 * or abbreviated; or nothing.
 */
import { type Address, addressText } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { HandshakeError } from './alert.ts';
import { keyOfCid } from './asleep.ts';
import type { Cids, ConnectionIdPolicy } from './connection-id.ts';
import { type Cookies, HmacCookies } from './cookie.ts';
import { ExtensionType } from './extensions.ts';
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
  type HandshakeMessage,
  HandshakeType,
  handshakeHeaderLength,
  putFragment,
} from './messages/handshake-message.ts';
import { HelloVerifyRequest } from './messages/hello-verify-request.ts';
import { defaultGroups } from './named-groups.ts';
import type { PacedLog } from './paced-log.ts';
import { type DtlsRecord, ProtocolVersion, recordHeaderLength, setHead } from './record.ts';
import type { Roster } from './roster.ts';
import type { DtlsServerOptions } from './server.ts';
import type { From, ServerConnection } from './server-connection.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';
import type { DtlsLimits, DtlsTimes } from './settings.ts';
import { decode, encode } from './struct.ts';
import { defaultSuites } from './suite-profiles.ts';
import { WorkBudget } from './work-budget.ts';

export interface HelloReceptionOptions {
  readonly server: DtlsServerOptions;
  readonly clock: Clock;
  readonly limits: DtlsLimits;
  readonly times: DtlsTimes;
  readonly roster: Roster;
  readonly cids: Cids | undefined;
  readonly sessions: Sessions | undefined;
  readonly paced: PacedLog;
  /** Runs what must not end the process where it fails. */
  guard(run: () => void): void;
}

/** A client counts its messages from 0, and few need more than two hellos. */
const mostHellos = 256;

/** Octets of a HelloVerifyRequest before its cookie. */
const cookieHeadLength = 3;

/** Where so many connection IDs in a row are taken, few are left: with two octets of chance there are 65,536. */
const mostCidTries = 32;

export class HelloReception {
  readonly #server: DtlsServerOptions;
  readonly #limits: DtlsLimits;
  readonly #roster: Roster;
  readonly #cids: Cids | undefined;
  readonly #sessions: Sessions | undefined;
  readonly #paced: PacedLog;
  readonly #guard: (run: () => void) => void;
  readonly #cookies: Cookies;
  readonly #work: WorkBudget;
  /** Addresses whose handshake waits for its session to come out of the store. */
  readonly #recalling = new Set<string>();
  #draftsTold = Number.NEGATIVE_INFINITY;

  constructor(options: HelloReceptionOptions) {
    const { server, clock, limits, times, roster, cids, sessions, paced, guard } = options;
    const { random } = server;
    this.#server = server;
    this.#limits = limits;
    this.#roster = roster;
    this.#cids = cids;
    this.#sessions = sessions;
    this.#paced = paced;
    this.#guard = guard;
    this.#cookies = server.cookies ?? new HmacCookies({ clock, random, keyLife: times.cookieKey });
    this.#work = new WorkBudget({ clock, perSecond: limits.ecdhePerAddress });
  }

  /** Takes in a record with a ClientHello; says why where it is dropped. */
  receive(record: DtlsRecord, from: From): string | undefined {
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
      return this.#sessions.recall(hello);
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
    if (this.#server.resumption?.skipCookie !== true || session === undefined) return false;
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
    const octets = cookieHeadLength + cookie.length;
    const body = encode(HelloVerifyRequest, { serverVersion: version, cookie }, octets);
    const { length } = body;
    const fragment = { type: HandshakeType.helloVerifyRequest, length, sequence, offset: 0, body };
    const datagram = new Uint8Array(recordHeaderLength + handshakeHeaderLength + body.length);
    putFragment(datagram, recordHeaderLength, fragment);
    const header = { type: record.type, version, epoch: record.epoch, sequence: record.sequence };
    this.#server.send(setHead(datagram, header), address);
  }

  #begin(
    record: DtlsRecord,
    message: HandshakeMessage,
    hello: ClientHello,
    from: From,
    session: Session | undefined,
  ): void {
    const { random, explain, keyLog, log } = this.#server;
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
    const { credentials, suites, groups } = this.#server;
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
      drafts: this.#server.connectionIds?.drafts ?? false,
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
    const { clock, log } = this.#server;
    if (clock.now() - this.#draftsTold < 60_000) return;
    this.#draftsTold = clock.now();
    log.info('a client offers connection IDs of a draft of RFC 9146 only, and gets none', {
      address: addressText(address),
      extension: type,
      whose: type === ExtensionType.connectionIdMbedTls2 ? 'mbedTLS 2' : 'drafts up to 08',
      advice: 'let drafts in with the setting for them, or give the client a newer library',
    });
  }
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
