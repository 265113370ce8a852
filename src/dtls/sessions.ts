/**
 * The sessions of a server, to be resumed by ID or by ticket.
 *
 * By ID, sessions are kept here and, where their connections have no connection ID to live on with, in the store. A
 * ticket holds its session itself (ticket-keys.ts).
 *
 *   session ID:  name(12) tag(4)            tag = HMAC-SHA-256(key, name), cut
 *
 * The tag tells at once an ID that is made up, so that strangers cannot have us look into the store.
 */
import { BoundedMap } from '../base/bounded-map.ts';
import { BytesError, concat, hex, toHex, utf8, Writer } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { AlertDescription, HandshakeError } from './alert.ts';
import { keyOfSession, lists, standingOf } from './asleep.ts';
import type { CipherSuiteName } from './cipher-suites.ts';
import { cipherSuites } from './cipher-suites.ts';
import { forgetsConnectionIds } from './connection-id.ts';
import type { PeerCredential } from './credentials.ts';
import { Extensions, ExtensionType } from './extensions.ts';
import { Hmac } from './hmac.ts';
import { addressGroup } from './ip.ts';
import type { ClientHello } from './messages/client-hello.ts';
import { NewSessionTicket } from './messages/new-session-ticket.ts';
import { sameSecret } from './same-secret.ts';
import {
  packSession,
  type Session,
  sameServerName,
  serverNameDigest,
  sessionNameLength,
  unpackSession,
  writeSession,
} from './session.ts';
import { Slab } from './slab.ts';
import { Strangers } from './strangers.ts';
import { encode } from './struct.ts';
import { TicketKeys } from './ticket-keys.ts';
import type { Vault } from './vault.ts';

const tagLength = 4;
export const sessionIdLength = sessionNameLength + tagLength;

/** Octets that a session with an EID for identity takes, and some more. */
const slotLength = 168;
/** Sessions that must not be resumed any more, though there may be tickets of them. */
const mostDenied = 10_000;

/** How long and by what sessions are resumed. */
export interface ResumptionSettings {
  /** Milliseconds after the full handshake. */
  readonly lifetime: number;
  /** Clients that ask for tickets get one in place of a session ID. */
  readonly tickets: boolean;
  /** Most sessions kept in memory. */
  readonly ceiling: number;
}

export interface SessionsOptions extends ResumptionSettings {
  readonly clock: Clock;
  readonly random: Random;
  readonly vault: Vault | undefined;
  /** Most sessions in the store of peers that proved nothing, of one group of addresses. */
  readonly strangersPerAddress: number;
  /** For the tags, of 32 octets each: IDs are made with the first, and known by any. */
  readonly keys: readonly [Uint8Array, ...(readonly Uint8Array[])];
  /** Whether what a peer proved at that time, in milliseconds since 1970, still holds. */
  admits(credential: PeerCredential, since: number): boolean;
}

export class Sessions {
  readonly #options: SessionsOptions;
  /** Of the keys of tags. */
  readonly #tag: Hmac;
  readonly #knownTags: readonly Hmac[];
  readonly #slab: Slab;
  readonly #tickets: TicketKeys | undefined;
  readonly #denied: BoundedMap<string, true>;
  /** Where a session is put together before it goes to its slot. */
  readonly #packed = new Writer(slotLength);
  /** Those in the store of peers that proved nothing. */
  readonly #strangers: Strangers;

  constructor(options: SessionsOptions) {
    const { clock, random, lifetime, tickets } = options;
    this.#options = options;
    const [first, ...former] = options.keys;
    this.#tag = new Hmac('sha256', first);
    this.#knownTags = [this.#tag, ...former.map((key) => new Hmac('sha256', key))];
    const [a = 0, b = 0, c = 0, d = 0] = random(4);
    this.#slab = new Slab({
      slot: slotLength,
      lists: 2,
      seed: (a << 24) | (b << 16) | (c << 8) | d,
    });
    this.#tickets = tickets ? new TicketKeys(options) : undefined;
    this.#strangers = new Strangers(options.strangersPerAddress);
    this.#denied = new BoundedMap({ clock, ceiling: mostDenied, lifetime });
  }

  get size(): number {
    return this.#slab.size;
  }

  /** Resolves when tickets of before the restart can be opened. */
  async ready(): Promise<void> {
    await this.#tickets?.ready();
  }

  now(): number {
    return this.#options.clock.now();
  }

  newName(): Uint8Array {
    return this.#options.random(sessionNameLength);
  }

  idOf(name: Uint8Array): Uint8Array {
    return concat(name, tagOf(this.#tag, name));
  }

  /** Whether a client that offers these extensions gets a ticket. */
  givesTicket(offered: Extensions): boolean {
    return this.#tickets !== undefined && offered.has(ExtensionType.sessionTicket);
  }

  /** Whether so much of a session's life is over that a client gets a new ticket with the same end. */
  #isOld({ proved }: Session): boolean {
    return this.#options.clock.now() - proved >= this.#options.lifetime / 2;
  }

  /** The body of NewSessionTicket. */
  ticket(session: Session): Uint8Array {
    if (this.#tickets === undefined) throw new Error('tickets are off');
    const left = session.proved + this.#options.lifetime - this.#options.clock.now();
    const lifetimeHint = Math.max(1, Math.floor(left / 1000));
    return encode(NewSessionTicket, {
      lifetimeHint,
      ticket: this.#tickets.seal(packSession(session)),
    });
  }

  /**
   * Keeps a session to be resumed by ID; `durably`: over a restart, too. Beyond the ceiling, the oldest of a peer that
   * proved nothing goes first: no stranger has a device lose its session.
   */
  remember(session: Session, durably: boolean): void {
    const { vault, ceiling } = this.#options;
    const writer = this.#packed.restart();
    writeSession(writer, session);
    this.#slab.put(session.name, writer.written, lists[standingOf(session.credential)]);
    if (durably && vault !== undefined) {
      const packed = { octets: writer.written.slice(), lastContact: session.proved };
      vault.save({ key: keyOfSession(session.name), pack: () => packed, packed: () => {} });
      this.#count(session);
    }
    writer.written.fill(0); // a secret is in it
    if (this.#slab.size <= ceiling) return;
    const oldest = this.#slab.oldest(lists.anonymous) ?? this.#slab.oldest(lists.proved);
    if (oldest !== undefined) this.#slab.delete(oldest);
  }

  /** It is resumed no more, by whatever (RFC 5246 §7.2.2). */
  forget(name: Uint8Array): void {
    this.#slab.delete(name);
    this.#options.vault?.delete(keyOfSession(name));
    this.#strangers.delete(toHex(name));
    this.#denied.set(toHex(name), true);
  }

  /** The store has let go of what was under this key. */
  forgotten(key: Uint8Array): void {
    this.#strangers.delete(toHex(key.subarray(1)));
  }

  /** The session that a hello asks for, as far as memory tells: by ticket, else by ID. Throws HandshakeError. */
  recall(hello: ClientHello): Session | undefined {
    if (this.#tickets !== undefined) {
      const ticket = new Extensions(hello.extensions).sessionTicket;
      const octets = ticket?.length ? this.#tickets.open(ticket) : undefined;
      if (octets !== undefined) return read(octets);
    }
    const name = this.#nameIn(hello.sessionId);
    const octets = name === undefined ? undefined : this.#slab.get(name);
    return octets === undefined ? undefined : read(octets);
  }

  /** Whether the store may know what memory does not. */
  mayBeKept(hello: ClientHello): boolean {
    return this.#options.vault !== undefined && this.#nameIn(hello.sessionId) !== undefined;
  }

  /** The session that a hello asks for by ID, out of the store. */
  async findLater(hello: ClientHello): Promise<Session | undefined> {
    const name = this.#nameIn(hello.sessionId);
    if (name === undefined) return undefined;
    const octets = await this.#options.vault?.load(keyOfSession(name));
    return octets === undefined ? undefined : read(octets);
  }

  /**
   * Whether the session may be resumed with this hello; a full handshake otherwise. Throws HandshakeError where
   * neither is allowed: the session has the extended master secret, and the hello does not offer it (RFC 7627 §5.3).
   */
  allows(
    session: Session,
    hello: ClientHello,
    offered: Extensions,
    suites: readonly CipherSuiteName[],
  ): boolean {
    const { clock, lifetime, admits } = this.#options;
    const { suite, proved, credential, name } = session;
    if (clock.now() - proved >= lifetime || this.#denied.get(toHex(name)) === true) return false;
    if (!suites.some((enabled) => cipherSuites[enabled].id === suite.id)) return false;
    if (!hello.cipherSuites.includes(suite.id)) return false;
    if (!sameServerName(session.serverName, serverNameDigest(offered.rawServerName))) return false;
    if (forgetsConnectionIds(offered) || !admits(credential, proved)) return false;
    if (!offered.has(ExtensionType.extendedMasterSecret)) {
      const complaint = 'resumption without the extended master secret of the session';
      throw new HandshakeError(AlertDescription.handshakeFailure, complaint);
    }
    return true;
  }

  /** Whether a resumed session's client is due a new ticket. */
  renews(session: Session, offered: Extensions): boolean {
    return this.givesTicket(offered) && this.#isOld(session);
  }

  /** So many of one address are in the store: nobody fills it with handshakes that prove nothing. */
  #count({ name, credential, host }: Session): void {
    const { vault } = this.#options;
    if (vault === undefined || standingOf(credential) === 'proved') return;
    const before = this.#strangers.add(toHex(name), addressGroup(host));
    if (before !== undefined) vault.delete(keyOfSession(hex(before)));
  }

  #nameIn(id: Uint8Array): Uint8Array | undefined {
    if (id.length !== sessionIdLength) return undefined;
    const name = id.subarray(0, sessionNameLength);
    const tag = id.subarray(sessionNameLength);
    const isOurs = this.#knownTags.some((key) => sameSecret(tagOf(key, name), tag));
    return isOurs ? name : undefined;
  }
}

const sessionLabel = utf8('session');

function tagOf(key: Hmac, name: Uint8Array): Uint8Array {
  return key.cut(tagLength, sessionLabel, name);
}

function read(octets: Uint8Array): Session | undefined {
  try {
    return unpackSession(octets);
  } catch (error) {
    if (error instanceof BytesError) return undefined; // of another version
    throw error;
  }
}
