/**
 * One peer, from the first message of its handshake to the end (RFC 6347 §4.2): opens records, puts handshake
 * messages together, feeds them to the handshake and does what it asks for. The same for client and server; which
 * of the two we are decides the handshake, the keys and whose last flight is the last.
 */
import { toHex } from '../base/bytes.ts';
import type { Cancel, Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import {
  AlertDescription,
  AlertLevel,
  alertText,
  decodeAlert,
  encodeAlert,
  HandshakeError,
} from './alert.ts';
import type { Ccm } from './ccm.ts';
import {
  type ConnectionIds,
  type DirectionCid,
  isHexOf,
  noConnectionIds,
} from './connection-id.ts';
import { EarlyRecords } from './early-records.ts';
import { ReadEpoch, WriteEpoch } from './epoch.ts';
import type { Flight, FlightPacker } from './flight.ts';
import { unlimited } from './fragment-limits.ts';
import { Reassembly, readFragments } from './fragments.ts';
import type { Established, Handshake, Turn } from './handshake.ts';
import type { EpochKeys } from './key-schedule.ts';
import {
  type Fragment,
  type HandshakeMessage,
  HandshakeType,
} from './messages/handshake-message.ts';
import { protect } from './protect.ts';
import { ContentType, type DtlsRecord } from './record.ts';
import { ReplayWindow, type WindowState } from './replay-window.ts';
import { Retransmission } from './retransmission.ts';
import { type ConnectionLimits, type ConnectionTimes, leastMtu } from './settings.ts';

/** What all connections of one server, or the one of a client, share. */
export interface ConnectionSettings {
  readonly side: 'client' | 'server';
  readonly clock: Clock;
  readonly log: Log;
  /** Octets of a datagram at most. */
  readonly mtu: number;
  readonly limits: ConnectionLimits;
  readonly times: ConnectionTimes;
  readonly packer: FlightPacker;
  /** For records under CCM. Absent: those of node:crypto. */
  readonly ccm?: Ccm | undefined;
  /** Answer records of a handshake that do not open with decrypt_error. For laboratories. */
  readonly explain: boolean;
}

/** Whom a connection works for. */
export interface ConnectionOwner<Credential> {
  /** Sends a datagram to the peer. */
  transmit(datagram: Uint8Array): void;
  /** Whether a record that is neither data nor new may be numbered now; where it may not, it is lost. */
  readonly mayNumber?: boolean;
  /** The handshake is done; data may go both ways. `session` is the name of the one that may be resumed. */
  established(credential: Credential, session: Uint8Array | undefined): void;
  /** An authentic record has come; `newest`: none with a higher number came before. Told before what it holds is. */
  heard?(newest: boolean): void;
  deliver(data: Uint8Array): void;
  /** Told once, however it ended; `error` is the peer's or our fault, where it was one. */
  ended(reason: string, error?: Error): void;
}

/** Where a handshake's numbers begin. */
export interface ConnectionStart {
  /** message_seq of the first message that the handshake waits for. */
  readonly due: number;
  /** sequence_number of our first record. */
  readonly firstRecord: number;
}

/** All that an established connection lives on; it can go on elsewhere with it. */
export interface ConnectionState {
  readonly keys: EpochKeys;
  readonly cids: ConnectionIds;
  /** Most octets of data that the peer takes in one record. */
  readonly longest: number;
  /** sequence_number of our next record. */
  readonly next: number;
  readonly window: WindowState;
}

/** So often a flight is repeated in datagrams of full size; thereafter in such as every network carries. */
const confidentAttempts = 2;
const cautiousSize = 512;

export class Connection<Credential> {
  readonly #settings: ConnectionSettings;
  readonly #owner: ConnectionOwner<Credential>;
  /** Only while there is a handshake. */
  #retransmission: Retransmission | undefined;
  #state: 'handshaking' | 'established' | 'ended' = 'handshaking';
  /** Only while there is a handshake: it holds all of its messages. */
  #conversation: Conversation<Credential> | undefined;
  /** Epoch 0, for as long as some of it may go out. */
  #plain: WriteEpoch | undefined;
  #start: ConnectionStart | undefined;
  #keys: EpochKeys | undefined;
  /** Those that it may be instead of `#keys`, before the first record has come. */
  #otherKeys = noKeys;
  /** Our connection ID in hex, which takes less room; empty: none. */
  #own = '';
  #peersCid: DirectionCid | undefined;
  #draftCids = false;
  #fragments = unlimited;
  #writer: WriteEpoch | undefined;
  #reader: ReadEpoch | undefined;
  /** Whether our change_cipher_spec went out. */
  #changed = false;
  /** Our last flight, while the peer may not have got it. */
  #last: Flight | undefined;
  /** message_seq of the peer's Finished. */
  #peerFinished: number | undefined;
  #deadline: Cancel | undefined;
  #unopened = 0;
  #flights = 0;
  #repeatedFlights = 0;

  /** Begun where the handshake is to begin, or gone on with where it had been `kept`. */
  constructor(
    settings: ConnectionSettings,
    owner: ConnectionOwner<Credential>,
    from: ConnectionStart | { readonly kept: ConnectionState },
  ) {
    const { clock, times, mtu } = settings;
    if (mtu < leastMtu) throw new RangeError(`an MTU of ${mtu} octets; ${leastMtu} is the least`);
    this.#settings = settings;
    this.#owner = owner;
    if ('kept' in from) {
      this.#restore(from.kept);
    } else {
      this.#start = from;
      this.#plain = new WriteEpoch(0, undefined, { sequence: from.firstRecord });
      this.#deadline = clock.after(times.handshake, () => this.#timedOut());
    }
  }

  get established(): boolean {
    return this.#state === 'established';
  }

  /** Flights of ours, each counted once; and how often one was sent again. */
  get flights(): { readonly sent: number; readonly repeated: number } {
    return { sent: this.#flights, repeated: this.#repeatedFlights };
  }

  /** Octets of data that fit one datagram, once there are keys. */
  get maxPayload(): number {
    return Math.min(this.#settings.mtu - this.overhead, this.#fragments.sealed);
  }

  /** Octets that a datagram with data is longer than the data. */
  get overhead(): number {
    return (this.#writer ?? this.#plain)?.overhead ?? 0;
  }

  /** Whether its last flight is kept for a peer that may not have got it. */
  get lingers(): boolean {
    return this.#last !== undefined;
  }

  /** sequence_number of the next record under keys. */
  get next(): number {
    return this.#writer?.next ?? 0;
  }

  /** What it agreed on, once there are keys. */
  get keys(): EpochKeys | undefined {
    return this.#keys;
  }

  get cids(): ConnectionIds {
    const octets = new Uint8Array(Buffer.from(this.#own, 'hex'));
    const own = octets.length === 0 ? undefined : { octets, draft: this.#draftCids };
    return { own, peers: this.#peersCid };
  }

  /** Whether the peer finds us by a connection ID of ours. */
  get hasCid(): boolean {
    return this.#own !== '';
  }

  /** What it lives on, now; undefined where it is not established. */
  get state(): ConnectionState | undefined {
    if (this.#state !== 'established' || this.#keys === undefined) return undefined;
    if (this.#reader === undefined) return undefined;
    const { state } = this.#reader.window;
    return {
      keys: this.#keys,
      cids: this.cids,
      longest: this.#fragments.sealed,
      next: this.next,
      window: state,
    };
  }

  /** Which numbers of the peer's were received; undefined where it is not established. */
  get received(): WindowState | undefined {
    return this.#state === 'established' ? this.#reader?.window.state : undefined;
  }

  /** Begins the handshake. */
  start(handshake: Handshake<Credential>): void {
    const { limits, clock, times } = this.#settings;
    this.#retransmission = new Retransmission(clock, times.retransmission, {
      send: (flight) => this.#sendFlight(flight),
      repeat: (flight, attempt) => this.#repeatFlight(flight, attempt),
    });
    this.#conversation = {
      handshake,
      reassembly: new Reassembly(this.#start?.due ?? 0, limits),
      early: undefined,
      data: undefined,
    };
    this.#start = undefined;
    this.#go();
  }

  /** The peer repeats what began the handshake: so does our first flight, though not too often. */
  repeat(): boolean {
    return this.#retransmission?.repeat() ?? false;
  }

  /** Takes a record in; says why where it is not this connection's. */
  receive(record: DtlsRecord): string | undefined {
    if (this.#state === 'ended') return 'connection has ended';
    return record.epoch === 0 ? this.#receivePlain(record) : this.#receiveProtected(record);
  }

  /** One record of application data in one datagram. What is sent before or after the connection is lost. */
  send(data: Uint8Array): void {
    if (data.length > this.#fragments.sealed) {
      throw new RangeError(`${data.length} octets in one record`);
    }
    if (this.#state !== 'established') {
      this.#settings.log.debug('data for a connection that is not open');
      return;
    }
    this.#write(ContentType.applicationData, data);
  }

  /** Ends the connection and tells the peer. */
  close(reason: string): void {
    if (this.#state === 'established') {
      this.#alert(AlertLevel.warning, AlertDescription.closeNotify);
    }
    this.end(reason);
  }

  /** Ends the connection and its session, and tells the peer (RFC 5246 §7.2.2). */
  abort(reason: string): void {
    if (this.#state === 'established') {
      this.#alert(AlertLevel.fatal, AlertDescription.internalError);
    }
    this.end(reason);
  }

  /** Ends the connection in silence. */
  end(reason: string, error?: Error): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#release();
    this.#owner.ended(reason, error);
  }

  /** Ends here, to go on elsewhere with the state that was taken: nobody is told. */
  leave(): void {
    this.#state = 'ended';
    this.#release();
  }

  #release(): void {
    this.#retransmission?.stop();
    this.#retransmission = undefined;
    this.#deadline?.();
    this.#deadline = undefined;
    this.#conversation = undefined;
    this.#last = undefined;
  }

  #restore({ keys, cids, longest, next, window }: ConnectionState): void {
    this.#fragments = { ...unlimited, sealed: longest };
    this.#state = 'established';
    this.#changed = true;
    this.#install(keys, cids, next, new ReplayWindow(window));
  }

  #receivePlain(record: DtlsRecord): string | undefined {
    if (this.#conversation === undefined) return 'plaintext on an established connection';
    switch (record.type) {
      case ContentType.handshake:
        return this.#receiveFragments(0, record.fragment, this.#conversation);
      case ContentType.alert:
        return this.#receiveAlert(record.fragment);
      case ContentType.changeCipherSpec:
        return undefined; // says nothing that the epoch of the records behind it does not
      default:
        return 'plaintext data';
    }
  }

  #receiveProtected(record: DtlsRecord): string | undefined {
    if (this.#otherKeys.length > 0) this.#settleKeys(record);
    const reader = this.#reader;
    if (reader === undefined) return this.#keepEarly('early', record);
    if (!this.hasCid && record.cid !== undefined) return 'connection ID that was not agreed on';
    if (this.hasCid) {
      // RFC 9146 §3: whoever asked for a connection ID takes no record without it.
      if (record.cid === undefined) return 'record without the connection ID';
      if (!isHexOf(this.#own, record.cid)) return 'connection ID of another connection';
    }
    if (!reader.isNew(record)) return 'record received before';
    const read = reader.read(record);
    if (read === undefined) return this.#notAuthentic();
    const { type, plaintext, newest } = read;
    this.#owner.heard?.(newest);
    switch (type) {
      case ContentType.applicationData:
        // Data that comes before Finished waits until the peer has proved who it is.
        if (this.#state === 'handshaking') {
          return this.#keepEarly('data', { ...record, type, fragment: plaintext });
        }
        this.#forgetLast(); // the peer has data to send, so it has our last flight
        this.#owner.deliver(plaintext);
        return undefined;
      case ContentType.alert:
        return this.#receiveAlert(plaintext);
      case ContentType.handshake:
        return this.#conversation === undefined
          ? this.#receiveLate(plaintext)
          : this.#receiveFragments(record.epoch, plaintext, this.#conversation);
      default:
        return 'change_cipher_spec in a protected epoch';
    }
  }

  #keepEarly(which: 'early' | 'data', record: DtlsRecord): string | undefined {
    const conversation = this.#conversation;
    if (conversation === undefined) return undefined;
    conversation[which] ??= new EarlyRecords(this.#settings.limits);
    return conversation[which].keep(record);
  }

  #notAuthentic(): string {
    this.#unopened++;
    if (this.#settings.explain && this.#state === 'handshaking') {
      const complaint = 'a record that does not open: is it the right key?';
      this.#fail(new HandshakeError(AlertDescription.decryptError, complaint));
    }
    return 'record not authentic';
  }

  /** Only Finished is protected, and Finished always is: a fragment in the wrong epoch is not the peer's. */
  #receiveFragments(
    recordEpoch: number,
    octets: Uint8Array,
    { reassembly }: Conversation<Credential>,
  ): string | undefined {
    const fragments = readFragments(octets);
    if (fragments === undefined) return 'malformed handshake record';
    let reason: string | undefined;
    for (const fragment of fragments) {
      const epoch = fragment.type === HandshakeType.finished ? 1 : 0;
      const refused = recordEpoch === epoch ? reassembly.add(fragment) : 'wrong epoch';
      reason ??= refused;
    }
    for (let next = reassembly.next(); next !== undefined; next = reassembly.next()) {
      if (this.#state === 'handshaking') this.#hear(next);
    }
    return reason;
  }

  #hear(message: HandshakeMessage): void {
    // The peer's next flight has begun, so it has ours. A client goes on all the same until it is whole: for want of
    // an answer, a server does not repeat its last flight.
    if (this.#settings.side === 'server') this.#retransmission?.stop();
    if (message.type === HandshakeType.finished) this.#peerFinished = message.sequence;
    this.#go(message);
  }

  /** Lets the handshake begin, or go on with a message, until its next turn, and does what that asks for. */
  #go(message?: HandshakeMessage): void {
    if (this.#conversation === undefined) return;
    const { handshake } = this.#conversation;
    let step: IteratorResult<Turn, Established<Credential>>;
    try {
      step = message === undefined ? handshake.next() : handshake.next(message);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (step.done) this.#establish(step.value);
    else this.#take(step.value);
  }

  #take(turn: Turn): void {
    this.#fragments = turn.fragments ?? this.#fragments;
    if (turn.keys !== undefined) this.#installFirst(turn.keys, turn.cids ?? noConnectionIds);
    if (turn.send.length > 0) this.#retransmission?.start(turn.send);
    if (turn.keys !== undefined) this.#replayEarly();
  }

  /** Of several keys, the first record that opens decides; nothing goes out under any of them before. */
  #installFirst([first, ...others]: readonly EpochKeys[], cids: ConnectionIds): void {
    if (first === undefined) throw new Error('no keys');
    this.#install(first, cids);
    this.#otherKeys = others.length === 0 ? noKeys : others;
  }

  #settleKeys(record: DtlsRecord): void {
    const { side } = this.#settings;
    const theirs = side === 'client' ? 'server' : 'client';
    const opens = (keys: EpochKeys) =>
      new ReadEpoch(protect(keys, theirs), this.#covered()).read(record) !== undefined;
    const found = [this.#keys, ...this.#otherKeys].find(
      (keys) => keys !== undefined && opens(keys),
    );
    if (found === undefined) return;
    this.#install(found, this.cids);
    this.#otherKeys = noKeys;
  }

  #install(
    keys: EpochKeys,
    cids: ConnectionIds,
    sequence = 0,
    window: ReplayWindow | undefined = undefined,
  ): void {
    const { side, ccm } = this.#settings;
    const theirs = side === 'client' ? 'server' : 'client';
    this.#keys = keys;
    this.#own = cids.own === undefined ? '' : toHex(cids.own.octets);
    this.#peersCid = cids.peers;
    this.#draftCids = cids.own?.draft === true;
    this.#writer = new WriteEpoch(1, protect(keys, side, ccm), { sequence, cid: cids.peers });
    this.#reader = new ReadEpoch(protect(keys, theirs, ccm), this.#covered(), window);
  }

  /** How the records that we receive bear our connection ID. */
  #covered(): Pick<DirectionCid, 'draft'> | undefined {
    if (!this.hasCid) return undefined;
    return this.#draftCids ? coveredAsInDrafts : coveredAsInRfc;
  }

  #establish({ send, credential, session }: Established<Credential>): void {
    this.#retransmission?.stop();
    this.#retransmission = undefined;
    this.#deadline?.();
    this.#deadline = undefined;
    this.#state = 'established';
    if (send.length > 0) {
      this.#last = send;
      this.#sendFlight(send);
      const { clock, times } = this.#settings;
      this.#deadline = clock.after(times.linger, () => this.#forgetLast());
    } else this.#plain = undefined;
    this.#owner.established(credential, session);
    this.#replayEarly();
    const data = this.#conversation?.data?.take() ?? noRecords;
    this.#conversation = undefined;
    if (data.length > 0) this.#forgetLast();
    for (const { fragment } of data) this.#owner.deliver(fragment);
  }

  #forgetLast(): void {
    if (this.#last === undefined) return;
    this.#last = undefined;
    this.#plain = undefined;
    this.#deadline?.();
    this.#deadline = undefined;
  }

  #replayEarly(): void {
    const early = this.#conversation?.early?.take() ?? noRecords;
    for (const record of early) {
      const reason = this.receive(record);
      if (reason !== undefined) this.#settings.log.drop(reason);
    }
  }

  /** Handshake messages after the handshake: the peer's last flight again, or a wish for another handshake. */
  #receiveLate(octets: Uint8Array): string | undefined {
    const fragments = readFragments(octets);
    if (fragments === undefined) return 'malformed handshake record';
    if (fragments.some((fragment) => this.#repeatsFinished(fragment))) {
      if (this.#last !== undefined) this.#repeatFlight(this.#last, 0);
      return undefined;
    }
    const wish =
      this.#settings.side === 'server' ? HandshakeType.clientHello : HandshakeType.helloRequest;
    if (fragments.some(({ type }) => type === wish)) {
      this.#alert(AlertLevel.warning, AlertDescription.noRenegotiation);
      return undefined;
    }
    return 'handshake message after the handshake';
  }

  #repeatsFinished({ type, sequence }: Fragment): boolean {
    return type === HandshakeType.finished && sequence === this.#peerFinished;
  }

  #receiveAlert(fragment: Uint8Array): string | undefined {
    const alert = decodeAlert(fragment);
    if (alert === undefined) return 'malformed alert';
    if (alert.description === AlertDescription.closeNotify) this.close('closed by the peer');
    else if (alert.level === AlertLevel.fatal) {
      const reason = `alert of the peer: ${alertText(alert.description)}`;
      this.end(reason, new Error(reason));
    }
    return undefined;
  }

  /** The handshake has failed: by the peer's fault, which gets the alert due, or by ours. */
  #fail(error: unknown): void {
    if (error instanceof HandshakeError) {
      this.#alert(AlertLevel.fatal, error.alert);
      this.end(error.message, error);
      return;
    }
    const fault = error instanceof Error ? error : new Error(String(error));
    this.#settings.log.error('handshake broke', { message: fault.message, stack: fault.stack });
    this.#alert(AlertLevel.fatal, AlertDescription.internalError);
    this.end('internal error', fault);
  }

  #timedOut(): void {
    const reason =
      this.#unopened > 0
        ? 'handshake timed out after records that did not open: is it the right key?'
        : 'handshake timed out';
    this.end(reason, new Error(reason));
  }

  #sendFlight(flight: Flight): void {
    this.#flights++;
    if (flight.includes('change_cipher_spec')) this.#changed = true;
    this.#transmit(flight, this.#settings.mtu, false);
  }

  /** After some vain attempts in small datagrams, with one record each (RFC 6347 §4.1.1.1). */
  #repeatFlight(flight: Flight, attempt: number): void {
    if (this.#state === 'established' && this.#owner.mayNumber === false) return;
    this.#repeatedFlights++;
    const { mtu } = this.#settings;
    const cautious = attempt > confidentAttempts;
    this.#transmit(flight, cautious ? Math.min(mtu, cautiousSize) : mtu, cautious);
  }

  #transmit(flight: Flight, size: number, apart: boolean): void {
    const packing = { fragments: this.#fragments, size, apart };
    if (this.#plain === undefined) return;
    const writers = [this.#plain, this.#writer] as const;
    const { packer } = this.#settings;
    for (const datagram of packer.pack(flight, writers, packing)) this.#owner.transmit(datagram);
  }

  #alert(level: AlertLevel, description: AlertDescription): void {
    if (this.#state === 'established' && this.#owner.mayNumber === false) return;
    this.#write(ContentType.alert, encodeAlert(level, description));
  }

  /** One record in one datagram, protected once our change_cipher_spec is out. */
  #write(type: ContentType, plaintext: Uint8Array): void {
    const writer = (this.#changed ? this.#writer : undefined) ?? this.#plain;
    if (writer?.open === true) this.#owner.transmit(writer.write(type, plaintext));
    else this.end('record numbers are used up');
  }
}

/** One for all: there are many connections. */
const noKeys: readonly EpochKeys[] = [];
const noRecords: readonly DtlsRecord[] = [];
const coveredAsInRfc = { draft: false } as const;
const coveredAsInDrafts = { draft: true } as const;

/** What a connection needs during its handshake only. */
interface Conversation<Credential> {
  readonly handshake: Handshake<Credential>;
  readonly reassembly: Reassembly;
  /** Protected records that came before the keys; undefined, as a rule: none. */
  early: EarlyRecords | undefined;
  /** Data that came before the peer's Finished, opened; likewise. */
  data: EarlyRecords | undefined;
}
