/**
 * One DER tag-length-value (X.690), for the places where bytes must be cut and wrapped without being understood:
 * signed slices, envelopes, bound profile packages. Messages are declared with schema.ts.
 */

/** Bytes that are not what DER or the ASN.1 module asks for; `path` names the field, from the message down. */
export class DerError extends Error {
  override readonly name = 'DerError';
  readonly path: string;
  readonly complaint: string;

  constructor(path: string, complaint: string, options?: ErrorOptions) {
    super(path === '' ? complaint : `${path}: ${complaint}`, options);
    this.path = path;
    this.complaint = complaint;
  }
}

export interface Tlv {
  /** The tag's octets as one number: 0x30, 0x5f37, 0xbf51. */
  readonly tag: number;
  /** Tag and length octets. */
  readonly header: Uint8Array;
  readonly value: Uint8Array;
  /** Tag, length and value, as they stood. */
  readonly raw: Uint8Array;
}

/** Where one TLV stands within `bytes`: its contents are `bytes[content, end)`. */
export interface Element {
  readonly bytes: Uint8Array;
  /** The tag's octets as one number: 0x30, 0x5f37, 0xbf51. */
  readonly tag: number;
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

/** What says where in a message we are; asked only when there is something to complain about. */
export interface Place {
  toString(): string;
}

/**
 * Finds the TLV that starts at `start` and must end by `limit`, strictly: minimal tag and length, definite form,
 * nothing missing. Cuts nothing.
 */
export function elementAt(
  bytes: Uint8Array,
  start: number,
  limit: number,
  place: Place = '',
): Element {
  let at = start;
  const next = (what: string): number => {
    const octet = at < limit ? bytes[at] : undefined;
    if (octet === undefined) throw new DerError(place.toString(), `ends within its ${what}`);
    at++;
    return octet;
  };
  let tag = next('tag');
  if ((tag & 0x1f) === 0x1f) {
    let octet = next('tag');
    if (octet === 0x80) throw new DerError(place.toString(), 'tag number with a leading zero');
    if (octet < 0x1f) throw new DerError(place.toString(), 'long tag for a number below 31');
    tag = tag * 256 + octet;
    while ((octet & 0x80) !== 0) {
      if (at - start >= 4) throw new DerError(place.toString(), 'tag of more than four octets');
      octet = next('tag');
      tag = tag * 256 + octet;
    }
  }
  let length = next('length');
  if (length === 0x80) throw new DerError(place.toString(), 'indefinite length');
  if (length > 0x80) {
    const octets = length - 0x80;
    if (octets > 4) throw new DerError(place.toString(), `length of ${octets} octets`);
    length = 0;
    for (let i = 0; i < octets; i++) length = length * 256 + next('length');
    if (length < 0x80 || length < 256 ** (octets - 1)) {
      throw new DerError(place.toString(), 'length not in its shortest form');
    }
  }
  if (length > limit - at) {
    throw new DerError(place.toString(), `length ${length}, but ${limit - at} octets left`);
  }
  return { bytes, tag, start, content: at, end: at + length };
}

/** Tag, length and contents of an element, as they stand. */
export function rawOf(element: Element): Uint8Array {
  return element.bytes.subarray(element.start, element.end);
}

export function contentOf(element: Element): Uint8Array {
  return element.bytes.subarray(element.content, element.end);
}

/** Reads the TLV at the start of `bytes`, strictly: minimal tag and length, definite form, nothing missing. */
export function readTlv(bytes: Uint8Array, path = ''): Tlv {
  const { tag, content, end } = elementAt(bytes, 0, bytes.length, path);
  return {
    tag,
    header: bytes.subarray(0, content),
    value: bytes.subarray(content, end),
    raw: bytes.subarray(0, end),
  };
}

/** Reads the one TLV that `bytes` are; anything after it is refused. */
export function readOnly(bytes: Uint8Array, path = ''): Tlv {
  const one = readTlv(bytes, path);
  const after = bytes.length - one.raw.length;
  if (after > 0) throw new DerError(path, `${after} octets after the end`);
  return one;
}

/** Reads the TLVs that `bytes` are made of, one after the other. */
export function readAll(bytes: Uint8Array, path = ''): Tlv[] {
  const all: Tlv[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const one = readTlv(rest, path);
    all.push(one);
    rest = rest.subarray(one.raw.length);
  }
  return all;
}

/** Writes a TLV around `contents`, with the shortest length. */
export function tlv(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const content of contents) length += content.length;
  const tagOctets = octetsOf(tag);
  const lengthOctets = length < 0x80 ? 1 : 1 + octetsOf(length);
  const whole = new Uint8Array(tagOctets + lengthOctets + length);
  put(whole, 0, tagOctets, tag);
  if (lengthOctets === 1) {
    whole[tagOctets] = length;
  } else {
    whole[tagOctets] = 0x80 + lengthOctets - 1;
    put(whole, tagOctets + 1, lengthOctets - 1, length);
  }
  let at = tagOctets + lengthOctets;
  for (const content of contents) {
    whole.set(content, at);
    at += content.length;
  }
  return whole;
}

/** How many octets the number takes, big-endian. */
function octetsOf(value: number): number {
  if (value < 0x100) return 1;
  if (value < 0x10000) return 2;
  return value < 0x1000000 ? 3 : 4;
}

function put(into: Uint8Array, at: number, octets: number, value: number): void {
  let rest = value;
  for (let i = octets - 1; i >= 0; i--) {
    into[at + i] = rest & 0xff;
    rest = Math.floor(rest / 256);
  }
}
