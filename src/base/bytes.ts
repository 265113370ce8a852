/** Bytes: read within bounds, written in network order, shown as hex. The one home of such helpers. */

/** Reading past the end, or a value that does not fit: the reader's or writer's complaint, never a RangeError. */
export class BytesError extends Error {
  override readonly name = 'BytesError';
}

/** Bytes of a text of hex digits; white space between them is ignored. Throws BytesError on anything else. */
export function hex(text: string): Uint8Array {
  return plainHex(text) ?? anyHex(text);
}

/** Of a text that has nothing but digits, which is nearly every one; undefined for others. */
function plainHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const octets = new Uint8Array(text.length / 2);
  for (let at = 0; at < octets.length; at++) {
    const high = digitOf(text.charCodeAt(2 * at));
    const low = digitOf(text.charCodeAt(2 * at + 1));
    if (high < 0 || low < 0) return undefined;
    octets[at] = high * 16 + low;
  }
  return octets;
}

/** The value of a hex digit, by the character's code; below 0 where it is none. */
export function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30; // 0 to 9
  const small = code | 0x20;
  return small >= 0x61 && small <= 0x66 ? small - 0x61 + 10 : -1; // a to f, A to F
}

function anyHex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0) throw new BytesError(`hex of odd length ${digits.length}`);
  if (!/^[0-9a-fA-F]*$/.test(digits)) throw new BytesError('not hex digits');
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

/**
 * Octets up to which a loop is faster: a Buffer over memory that V8 keeps in its heap has it moved out first, which costs
 * more than the rest together.
 */
const few = 32;
const hexDigits = utf8('0123456789ABCDEF');
/** Where the digits of few octets are put, to be made a text at once: one made piece by piece keeps its pieces. */
const hexRoom = Buffer.allocUnsafeSlow(2 * few);

/** Upper-case hex, as SGP.22 writes it in JSON. */
export function toHex(bytes: Uint8Array): string {
  if (bytes.length > few) return view(bytes).toString('hex').toUpperCase();
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at] ?? 0;
    hexRoom[2 * at] = hexDigits[octet >> 4] ?? 0;
    hexRoom[2 * at + 1] = hexDigits[octet & 15] ?? 0;
  }
  return hexRoom.toString('latin1', 0, 2 * bytes.length);
}

export function base64(bytes: Uint8Array): string {
  return view(bytes).toString('base64');
}

/** Bytes of standard base64; white space is ignored and padding optional. Throws BytesError on anything else. */
export function fromBase64(text: string): Uint8Array {
  const decoded = new Uint8Array(Buffer.from(text, 'base64'));
  // What comes out the same again needs no closer look: nearly all, and profiles are long.
  if (base64(decoded) === text) return decoded;
  const clean = text.replace(/\s+/g, '').replace(/=+$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(clean) || clean.length % 4 === 1) throw new BytesError('not base64');
  return new Uint8Array(Buffer.from(clean, 'base64'));
}

export function utf8(text: string): Uint8Array {
  return plainAscii(text) ?? new Uint8Array(Buffer.from(text, 'utf8'));
}

/** Of a short text of ASCII, as most are; undefined for others. */
function plainAscii(text: string): Uint8Array | undefined {
  if (text.length > 2 * few) return undefined;
  const octets = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x80) return undefined;
    octets[at] = code;
  }
  return octets;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text of UTF-8 bytes; throws BytesError where they are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (cause) {
    throw new BytesError('not UTF-8', { cause });
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Whether two byte strings are the same; for public values. Secrets: `timingSafeEqual` of node:crypto. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length > few) return view(a).equals(view(b));
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** The same memory as a Buffer. */
function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Octets of the longest array that V8 keeps in its heap. To make a view of it, it moves it out, which costs far more. */
const heldInHeap = 64;
const noOctets = new Uint8Array();

/** The octets from `from` to before `end`, as a view of the same memory; of few, which V8 may keep in its heap, a copy. */
export function partOf(bytes: Uint8Array, from: number, end: number): Uint8Array {
  if (from === end) return noOctets;
  return bytes.length <= heldInHeap && bytes.byteOffset === 0
    ? bytes.slice(from, end)
    : bytes.subarray(from, end);
}

/** Reads big-endian values one after the other and never past the end (BytesError). */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Octets not yet read. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** Octets read so far. */
  get offset(): number {
    return this.#at;
  }

  /** The next `length` octets, as `partOf` has them. */
  bytes(length: number): Uint8Array {
    const start = this.#pass(length);
    return partOf(this.#bytes, start, this.#at);
  }

  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  /** An unsigned integer of 1 to 6 octets. */
  uint(length: 1 | 2 | 3 | 4 | 6): number {
    switch (length) {
      case 1:
        return this.uint8();
      case 2:
        return this.uint16();
      case 3:
        return this.uint24();
      case 4:
        return this.uint32();
      case 6:
        return this.uint48();
    }
  }

  // Each by itself: what is computed of few octets is a small integer, which one function for all could not count on.

  uint8(): number {
    return this.#bytes[this.#pass(1)] ?? 0;
  }

  uint16(): number {
    const at = this.#pass(2);
    return this.#two(at);
  }

  uint24(): number {
    const at = this.#pass(3);
    return (this.#two(at) << 8) | (this.#bytes[at + 2] ?? 0);
  }

  uint32(): number {
    const at = this.#pass(4);
    return this.#two(at) * 2 ** 16 + this.#two(at + 2);
  }

  uint48(): number {
    const at = this.#pass(6);
    return this.#two(at) * 2 ** 32 + this.#two(at + 2) * 2 ** 16 + this.#two(at + 4);
  }

  /** Goes past so many octets; gives where they begin. */
  #pass(length: number): number {
    if (length > this.left) throw new BytesError(`${length} octets due, ${this.left} left`);
    const at = this.#at;
    this.#at += length;
    return at;
  }

  #two(at: number): number {
    return ((this.#bytes[at] ?? 0) << 8) | (this.#bytes[at + 1] ?? 0);
  }
}

/** Writes big-endian values one after the other into a buffer that grows. */
export class Writer {
  #bytes: Uint8Array;
  #at = 0;

  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity);
  }

  bytes(value: Uint8Array): this {
    const { length } = value;
    this.#room(length);
    if (length > few) this.#bytes.set(value, this.#at);
    else for (let i = 0; i < length; i++) this.#bytes[this.#at + i] = value[i] ?? 0;
    this.#at += length;
    return this;
  }

  uint(value: number, length: 1 | 2 | 3 | 4 | 6): this {
    switch (length) {
      case 1:
        return this.uint8(value);
      case 2:
        return this.uint16(value);
      case 3:
        return this.uint24(value);
      case 4:
        return this.uint32(value);
      case 6:
        return this.uint48(value);
    }
  }

  // Each by itself, as in Reader.

  uint8(value: number): this {
    this.#check(value, 2 ** 8 - 1, 1);
    this.#bytes[this.#at++] = value;
    return this;
  }

  uint16(value: number): this {
    this.#check(value, 2 ** 16 - 1, 2);
    return this.#two(value);
  }

  uint24(value: number): this {
    this.#check(value, 2 ** 24 - 1, 3);
    this.#bytes[this.#at++] = value >> 16;
    return this.#two(value);
  }

  uint32(value: number): this {
    this.#check(value, 2 ** 32 - 1, 4);
    return this.#two(value >>> 16).#two(value);
  }

  uint48(value: number): this {
    this.#check(value, 2 ** 48 - 1, 6);
    return this.#two(Math.floor(value / 2 ** 32))
      .#two(value >>> 16)
      .#two(value);
  }

  /** That there is room for the number, and that it fits. */
  #check(value: number, most: number, length: number): void {
    if (!Number.isInteger(value) || value < 0 || value > most) {
      throw new BytesError(`${value} does not fit ${length} octets`);
    }
    this.#room(length);
  }

  /** The lowest two octets. */
  #two(value: number): this {
    this.#bytes[this.#at++] = value >> 8;
    this.#bytes[this.#at++] = value;
    return this;
  }

  /** What `write` writes, behind its length in `width` octets. */
  counted(width: 1 | 2 | 3, write: () => void): this {
    const at = this.#at;
    this.uint(0, width);
    write();
    const end = this.#at;
    this.#at = at;
    this.uint(end - at - width, width);
    this.#at = end;
    return this;
  }

  /** Begins anew, in the memory that it has. */
  restart(): this {
    this.#at = 0;
    return this;
  }

  /** Octets written so far. */
  get length(): number {
    return this.#at;
  }

  /** What was written so far, as a view that holds until the next is written. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** What was written from there on, as a view that holds unless the writer is restarted. */
  since(from: number): Uint8Array {
    return this.#bytes.subarray(from, this.#at);
  }

  /** What was written so far, as its own memory; of a writer that is not restarted. */
  done(): Uint8Array {
    // Where it is full, whatever is written next goes elsewhere.
    return this.#at === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#at);
  }

  #room(length: number): void {
    const due = this.#at + length;
    if (due <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(due, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}
