/** Flights: the messages that go out together and are repeated together (RFC 6347 §4.2.4), and their datagrams. */
import { concat } from '../base/bytes.ts';
import type { FragmentLimits } from './fragment-limits.ts';
import {
  encodeFragment,
  fragmentOf,
  type HandshakeMessage,
  handshakeHeaderLength,
} from './messages/handshake-message.ts';
import { ContentType } from './record.ts';

export type FlightItem = HandshakeMessage | 'change_cipher_spec';

/** What stands before change_cipher_spec goes in epoch 0, the rest in epoch 1. */
export type Flight = readonly FlightItem[];

/** Writes records in an epoch. */
export interface RecordWriter {
  /** Octets that a record is longer than what it carries. */
  readonly overhead: number;
  write(type: ContentType, plaintext: Uint8Array): Uint8Array;
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

/**
 * The datagrams of a flight, each time with new record numbers. A record carries one handshake message or one
 * fragment of one, and a message is fragmented only where it does not fit a datagram: some stacks of small devices
 * know it no other way.
 */
export function packFlight(
  flight: Flight,
  writers: readonly [RecordWriter, RecordWriter | undefined],
  { size, apart, fragments }: Packing,
): readonly Uint8Array[] {
  const datagrams: Uint8Array[] = [];
  let records: Uint8Array[] = [];
  let room = size;
  let writer = writers[0];
  let longest = fragments.plain;

  const flush = () => {
    const [first, ...others] = records;
    if (first !== undefined) datagrams.push(others.length === 0 ? first : concat(...records));
    records = [];
    room = size;
  };
  const add = (type: ContentType, plaintext: Uint8Array) => {
    if (apart || writer.overhead + plaintext.length > room) flush();
    const record = writer.write(type, plaintext);
    records.push(record);
    room -= record.length;
  };
  const addMessage = (message: HandshakeMessage) => {
    const around = writer.overhead + handshakeHeaderLength;
    const most = longest - handshakeHeaderLength;
    let offset = 0;
    do {
      if (apart) flush();
      const left = message.body.length - offset;
      const whole = around + Math.min(left, most);
      if (whole > room && (whole <= size || room < around + leastFragment)) flush();
      const length = Math.min(left, most, room - around);
      add(ContentType.handshake, encodeFragment(fragmentOf(message, offset, length)));
      offset += length;
    } while (offset < message.body.length);
  };

  for (const item of flight) {
    if (item !== 'change_cipher_spec') {
      addMessage(item);
      continue;
    }
    add(ContentType.changeCipherSpec, Uint8Array.of(1));
    if (writers[1] === undefined) throw new Error('change_cipher_spec before there are keys');
    writer = writers[1];
    longest = fragments.sealed;
  }
  flush();
  return datagrams;
}
