/**
 * What comes of a ClientHello at the server's: a cookie to come back with, of which nothing is kept; or a handshake, full
 * or abbreviated; or nothing.
 */
import { type Address, addressText } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Stock } from '../base/stock.ts';
import { HandshakeError } from './alert.ts';
import { keyOfCid } from './asleep.ts';
import type { Cids, ConnectionIdPolicy } from './connection-id.ts';
import { type Cookies, HmacCookies } from './cookie.ts';
import { ExtensionType } from './extensions.ts';
import { isWhole } from './fragments.ts';
import {
  fullHandshake,
  resumes,
  type ServerContext,
  serverHandshake,
  type Terms,
} from './handshake.ts';
import {
  fragmentAt,
  type HandshakeMessage,
  HandshakeType,
  handshakeHeaderLength,
  putMessageHead,
} from './messages/handshake-message.ts';
import { cookieHeadLength, putHelloVerifyRequest } from './messages/hello-verify-request.ts';
import { defaultGroups } from './named-groups.ts';
import type { PacedLog } from './paced-log.ts';
import { ReceivedHello } from './received-hello.ts';
import { type DtlsRecord, ProtocolVersion, recordHeaderLength, setHead } from './record.ts';
import type { Roster } from './roster.ts';
import type { DtlsServerOptions } from './server.ts';
import type { From, ServerConnection } from './server-connection.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';
import type { DtlsLimits, DtlsTimes } from './settings.ts';
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
  /** Memory of what leaves. */
  readonly stock: Stock;
  /** Runs what must not end the process where it fails. */
  guard(run: () => void): void;
}

/** A client counts its messages from 0, and few need more than two hellos. */
const mostHellos = 256;

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
  readonly #stock: Stock;
  readonly #cookies: Cookies;
  readonly #work: WorkBudget;
  /** Addresses whose handshake waits for its session to come out of the store. */
  readonly #recalling = new Set<string>();
  #draftsTold = Number.NEGATIVE_INFINITY;

  constructor(options: HelloReceptionOptions) {
    const { server, clock, limits, times, roster, cids, sessions, paced, guard, stock } = options;
    const { random } = server;
    this.#server = server;
    this.#limits = limits;
    this.#roster = roster;
    this.#cids = cids;
    this.#sessions = sessions;
    this.#paced = paced;
    this.#guard = guard;
    this.#stock = stock;
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
    const opening = { record, message, hello, from };
    if (session === undefined && this.#sessions?.mayBeKept(hello) === true) {
      return this.#beginLater(opening);
    }
    this.#begin(opening, session);
    return undefined;
  }

  /** The session that a hello asks for, as far as memory tells. */
  #recall(hello: ReceivedHello): Session | undefined {
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
  #mayTrust(hello: ReceivedHello, session: Session | undefined, from: Address): boolean {
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

  /** Begins once the store has been asked for the session. */
  #beginLater(opening: Opening): string | undefined {
    const { message, from } = opening;
    const name = addressText(from.address);
    if (this.#recalling.has(name)) return 'ClientHello again while its session is looked up';
    if (this.#recalling.size >= this.#limits.lookups) return 'too many look into the store';
    this.#recalling.add(name);
    // What the hello says is in the datagram, whose memory is the caller's.
    const hello = opening.hello.copy();
    const later = {
      ...opening,
      hello,
      message: { ...message, body: new Uint8Array(message.body) },
    };
    void this.#sessions?.findLater(hello).then((found) => {
      this.#recalling.delete(name);
      this.#guard(() => this.#begin(later, found));
    });
    return undefined;
  }

  /** Numbered as the hello it answers, so that the client takes both this and the ServerHello for new. */
  #askForCookie(
    record: DtlsRecord,
    { sequence }: HandshakeMessage,
    hello: ReceivedHello,
    address: Address,
  ): void {
    // DTLS 1.0 here whatever is agreed on later (RFC 6347 §4.2.1).
    const version = ProtocolVersion.dtls10;
    const cookie = this.#cookies.make(address, hello);
    const { helloVerifyRequest } = HandshakeType;
    const length = cookieHeadLength + cookie.length;
    const body = recordHeaderLength + handshakeHeaderLength;
    const datagram = this.#stock.take(body + length);
    putMessageHead(datagram, recordHeaderLength, helloVerifyRequest, length, sequence);
    putHelloVerifyRequest(datagram, body, { serverVersion: version, cookie });
    const header = { type: record.type, version, epoch: record.epoch, sequence: record.sequence };
    this.#server.send(setHead(datagram, header), address);
  }

  #begin(opening: Opening, session: Session | undefined): void {
    const { record, message, hello, from } = opening;
    // While the store was asked, another may have begun.
    const running = this.#roster.awake.handshakeAt(from.address);
    running?.connection?.end('the client began another handshake');
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
    const { connection, work } = this.#roster.begin(from.address, hello.random, start);
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
  readonly hello: ReceivedHello;
}

/** What a handshake begins with. */
interface Opening extends Hello {
  readonly record: DtlsRecord;
  readonly from: From;
}

/** The hello in a record, which must hold it whole: nothing is kept for a stranger. Or why there is none. */
function readHello({ fragment: octets }: DtlsRecord, longest: number): Hello | string {
  const message = fragmentAt(octets, 0);
  if (message === undefined || handshakeHeaderLength + message.body.length < octets.length) {
    return 'malformed ClientHello';
  }
  if (!isWhole(message)) return 'fragmented ClientHello';
  if (message.length > longest) return 'ClientHello too long';
  if (message.sequence >= mostHellos) return 'message number of a ClientHello out of range';
  const hello = ReceivedHello.read(message.body);
  return hello === undefined ? 'malformed ClientHello' : { message, hello };
}
