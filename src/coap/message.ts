/**
 * The message (RFC 7252 section 3): bytes to value and back.
 * ```
 *  0                   1                   2                   3
 * |Ver| T |  TKL  |      Code     |          Message ID           |
 * |   Token (TKL octets) … |   Options … |1 1 1 1 1 1 1 1| Payload …
 * ```
 * coap-packet is the judge of both ways (test/coap/message.test.ts), and in neither: it takes messages that section 3 calls
 * malformed (token lengths above 8, cut-off options and tokens, a payload marker with nothing behind it), and several
 * times as long. See docs/decisions.md.
 */
import { codeOf, empty, octetOf } from './codes.ts';
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
/** Octets up to which a loop copies them in less time than `set` and `slice` take to begin. */
const short = 64;

/** The message in a datagram; throws MessageFormatError. Option values are views that are not to be kept. */
export function decode(bytes: Uint8Array): Message {
  const { length } = bytes;
  if (length < 4) throw new MessageFormatError(`${length} octets, a header has 4`);
  const first = bytes[0] ?? 0;
  if (first >> 6 !== 1) throw new MessageFormatError(`version ${first >> 6}`);
  const type = types[(first >> 4) & 3] ?? 'RST';
  const code = codeOf(bytes[1] ?? 0);
  const messageId = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
  const tokenLength = first & 15;
  const options: Option[] = [];
  const end = readBehindHeader(bytes, code === empty, tokenLength, options);
  if (typeof end === 'string') {
    throw new MessageFormatError(end, type === 'CON' ? messageId : undefined);
  }
  const token = copyOf(bytes, 4, 4 + tokenLength);
  const payload = copyOf(bytes, end + 1, length);
  return { type, code, messageId, token, options, payload };
}

/** Reads the options into `options`. Where they end: at the payload marker or the message's end; or what is wrong. */
function readBehindHeader(
  bytes: Uint8Array,
  isEmpty: boolean,
  tokenLength: number,
  options: Option[],
): number | string {
  const { length } = bytes;
  if (tokenLength > longestToken) return `token length ${tokenLength}`;
  if (isEmpty && length > 4) return `an Empty message of ${length} octets`;
  let number = 0;
  let at = 4 + tokenLength;
  while (at < length) {
    const first = bytes[at] ?? 0;
    if (first === payloadMarker) return at + 1 < length ? at : 'a payload marker and no payload';
    at++;
    // An option's delta and length: 13 and 14 are followed by more octets, 15 is reserved (section 3.1).
    const delta = first >> 4;
    const size = first & 15;
    if (delta === 15 || size === 15) return 'option delta or length 15';
    number += extended(delta, bytes, at);
    at += octetsOf(delta);
    if (number > 0xffff) return `option number ${number}`;
    const value = at + octetsOf(size);
    at = value + extended(size, bytes, at);
    if (at <= length) options.push({ number, value: viewOf(bytes, value, at) });
  }
  return at > length ? 'cut off' : at;
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

/** The same memory from `start` to `end`, without Buffer's own idea of `slice`. */
function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (start >= end) return none;
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

/** The octets from `start` to `end` in memory of their own. */
function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (start >= end) return none;
  if (end - start > short) return viewOf(bytes, start, end).slice();
  const octets = new Uint8Array(end - start);
  for (let at = start; at < end; at++) octets[at - start] = bytes[at] ?? 0;
  return octets;
}

/**
 * The bytes of a message; options may come in any order.
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

/** Copies octets there; gives where they end. */
function copy(octets: Uint8Array, bytes: Uint8Array, at: number): number {
  const { length } = octets;
  if (length > short) bytes.set(octets, at);
  else for (let i = 0; i < length; i++) bytes[at + i] = octets[i] ?? 0;
  return at + length;
}

/** An Empty message: ACK, RST or ping (section 4.1). */
export function emptyMessage(type: MessageType, messageId: number): Uint8Array {
  return encode({ type, code: empty, messageId, token: none, options: [], payload: none });
}
