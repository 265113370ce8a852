/**
 * The message (RFC 7252 section 3): bytes to value and back.
 * ```
 *  0                   1                   2                   3
 * |Ver| T |  TKL  |      Code     |          Message ID           |
 * |   Token (TKL octets) … |   Options … |1 1 1 1 1 1 1 1| Payload …
 * ```
 * coap-packet reads it. It takes messages that section 3 calls malformed (token lengths above 8, cut-off
 * options and tokens, a payload marker with nothing behind it), so each datagram is checked before it gets there.
 */
import { parse } from 'coap-packet';
import { empty } from './codes.ts';
import type { Option } from './options.ts';

/** Confirmable, Non-confirmable, Acknowledgement, Reset. */
export type MessageType = 'CON' | 'NON' | 'ACK' | 'RST';

export interface Message {
  readonly type: MessageType;
  /** `0.02` is POST, `2.05` Content. */
  readonly code: string;
  readonly messageId: number;
  readonly token: Uint8Array;
  /** Ordered by number. */
  readonly options: readonly Option[];
  readonly payload: Uint8Array;
}

/** Bytes that are no message. */
export class MessageFormatError extends Error {
  override readonly name = 'MessageFormatError';
  /** The Message ID that a RST has to carry; undefined where the bytes are to be ignored (section 4.2, 4.3). */
  readonly reset: number | undefined;

  constructor(complaint: string, reset?: number, options?: ErrorOptions) {
    super(complaint, options);
    this.reset = reset;
  }
}

const types: readonly MessageType[] = ['CON', 'NON', 'ACK', 'RST'];
const longestToken = 8;
const payloadMarker = 0xff;
const none = new Uint8Array();

/** The message in a datagram; throws MessageFormatError. Token, option values and payload are views that are not to be kept. */
export function decode(bytes: Uint8Array): Message {
  check(bytes);
  const packet = parse(bufferOf(bytes));
  return {
    type: types[((bytes[0] ?? 0) >> 4) & 3] ?? 'RST',
    code: packet.code,
    messageId: packet.messageId,
    token: plain(packet.token),
    options: packet.options.map(({ name, value }) => ({
      number: numberOf(name),
      value: plain(value),
    })),
    payload: plain(packet.payload),
  };
}

/**
 * Octets up to which V8 keeps them in its heap: to give them to a Buffer moves them out of it, which costs more than to
 * copy them.
 */
const short = 64;

/** For coap-packet: the same memory, or a copy where that costs less. */
function bufferOf(bytes: Uint8Array): Buffer {
  if (bytes.length <= short) return Buffer.from(bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The same memory, without Buffer's own idea of `slice`. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/**
 * The bytes of a message; options may come in any order. Without coap-packet, whose `generate` takes ten times as long and
 * reads each payload as text to see whether there is any.
 */
export function encode(message: Message): Uint8Array {
  const { type, code, messageId, token, payload } = message;
  const options = inOrder(message.options);
  if (token.length > longestToken) throw new RangeError(`a token of ${token.length} octets`);
  const isEmpty = code === empty;
  const behind = isEmpty || payload.length === 0 ? 0 : 1 + payload.length;
  const bytes = new Uint8Array(4 + token.length + lengthOf(options) + behind);
  bytes[0] = (1 << 6) | (types.indexOf(type) << 4) | token.length;
  bytes[1] = octetOf(code);
  bytes[2] = messageId >> 8;
  bytes[3] = messageId;
  let at = copy(token, bytes, 4);
  let before = 0;
  for (const { number, value } of options) {
    const delta = number - before;
    bytes[at++] = (nibbleOf(delta) << 4) | nibbleOf(value.length);
    at = setExtended(delta, bytes, at);
    at = setExtended(value.length, bytes, at);
    at = copy(value, bytes, at);
    before = number;
  }
  if (behind > 0) {
    bytes[at++] = payloadMarker;
    copy(payload, bytes, at);
  }
  return bytes;
}

/** By number, those of one number as they came; as a rule they are. */
function inOrder(options: readonly Option[]): readonly Option[] {
  let before = 0;
  for (const { number } of options) {
    if (number < before) return [...options].sort((a, b) => a.number - b.number);
    before = number;
  }
  return options;
}

/** Octets of options in their order. */
function lengthOf(options: readonly Option[]): number {
  let length = 0;
  let before = 0;
  for (const { number, value } of options) {
    const ofHead = 1 + octetsOf(nibbleOf(number - before)) + octetsOf(nibbleOf(value.length));
    length += ofHead + value.length;
    before = number;
  }
  return length;
}

/** The nibble that stands for an option's delta or length (section 3.1). */
function nibbleOf(value: number): number {
  if (value < 13) return value;
  return value < 269 ? 13 : 14;
}

/** Sets the octets that belong to the nibble; gives where they end. */
function setExtended(value: number, bytes: Uint8Array, at: number): number {
  if (value < 13) return at;
  if (value < 269) {
    bytes[at] = value - 13;
    return at + 1;
  }
  bytes[at] = (value - 269) >> 8;
  bytes[at + 1] = value - 269;
  return at + 2;
}

/** Copies octets there; gives where they end. For few of them `set` takes longer to begin than this takes. */
function copy(octets: Uint8Array, bytes: Uint8Array, at: number): number {
  const { length } = octets;
  if (length > short) bytes.set(octets, at);
  else for (let i = 0; i < length; i++) bytes[at + i] = octets[i] ?? 0;
  return at + length;
}

/** A code's octet: class(3) detail(5). */
function octetOf(code: string): number {
  return ((code.charCodeAt(0) - zero) << 5) | Number(code.slice(2));
}
const zero = 0x30;

/** An Empty message: ACK, RST or ping (section 4.1). */
export function emptyMessage(type: MessageType, messageId: number): Uint8Array {
  return encode({ type, code: empty, messageId, token: none, options: [], payload: none });
}

/** Section 3's format rules. */
function check(bytes: Uint8Array): void {
  if (bytes.length < 4) throw new MessageFormatError(`${bytes.length} octets, a header has 4`);
  const first = bytes[0] ?? 0;
  if (first >> 6 !== 1) throw new MessageFormatError(`version ${first >> 6}`);
  const isConfirmable = ((first >> 4) & 3) === 0;
  const complaint = complaintAbout(bytes, bytes[1] === 0, first & 15);
  if (complaint === undefined) return;
  const messageId = (bytes[2] ?? 0) * 256 + (bytes[3] ?? 0);
  throw new MessageFormatError(complaint, isConfirmable ? messageId : undefined);
}

/** What is wrong behind the header; undefined: nothing. Runs for each message, so it makes nothing. */
function complaintAbout(
  bytes: Uint8Array,
  isEmpty: boolean,
  tokenLength: number,
): string | undefined {
  const { length } = bytes;
  if (tokenLength > longestToken) return `token length ${tokenLength}`;
  if (isEmpty && length > 4) return `an Empty message of ${length} octets`;
  let number = 0;
  let at = 4 + tokenLength;
  while (at < length) {
    const first = bytes[at++] ?? 0;
    if (first === payloadMarker) return at < length ? undefined : 'a payload marker and no payload';
    // An option's delta and length: 13 and 14 are followed by more octets, 15 is reserved (section 3.1).
    const delta = first >> 4;
    const size = first & 15;
    if (delta === 15 || size === 15) return 'option delta or length 15';
    number += extended(delta, bytes, at);
    at += octetsOf(delta);
    if (number > 0xffff) return `option number ${number}`;
    at += octetsOf(size) + extended(size, bytes, at);
  }
  return at > length ? 'cut off' : undefined;
}

/** What a nibble of an option stands for, with the octets `at` that may belong to it. */
function extended(nibble: number, bytes: Uint8Array, at: number): number {
  if (nibble < 13) return nibble;
  if (nibble === 13) return 13 + (bytes[at] ?? 0);
  return 269 + (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
}

/** How many octets those are. */
function octetsOf(nibble: number): number {
  return nibble < 13 ? 0 : nibble - 12;
}

/** coap-packet gives the options it knows by name, all others by their number as text. */
function numberOf(name: string | number): number {
  return (typeof name === 'string' ? numbers.get(name) : undefined) ?? Number(name);
}

const numbers: ReadonlyMap<string, number> = new Map([
  ['If-Match', 1],
  ['Uri-Host', 3],
  ['ETag', 4],
  ['If-None-Match', 5],
  ['Observe', 6],
  ['Uri-Port', 7],
  ['Location-Path', 8],
  ['OSCORE', 9],
  ['Uri-Path', 11],
  ['Content-Format', 12],
  ['Max-Age', 14],
  ['Uri-Query', 15],
  ['Hop-Limit', 16],
  ['Accept', 17],
  ['Q-Block1', 19],
  ['Location-Query', 20],
  ['Block2', 23],
  ['Block1', 27],
  ['Size2', 28],
  ['Q-Block2', 31],
  ['Proxy-Uri', 35],
  ['Proxy-Scheme', 39],
  ['Size1', 60],
  ['No-Response', 258],
  ['OCF-Accept-Content-Format-Version', 2049],
  ['OCF-Content-Format-Version', 2053],
]);
