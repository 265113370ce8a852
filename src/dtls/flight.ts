/** Flights: the messages that go out together and are repeated together (RFC 6347 §4.2.4), and their datagrams. */
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

/** Where datagrams are put together: what stands there in the end was sent. Longer ones get memory of their own. */
const bench = new Uint8Array(2048);

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
  const datagram = size <= bench.length ? bench : new Uint8Array(size);
  let end = 0;
  let writer = writers[0];
  let longest = fragments.plain;

  const flush = () => {
    if (end > 0) datagrams.push(datagram.slice(0, end));
    end = 0;
  };
  const addMessage = (message: HandshakeMessage) => {
    const around = writer.overhead + handshakeHeaderLength;
    const most = longest - handshakeHeaderLength;
    let offset = 0;
    do {
      if (apart) flush();
      const left = message.body.length - offset;
      const whole = around + Math.min(left, most);
      const room = size - end;
      if (whole > room && (whole <= size || room < around + leastFragment)) flush();
      const length = Math.min(left, most, size - end - around);
      const fragment = fragmentOf(message, offset, length);
      putFragment(datagram, end + recordHeaderLength, fragment);
      end = writer.put(datagram, end, ContentType.handshake, handshakeHeaderLength + length);
      offset += length;
    } while (offset < message.body.length);
  };
  const addChange = () => {
    if (apart || writer.overhead + 1 > size - end) flush();
    datagram[end + recordHeaderLength] = 1;
    end = writer.put(datagram, end, ContentType.changeCipherSpec, 1);
  };

  for (const item of flight) {
    if (item !== 'change_cipher_spec') {
      addMessage(item);
      continue;
    }
    addChange();
    if (writers[1] === undefined) throw new Error('change_cipher_spec before there are keys');
    writer = writers[1];
    longest = fragments.sealed;
  }
  flush();
  return datagrams;
}
