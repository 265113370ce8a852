/** Flights: the messages that go out together and are repeated together (RFC 6347 §4.2.4), and their datagrams. */
import type { Stock } from '../base/stock.ts';
import type { FragmentLimits } from './fragment-limits.ts';
import {
  fragmentOf,
  type HandshakeMessage,
  handshakeHeaderLength,
  putFragment,
} from './messages/handshake-message.ts';
import { ContentType, recordHeaderLength } from './record.ts';

export type FlightItem = HandshakeMessage | 'change_cipher_spec';

/** What stands before change_cipher_spec goes in epoch 0, the rest in epoch 1. */
export type Flight = readonly FlightItem[];

/** Writes records in an epoch. */
export interface RecordWriter {
  /** Octets that a record is longer than what it carries. */
  readonly overhead: number;
  /** As WriteEpoch has it. */
  put(datagram: Uint8Array, at: number, type: ContentType, length: number): number;
}

export interface Packing {
  /** Most octets of plaintext in a record. */
  readonly fragments: FragmentLimits;
  /** Most octets of a datagram. */
  readonly size: number;
  /** Each record in a datagram of its own. */
  readonly apart: boolean;
}

/** A fragment shorter than this is not worth its two headers: it goes into the next datagram. */
const leastFragment = 64;

/** Puts the datagrams of flights together: one for all connections of a server. */
export class FlightPacker {
  /** What stands here in the end was sent. */
  readonly #held: Uint8Array;
  #datagrams: Uint8Array[] = [];
  #datagram: Uint8Array;
  #size = 0;
  #apart = false;
  #end = 0;

  readonly #stock: Stock;

  /** What leaves is of the stock; longer datagrams than `held` octets are put together in memory of their own. */
  constructor(stock: Stock, held: number) {
    this.#stock = stock;
    this.#held = new Uint8Array(held);
    this.#datagram = this.#held;
  }

  /**
   * The datagrams of a flight, each time with new record numbers. A record carries one handshake message or one
   * fragment of one, and a message is fragmented only where it does not fit a datagram: some stacks of small devices
   * know it no other way.
   */
  pack(
    flight: Flight,
    [plain, sealed]: readonly [RecordWriter, RecordWriter | undefined],
    { size, apart, fragments }: Packing,
  ): readonly Uint8Array[] {
    this.#datagrams = [];
    this.#datagram = size <= this.#held.length ? this.#held : new Uint8Array(size);
    this.#size = size;
    this.#apart = apart;
    this.#end = 0;
    let writer = plain;
    let longest = fragments.plain;
    for (const item of flight) {
      if (item !== 'change_cipher_spec') {
        this.#addMessage(item, writer, longest);
        continue;
      }
      this.#addChange(writer);
      if (sealed === undefined) throw new Error('change_cipher_spec before there are keys');
      writer = sealed;
      longest = fragments.sealed;
    }
    this.#flush();
    return this.#datagrams;
  }

  #addMessage(message: HandshakeMessage, writer: RecordWriter, longest: number): void {
    const around = writer.overhead + handshakeHeaderLength;
    const most = longest - handshakeHeaderLength;
    const { body } = message;
    let offset = 0;
    do {
      if (this.#apart) this.#flush();
      const left = body.length - offset;
      const whole = around + Math.min(left, most);
      const room = this.#size - this.#end;
      if (whole > room && (whole <= this.#size || room < around + leastFragment)) this.#flush();
      const length = Math.min(left, most, this.#size - this.#end - around);
      const at = this.#end + recordHeaderLength;
      putFragment(this.#datagram, at, fragmentOf(message, offset, length));
      this.#put(writer, ContentType.handshake, handshakeHeaderLength + length);
      offset += length;
    } while (offset < body.length);
  }

  #addChange(writer: RecordWriter): void {
    if (this.#apart || writer.overhead + 1 > this.#size - this.#end) this.#flush();
    this.#datagram[this.#end + recordHeaderLength] = 1;
    this.#put(writer, ContentType.changeCipherSpec, 1);
  }

  /** A record of so many octets, which stand behind room for its head. */
  #put(writer: RecordWriter, type: ContentType, length: number): void {
    this.#end = writer.put(this.#datagram, this.#end, type, length);
  }

  #flush(): void {
    if (this.#end === 0) return;
    const sent = this.#stock.take(this.#end);
    for (let i = 0; i < sent.length; i++) sent[i] = this.#datagram[i] ?? 0;
    this.#datagrams.push(sent);
    this.#end = 0;
  }
}
