/** What all handshake messages share (RFC 5246 §7.4, RFC 6347 §4.2.2). */
import { partOf, type Writer } from '../../base/bytes.ts';

export const HandshakeType = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  helloVerifyRequest: 3,
  newSessionTicket: 4,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const;
export type HandshakeType = (typeof HandshakeType)[keyof typeof HandshakeType];

/** A whole handshake message. */
export interface HandshakeMessage {
  /** One of HandshakeType, or a number unknown to us. */
  readonly type: number;
  /** message_seq */
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** A piece of a handshake message, as one stands in a record. */
export interface Fragment {
  readonly type: number;
  /** Of the whole message's body. */
  readonly length: number;
  readonly sequence: number;
  readonly offset: number;
  readonly body: Uint8Array;
}

/** msg_type(1) length(3) message_seq(2) fragment_offset(3) fragment_length(3) */
export const handshakeHeaderLength = 12;

/** `clientKeyExchange (16)`, for logs and messages. */
export function handshakeTypeText(type: number): string {
  const found = Object.entries(HandshakeType).find(([, number]) => number === type);
  return `${found?.[0] ?? 'handshake message'} (${type})`;
}

export function encodeFragment(fragment: Fragment): Uint8Array {
  const octets = new Uint8Array(handshakeHeaderLength + fragment.body.length);
  putFragment(octets, 0, fragment);
  return octets;
}

/** Writes it there. */
export function putFragment(octets: Uint8Array, at: number, fragment: Fragment): void {
  const { body } = fragment;
  octets[at] = fragment.type;
  setUint24(octets, at + 1, fragment.length);
  octets[at + 4] = fragment.sequence >> 8;
  octets[at + 5] = fragment.sequence;
  setUint24(octets, at + 6, fragment.offset);
  setUint24(octets, at + 9, body.length);
  const from = at + handshakeHeaderLength;
  if (body.length > few) octets.set(body, from);
  else for (let i = 0; i < body.length; i++) octets[from + i] = body[i] ?? 0;
}

/** Octets up to which a loop is faster than `set`. */
const few = 32;
/** Writes there what stands before the body, of so many octets, of a whole message. */
export function putMessageHead(
  octets: Uint8Array,
  at: number,
  type: number,
  length: number,
  sequence: number,
): void {
  octets[at] = type;
  setUint24(octets, at + 1, length);
  octets[at + 4] = sequence >> 8;
  octets[at + 5] = sequence;
  setUint24(octets, at + 6, 0);
  setUint24(octets, at + 9, length);
}

/** The fragment that begins there; undefined where the octets end before it does. Its body is a part of them. */
export function fragmentAt(octets: Uint8Array, at: number): Fragment | undefined {
  const from = at + handshakeHeaderLength;
  const end = from + uint24(octets, at + 9);
  if (end > octets.length) return undefined;
  return {
    type: octets[at] ?? 0,
    length: uint24(octets, at + 1),
    sequence: ((octets[at + 4] ?? 0) << 8) | (octets[at + 5] ?? 0),
    offset: uint24(octets, at + 6),
    body: partOf(octets, from, end),
  };
}

function uint24(octets: Uint8Array, at: number): number {
  return ((octets[at] ?? 0) << 16) | ((octets[at + 1] ?? 0) << 8) | (octets[at + 2] ?? 0);
}

function setUint24(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >> 16;
  octets[at + 1] = value >> 8;
  octets[at + 2] = value;
}

/** Writes the message as if it had never been fragmented: what the transcript holds (RFC 6347 §4.2.6). */
export function writeMessage(writer: Writer, { type, sequence, body }: HandshakeMessage): void {
  writeMessageHead(writer, type, body.length, sequence);
  writer.bytes(body);
}

/** What stands before a body of so many octets. */
export function writeMessageHead(
  writer: Writer,
  type: number,
  length: number,
  sequence: number,
): void {
  writer.uint8(type).uint24(length).uint16(sequence).uint24(0).uint24(length);
}

/** `length` octets of the message from `offset` on. */
export function fragmentOf(message: HandshakeMessage, offset: number, length: number): Fragment {
  const { type, sequence, body } = message;
  const isWhole = offset === 0 && length === body.length;
  const piece = isWhole ? body : body.subarray(offset, offset + length);
  return { type, length: body.length, sequence, offset, body: piece };
}
