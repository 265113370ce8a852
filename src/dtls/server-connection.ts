/**
 * A server's connection to one peer: what the room above sees of it, where its peer is, and what the store knows.
 *
 * The peer's address follows its newest authentic record (RFC 9146 §6). Until a round trip has shown that the peer is
 * at a new address, no more than three times what came from there goes there.
 *
 * Where connections are kept in a store, nothing happens that a restart could undo to the harm of anyone: data is
 * handed up when the store knows that its record was received, and a record leaves when the store knows, and a power cut
 * would not make it forget, that its number is taken. Numbers are taken in strides, so that the second costs nothing as
 * a rule; see docs/decisions.md for why a power cut may undo the first.
 */
import type { Address } from '../base/address.ts';
import { addressText } from '../base/address.ts';
import { equal, hex, toHex } from '../base/bytes.ts';
import type { InOrder } from '../base/use-order.ts';
import { cidOfKey } from './asleep.ts';
import type { Connection, ConnectionOwner } from './connection.ts';
import { Counts } from './connection-facts.ts';
import type { PeerCredential } from './credentials.ts';
import type { Numbers } from './journal.ts';
import { type KeptConnection, packConnection } from './kept-connection.ts';
import { isNameOfCid, type KeyName, keyOfName, nameOfKey, textOfName } from './key-names.ts';
import type { PskClaim } from './psk-failures.ts';
import type { DtlsRecord } from './record.ts';
import type { DtlsPeer } from './server.ts';
import type { Keepable, Notable, Packed } from './vault.ts';

/** What a server does for its connections. */
export interface ConnectionHost {
  /** Whether connections are kept in a store. */
  readonly keeps: boolean;
  now(): number;
  send(datagram: Uint8Array, to: Address): void;
  deliver(connection: ServerConnection, data: Uint8Array): void;
  established(connection: ServerConnection): void;
  /** An authentic record has come. */
  heard(connection: ServerConnection): void;
  moved(connection: ServerConnection, from: Address): void;
  ended(connection: ServerConnection, reason: string, error?: Error): void;
  /** Has it written to the store: whole, or its numbers alone. */
  save(connection: ServerConnection): void;
  note(connection: ServerConnection): void;
  /** That is done. */
  saved(connection: ServerConnection): void;
  /** The same connection, awake. */
  wake(key: Uint8Array, id: string): ServerConnection | undefined;
}

/** A datagram on its way in, without its octets. */
export interface From {
  readonly address: Address;
  readonly length: number;
  /** It is counted once, though it may have many records. */
  counted: boolean;
}

/** Record numbers that are taken at a time, which waits for the disk: some more before they are used up. */
const stride = 1024;
const fewLeft = stride / 2;
/** What an address that is not confirmed may get, for each octet that came from there. */
const amplification = 3;
/** Data that waits for the store, in each direction. */
const mostWaiting = 64;

/** An address that nothing has shown the peer to be at but one record. */
interface Unconfirmed {
  received: number;
  sent: number;
}

/** How a connection begins: with a hello, or as it was kept. */
export type Origin = { readonly clientRandom: Uint8Array } | { readonly kept: KeptConnection };

export class ServerConnection
  implements DtlsPeer, ConnectionOwner<PeerCredential>, Notable, InOrder<ServerConnection>
{
  readonly #host: ConnectionHost;
  /** Text once somebody has asked for it. */
  #id: Uint8Array | string;
  /** Among those that are awake. */
  older: ServerConnection | undefined;
  newer: ServerConnection | undefined;
  /** What its handshake says of itself, while that is under way and nothing has failed. */
  claim: PskClaim | undefined;
  /** Until the handshake is done. */
  #clientRandom: Uint8Array | undefined;
  readonly #counts: Counts;
  #connection: Connection<PeerCredential> | undefined;
  #address: Address;
  #credential: PeerCredential;
  #keyName: KeyName = '';
  /** These are made once: whoever asks keeps them. */
  #keyText: string | undefined;
  #handle: string | undefined;
  #began: number;
  #lastContact: number;
  #unconfirmed: Unconfirmed | undefined;
  /** Where the record that is being read came from, and how long its datagram was. */
  #from: Address;
  #fromLength = 0;
  /** In hex: text takes less room, and there are many connections. */
  #session: string | undefined;
  #wasEstablished = false;
  #ended = false;
  /** What the store knows to be taken: numbers below. */
  #reserved = Number.POSITIVE_INFINITY;
  /** What goes to the store: numbers below, and so many of the data that waits. */
  #packed:
    | {
        readonly reserved: number;
        readonly data: number;
        readonly changes: number;
        readonly lasting: boolean;
      }
    | undefined;
  /** The store has a row of it that a power cut does not undo. */
  #hasRow = false;
  /** How often it changed since what the store has. */
  #unsaved = 0;
  isToNote = false;
  ahead: Keepable['ahead'];
  /** Data to hand up once the store knows of it; undefined, as a rule: none. */
  #data: Uint8Array[] | undefined;
  /** Data to send once the store has its numbers; likewise. */
  #outgoing: Uint8Array[] | undefined;

  constructor(host: ConnectionHost, id: Uint8Array, address: Address, origin: Origin) {
    this.#host = host;
    this.#id = id;
    this.#address = placeOf(address);
    this.#from = this.#address;
    if ('kept' in origin) {
      const { kept } = origin;
      this.#credential = kept.credential;
      this.#wasEstablished = true;
      this.#counts = kept.counts;
      this.#began = kept.began;
      this.#lastContact = kept.lastContact;
      if (!kept.confirmed) this.#unconfirmed = { received: 0, sent: 0 };
      this.#hasRow = true;
      if (host.keeps) this.#reserved = kept.state.next;
    } else {
      this.#clientRandom = origin.clientRandom;
      this.#credential = anonymous;
      this.#counts = new Counts();
      this.#began = host.now();
      this.#lastContact = this.#began;
    }
  }

  /** Gives it what does its work; at once after it was made. */
  attach(connection: Connection<PeerCredential>): void {
    this.#connection = connection;
  }

  get id(): string {
    if (typeof this.#id !== 'string') this.#id = toHex(this.#id);
    return this.#id;
  }

  /** Undefined once it sleeps or has ended. */
  get connection(): Connection<PeerCredential> | undefined {
    return this.#connection;
  }

  get address(): Address {
    return this.#address;
  }

  get credential(): PeerCredential {
    return this.#credential;
  }

  get began(): number {
    return this.#began;
  }

  /** When an authentic record came last. */
  get lastContact(): number {
    return this.#lastContact;
  }

  /** Whether the ClientHello with this random began it; not known any more once the handshake is done. */
  isOf(clientRandom: Uint8Array): boolean {
    return this.#clientRandom !== undefined && equal(this.#clientRandom, clientRandom);
  }

  /** It is forgotten here. */
  takeClientRandom(): Uint8Array | undefined {
    const taken = this.#clientRandom;
    this.#clientRandom = undefined;
    return taken;
  }

  /** The name of the session that it began or resumed; unknown after it has slept. */
  get session(): Uint8Array | undefined {
    return this.#session === undefined ? undefined : hex(this.#session);
  }

  get wasEstablished(): boolean {
    return this.#wasEstablished;
  }

  /** What is counted of it. */
  get counts(): Counts {
    return this.#counts;
  }

  /** Under which it is found: its connection ID, or its address. Empty until one or the other is known. */
  get key(): Uint8Array {
    return keyOfName(this.#keyName);
  }

  set key(key: Uint8Array) {
    this.keyName = nameOfKey(key);
  }

  /** What the key is called in maps. */
  get keyName(): KeyName {
    return this.#keyName;
  }

  set keyName(name: KeyName) {
    this.#keyName = name;
    this.#keyText = undefined;
    this.#handle = undefined;
  }

  /** The key in hex. */
  get keyText(): string {
    this.#keyText ??= textOfName(this.#keyName);
    return this.#keyText;
  }

  get handle(): string {
    this.#handle ??= `${this.keyText}.${this.id}`;
    return this.#handle;
  }

  /** Our connection ID, which its records bear; undefined where it has none. */
  get cid(): Uint8Array | undefined {
    return this.hasCid ? cidOfKey(this.key) : undefined;
  }

  get hasCid(): boolean {
    return isNameOfCid(this.#keyName);
  }

  get maxPayload(): number {
    const { connection } = this;
    if (connection === undefined) return this.#host.wake(this.key, this.id)?.maxPayload ?? 0;
    return connection.maxPayload;
  }

  get allowance(): number {
    const { connection } = this;
    if (connection === undefined) return this.#host.wake(this.key, this.id)?.allowance ?? 0;
    if (this.#unconfirmed === undefined) return connection.maxPayload;
    const left = this.#allowance(this.#unconfirmed) - connection.overhead;
    return Math.max(0, Math.min(connection.maxPayload, left));
  }

  /** Takes a record in; says why where it is dropped. */
  receiveFrom(record: DtlsRecord, from: From): string | undefined {
    this.#from = from.address;
    this.#fromLength = from.length;
    this.countIn(from);
    const connection = this.#connection;
    const reason = connection === undefined ? 'connection has ended' : connection.receive(record);
    this.#from = this.#address; // a datagram's own would be kept with it
    if (reason !== undefined) this.#counts.drop(reason);
    return reason;
  }

  /** Counts a datagram of its peer. */
  countIn(from: From): void {
    if (from.counted) return;
    from.counted = true;
    this.#counts.datagramsIn++;
    this.#counts.octetsIn += from.length;
  }

  sendData(data: Uint8Array): void {
    const { connection } = this;
    if (connection === undefined) return;
    if (connection.next < this.#reserved && this.#outgoing === undefined) {
      connection.send(data);
      return;
    }
    this.#outgoing ??= [];
    if (this.#outgoing.length >= mostWaiting) this.#counts.drop(noRoom);
    else {
      this.#outgoing.push(data.slice());
      this.#note();
    }
  }

  // DtlsPeer

  send(data: Uint8Array): void {
    if (this.#ended) return;
    if (this.#connection === undefined) this.#host.wake(this.key, this.id)?.send(data);
    else this.sendData(data);
  }

  close(): void {
    if (this.#ended) return;
    if (this.#connection === undefined) this.#host.wake(this.key, this.id)?.close();
    else this.#connection.close('closed by us');
  }

  // ConnectionOwner

  transmit(datagram: Uint8Array): void {
    const unconfirmed = this.#unconfirmed;
    if (unconfirmed !== undefined) {
      if (datagram.length > this.#allowance(unconfirmed)) {
        this.#counts.drop('more than an unconfirmed address may get');
        return;
      }
      unconfirmed.sent += datagram.length;
    }
    this.#counts.datagramsOut++;
    this.#counts.octetsOut += datagram.length;
    this.#host.send(datagram, this.#address);
  }

  get mayNumber(): boolean {
    return (this.#connection?.next ?? 0) < this.#reserved;
  }

  established(credential: PeerCredential, session: Uint8Array | undefined): void {
    this.#credential = credential;
    this.#session = session && toHex(session);
    this.#wasEstablished = true;
    this.claim = undefined;
    if (this.#host.keeps) this.#unsaved++;
    this.#began = this.#host.now();
    this.#lastContact = this.#began;
    this.#host.established(this);
  }

  heard(newest: boolean): void {
    this.#lastContact = this.#host.now();
    if (this.#connection?.established !== true) return;
    this.#host.heard(this);
    if (newest && this.#follow()) this.#save();
    else this.#note();
  }

  deliver(data: Uint8Array): void {
    if (!this.#host.keeps) {
      this.#host.deliver(this, data);
      return;
    }
    this.#data ??= [];
    if (this.#data.length >= mostWaiting) this.#counts.drop(noRoom);
    else this.#data.push(data); // its record was `heard`, so it is being saved
  }

  ended(reason: string, error?: Error): void {
    this.#ended = true;
    this.#data = undefined;
    this.#outgoing = undefined;
    this.#host.ended(this, reason, error);
  }

  // Notable

  get isOver(): boolean {
    return this.#ended;
  }

  pack(): Packed {
    if (this.#ended) return 'as it is'; // whoever ended it has seen to that
    const kept = this.keep();
    if (kept === undefined) return 'as it is'; // it sleeps, and went to sleep when the store knew all of it
    const passing = !this.takesNumbers;
    const next = passing ? this.#reserved : kept.state.next + stride;
    this.#goes(next, !passing);
    const octets = packConnection({ ...kept, state: { ...kept.state, next } });
    return { octets, lastContact: this.#lastContact, passing };
  }

  note(): Numbers | undefined {
    const window = this.#connection?.received;
    if (this.#ended || window === undefined) return undefined;
    this.#goes(this.#reserved, false);
    return { next: this.#reserved, window };
  }

  /** Some are left, as a rule, so that nothing waits when more are taken. */
  get takesNumbers(): boolean {
    return !this.#hasRow || this.#reserved - (this.#connection?.next ?? 0) < fewLeft;
  }

  /** What goes to the store says that the numbers below this one are taken. */
  #goes(reserved: number, lasting: boolean): void {
    // From now on the store may know this number, so no higher one leaves before it knows a higher one.
    if (this.#reserved === Number.POSITIVE_INFINITY) this.#reserved = reserved;
    this.#packed = { reserved, data: this.#data?.length ?? 0, changes: this.#unsaved, lasting };
  }

  packed(): void {
    const packed = this.#packed;
    if (packed === undefined) return;
    this.#packed = undefined;
    this.#unsaved -= packed.changes;
    if (packed.lasting) this.#hasRow = true;
    this.#reserved = Math.max(packed.reserved, this.#reserved);
    const data = this.#data?.splice(0, packed.data) ?? [];
    if (this.#data?.length === 0) this.#data = undefined;
    for (const one of data) if (!this.#ended) this.#host.deliver(this, one);
    const outgoing = this.#outgoing ?? [];
    this.#outgoing = undefined;
    for (const one of outgoing) this.send(one);
    this.#host.saved(this);
  }

  /** As it is now; undefined where it is not established. */
  keep(): KeptConnection | undefined {
    const state = this.#connection?.state;
    if (state === undefined) return undefined;
    return {
      id: typeof this.#id === 'string' ? hex(this.#id) : this.#id,
      address: this.#address,
      confirmed: this.#unconfirmed === undefined,
      credential: this.#credential,
      began: this.began,
      lastContact: this.lastContact,
      counts: this.counts,
      state,
    };
  }

  /** Whether the store knows all of it that it has to know. */
  get isQuiet(): boolean {
    return this.#unsaved === 0 && this.#data === undefined && this.#outgoing === undefined;
  }

  /** Goes to sleep: its work is done by whoever wakes. */
  sleep(): void {
    this.#connection?.leave();
    this.#connection = undefined;
  }

  /** It has ended without a word, while it slept. */
  forget(): void {
    this.#ended = true;
    this.#connection?.leave();
    this.#connection = undefined;
  }

  /** The peer's newest record shows where it is now; says whether that is news. */
  #follow(): boolean {
    const from = this.#from;
    if (from.address !== this.#address.address || from.port !== this.#address.port) {
      const before = this.#address;
      if (!this.hasCid) return false; // found by its address, it cannot have another
      this.#address = placeOf(from);
      this.#unconfirmed = { received: this.#fromLength, sent: 0 };
      this.#counts.moves++;
      this.#host.moved(this, before);
      return true;
    }
    if (this.#unconfirmed === undefined) return false;
    // Something went there, and the peer speaks on from there: it is there.
    if (this.#unconfirmed.sent > 0) {
      this.#unconfirmed = undefined;
      return true;
    }
    this.#unconfirmed.received += this.#fromLength;
    return false;
  }

  #save(): void {
    if (!this.#host.keeps) return;
    this.#unsaved++;
    this.#host.save(this);
  }

  /** Has its numbers written: nothing else that a restart must not forget has changed. */
  #note(): void {
    if (!this.#host.keeps) return;
    this.#unsaved++;
    this.#host.note(this);
  }

  #allowance({ received, sent }: Unconfirmed): number {
    return amplification * received - sent;
  }

  toString(): string {
    return `${this.id} at ${addressText(this.#address)}`;
  }
}

/** The address alone: a socket tells more, which would be kept with it. */
function placeOf({ address, port }: Address): Address {
  return { address, port };
}

const anonymous: PeerCredential = { type: 'anonymous' };

const noRoom = 'no room until the store has written';
