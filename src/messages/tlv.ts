/**
 * One DER tag-length-value (X.690), for the places where bytes must be cut and wrapped without being understood:
 * signed slices, envelopes, bound profile packages. Messages are declared with schema.ts.
 */
import { concat } from '../base/bytes.ts';

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

/** Reads the TLV at the start of `bytes`, strictly: minimal tag and length, definite form, nothing missing. */
export function readTlv(bytes: Uint8Array, path = ''): Tlv {
  let at = 0;
  const next = (what: string): number => {
    const octet = bytes[at++];
    if (octet === undefined) throw new DerError(path, `ends within its ${what}`);
    return octet;
  };
  let tag = next('tag');
  if ((tag & 0x1f) === 0x1f) {
    let octet = next('tag');
    if (octet === 0x80) throw new DerError(path, 'tag number with a leading zero');
    if (octet < 0x1f) throw new DerError(path, 'long tag for a number below 31');
    tag = tag * 256 + octet;
    while ((octet & 0x80) !== 0) {
      if (at >= 4) throw new DerError(path, 'tag of more than four octets');
      octet = next('tag');
      tag = tag * 256 + octet;
    }
  }
  let length = next('length');
  if (length === 0x80) throw new DerError(path, 'indefinite length');
  if (length > 0x80) {
    const octets = length - 0x80;
    if (octets > 4) throw new DerError(path, `length of ${octets} octets`);
    length = 0;
    for (let i = 0; i < octets; i++) length = length * 256 + next('length');
    if (length < 0x80 || length < 256 ** (octets - 1)) {
      throw new DerError(path, 'length not in its shortest form');
    }
  }
  if (length > bytes.length - at) {
    throw new DerError(path, `length ${length}, but ${bytes.length - at} octets left`);
  }
  return {
    tag,
    header: bytes.subarray(0, at),
    value: bytes.subarray(at, at + length),
    raw: bytes.subarray(0, at + length),
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
  return concat(bigEndian(tag), lengthOctets(length), ...contents);
}

function lengthOctets(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const octets = bigEndian(length);
  return concat(Uint8Array.of(0x80 + octets.length), octets);
}

function bigEndian(value: number): Uint8Array {
  const octets: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Uint8Array.from(octets.length === 0 ? [0] : octets);
}
