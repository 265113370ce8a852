/**
 * One peer, from the first message of its handshake to the end (RFC 6347 §4.2): opens records, puts handshake
 * messages together, feeds them to the handshake and does what it asks for. The same for client and server; which
 * of the two we are decides the handshake, the keys and whose last flight is the last.
 */
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
import { EarlyRecords } from './early-records.ts';
import { ReadEpoch, WriteEpoch } from './epoch.ts';
import { type Flight, type Packing, packFlight } from './flight.ts';
import { Reassembly, readFragments } from './fragments.ts';
import type { Established, Handshake, Turn } from './handshake.ts';
import type { EpochKeys } from './key-schedule.ts';
import {
  type Fragment,
  type HandshakeMessage,
  HandshakeType,
} from './messages/handshake-message.ts';
import { protect } from './protect.ts';
import { ContentType, type DtlsRecord, longestData } from './record.ts';
import { Retransmission } from './retransmission.ts';
import { type ConnectionLimits, type ConnectionTimes, leastMtu } from './settings.ts';

export interface ConnectionOptions<Credential> {
  readonly side: 'client' | 'server';
  /** message_seq of the first message that the handshake waits for. */
  readonly due: number;
  /** sequence_number of our first record. */
  readonly firstRecord: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Octets of a datagram at most. */
  readonly mtu: number;
  readonly limits: ConnectionLimits;
  readonly times: ConnectionTimes;
  /** Answer records of a handshake that do not open with decrypt_error. For laboratories. */
  readonly explain: boolean;
  send(datagram: Uint8Array): void;
  /** The handshake is done; data may go both ways. */
  established(credential: Credential): void;
  deliver(data: Uint8Array): void;
  /** Told once, however it ended; `error` is the peer's or our fault, where it was one. */
  ended(reason: string, error?: Error): void;
}

/** So often a flight is repeated in datagrams of full size; thereafter in such as every network carries. */
const confidentAttempts = 2;
const cautiousSize = 512;

export class Connection<Credential> {
  readonly #options: ConnectionOptions<Credential>;
  readonly #retransmission: Retransmission;
  #state: 'handshaking' | 'established' | 'ended' = 'handshaking';
  /** Only while there is a handshake: it holds all of its messages. */
  #conversation: Conversation<Credential> | undefined;
  readonly #plain: WriteEpoch;
  #writer: WriteEpoch | undefined;
  #reader: ReadEpoch | undefined;
  /** Whether our change_cipher_spec went out. */
  #changed = false;
  /** Our last flight, while the peer may not have got it. */
  #last: Flight | undefined;
  /** message_seq of the peer's Finished. */
  #peerFinished: number | undefined;
  #deadline: Cancel;
  #unopened = 0;
  #flights = 0;
  #repeatedFlights = 0;

  constructor(options: ConnectionOptions<Credential>) {
    const { clock, times, mtu } = options;
    if (mtu < leastMtu) throw new RangeError(`an MTU of ${mtu} octets; ${leastMtu} is the least`);
    this.#options = options;
    this.#plain = new WriteEpoch(0, undefined, options.firstRecord);
    this.#retransmission = new Retransmission(clock, times.retransmission, {
      send: (flight) => this.#sendFlight(flight),
      repeat: (flight, attempt) => this.#repeatFlight(flight, attempt),
    });
    this.#deadline = clock.after(times.handshake, () => this.#timedOut());
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
    return this.#options.mtu - (this.#writer ?? this.#plain).overhead;
  }

  /** Begins the handshake. */
  start(handshake: Handshake<Credential>): void {
    const { due, limits } = this.#options;
    const early = new EarlyRecords(limits);
    this.#conversation = { handshake, reassembly: new Reassembly(due, limits), early };
    this.#go(() => handshake.next());
  }

  /** The peer repeats what began the handshake: so does our first flight, though not too often. */
  repeat(): boolean {
    return this.#retransmission.repeat();
  }

  /** Takes a record in; says why where it is not this connection's. */
  receive(record: DtlsRecord): string | undefined {
    if (this.#state === 'ended') return 'connection has ended';
    return record.epoch === 0 ? this.#receivePlain(record) : this.#receiveProtected(record);
  }

  /** One record of application data in one datagram. What is sent before or after the connection is lost. */
  send(data: Uint8Array): void {
    if (data.length > longestData) throw new RangeError(`${data.length} octets in one record`);
    if (this.#state !== 'established') {
      this.#options.log.debug('data for a connection that is not open');
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

  /** Ends the connection in silence. */
  end(reason: string, error?: Error): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#retransmission.stop();
    this.#deadline();
    this.#conversation = undefined;
    this.#last = undefined;
    this.#options.ended(reason, error);
  }

  #receivePlain(record: DtlsRecord): string | undefined {
    if (this.#conversation === undefined) return 'plaintext on an established connection';
    switch (record.type) {
      case ContentType.handshake:
        return this.#receiveFragments(record, this.#conversation);
      case ContentType.alert:
        return this.#receiveAlert(record.fragment);
      case ContentType.changeCipherSpec:
        return undefined; // says nothing that the epoch of the records behind it does not
      default:
        return 'plaintext data';
    }
  }

  #receiveProtected(record: DtlsRecord): string | undefined {
    const reader = this.#reader;
    const data = record.type === ContentType.applicationData;
    if (reader === undefined || (data && this.#state === 'handshaking')) {
      // Kept until there are keys, data until the peer has proved who it is.
      return this.#conversation?.early.keep(record);
    }
    if (!reader.isNew(record)) return 'record received before';
    const plaintext = reader.read(record);
    if (plaintext === undefined) return this.#notAuthentic();
    const opened = { ...record, fragment: plaintext };
    switch (record.type) {
      case ContentType.applicationData:
        this.#forgetLast(); // the peer has data to send, so it has our last flight
        this.#options.deliver(plaintext);
        return undefined;
      case ContentType.alert:
        return this.#receiveAlert(plaintext);
      case ContentType.handshake:
        return this.#conversation === undefined
          ? this.#receiveLate(opened)
          : this.#receiveFragments(opened, this.#conversation);
      default:
        return 'change_cipher_spec in a protected epoch';
    }
  }

  #notAuthentic(): string {
    this.#unopened++;
    if (this.#options.explain && this.#state === 'handshaking') {
      const complaint = 'a record that does not open: is it the right key?';
      this.#fail(new HandshakeError(AlertDescription.decryptError, complaint));
    }
    return 'record not authentic';
  }

  /** Only Finished is protected, and Finished always is: a fragment in the wrong epoch is not the peer's. */
  #receiveFragments(
    record: DtlsRecord,
    { reassembly }: Conversation<Credential>,
  ): string | undefined {
    const fragments = readFragments(record.fragment);
    if (fragments === undefined) return 'malformed handshake record';
    let reason: string | undefined;
    for (const fragment of fragments) {
      const epoch = fragment.type === HandshakeType.finished ? 1 : 0;
      const refused = record.epoch === epoch ? reassembly.add(fragment) : 'wrong epoch';
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
    if (this.#options.side === 'server') this.#retransmission.stop();
    if (message.type === HandshakeType.finished) this.#peerFinished = message.sequence;
    this.#go((handshake) => handshake.next(message));
  }

  /** Lets the handshake go on until its next turn, and does what that asks for. */
  #go(on: (handshake: Handshake<Credential>) => IteratorResult<Turn, Established<Credential>>) {
    if (this.#conversation === undefined) return;
    let step: IteratorResult<Turn, Established<Credential>>;
    try {
      step = on(this.#conversation.handshake);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (step.done) this.#establish(step.value);
    else this.#take(step.value);
  }

  #take(turn: Turn): void {
    if (turn.keys !== undefined) this.#install(turn.keys);
    if (turn.send.length > 0) this.#retransmission.start(turn.send);
    if (turn.keys !== undefined) this.#replayEarly();
  }

  #install(keys: EpochKeys): void {
    const { side } = this.#options;
    this.#writer = new WriteEpoch(1, protect(keys, side));
    this.#reader = new ReadEpoch(protect(keys, side === 'client' ? 'server' : 'client'));
  }

  #establish({ send, credential }: Established<Credential>): void {
    this.#retransmission.stop();
    this.#deadline();
    this.#state = 'established';
    if (send.length > 0) {
      this.#last = send;
      this.#sendFlight(send);
      const { clock, times } = this.#options;
      this.#deadline = clock.after(times.linger, () => this.#forgetLast());
    }
    this.#options.established(credential);
    this.#replayEarly();
    this.#conversation = undefined;
  }

  #forgetLast(): void {
    if (this.#last === undefined) return;
    this.#last = undefined;
    this.#deadline();
  }

  #replayEarly(): void {
    const early = this.#conversation?.early.take() ?? [];
    for (const record of early) {
      const reason = this.receive(record);
      if (reason !== undefined) this.#options.log.drop(reason);
    }
  }

  /** Handshake messages after the handshake: the peer's last flight again, or a wish for another handshake. */
  #receiveLate(record: DtlsRecord): string | undefined {
    const fragments = readFragments(record.fragment);
    if (fragments === undefined) return 'malformed handshake record';
    if (fragments.some((fragment) => this.#repeatsFinished(fragment))) {
      if (this.#last !== undefined) this.#repeatFlight(this.#last, 0);
      return undefined;
    }
    const wish =
      this.#options.side === 'server' ? HandshakeType.clientHello : HandshakeType.helloRequest;
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
    this.#options.log.error('handshake broke', { message: fault.message, stack: fault.stack });
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
    this.#transmit(flight, { size: this.#options.mtu, apart: false });
  }

  /** After some vain attempts in small datagrams, with one record each (RFC 6347 §4.1.1.1). */
  #repeatFlight(flight: Flight, attempt: number): void {
    this.#repeatedFlights++;
    const { mtu } = this.#options;
    const cautious = attempt > confidentAttempts;
    this.#transmit(flight, {
      size: cautious ? Math.min(mtu, cautiousSize) : mtu,
      apart: cautious,
    });
  }

  #transmit(flight: Flight, packing: Packing): void {
    const { send } = this.#options;
    for (const datagram of packFlight(flight, [this.#plain, this.#writer], packing)) send(datagram);
  }

  #alert(level: AlertLevel, description: AlertDescription): void {
    this.#write(ContentType.alert, encodeAlert(level, description));
  }

  /** One record in one datagram, protected once our change_cipher_spec is out. */
  #write(type: ContentType, plaintext: Uint8Array): void {
    const writer = (this.#changed ? this.#writer : undefined) ?? this.#plain;
    if (writer.open) this.#options.send(writer.write(type, plaintext));
    else this.end('record numbers are used up');
  }
}

/** What a connection needs during its handshake only. */
interface Conversation<Credential> {
  readonly handshake: Handshake<Credential>;
  readonly reassembly: Reassembly;
  readonly early: EarlyRecords;
}
