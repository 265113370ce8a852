/** The types of ASN.1 that hold no other: each refuses what DER (X.690 10, 11) refuses. */
import { BytesError, fromUtf8, utf8 } from '../base/bytes.ts';
import { type Asn1, type Contents, hexTag, Plain, type Primitive } from './asn1-type.ts';
import type { Reading } from './reading.ts';
import { contentOf, DerError, type Element, rawOf, readOnly, readTlv, tlv } from './tlv.ts';

function primitive<T>(
  shape: Omit<Primitive, 'kind'>,
  tag: number,
  contents: Omit<Contents<T>, 'constructed'>,
) {
  return new Plain<T>({ kind: 'primitive', ...shape }, tag, {
    constructed: false,
    read: (element, reading) => contents.read(element, reading),
    write: (value) => contents.write(value),
  });
}

/** The values that a named INTEGER has names for. */
export type Names = Readonly<Record<string, number>>;

/** What the module calls `value`; the number itself where it has no name. */
export function nameOf(names: Names, value: number): string {
  for (const [name, one] of Object.entries(names)) if (one === value) return name;
  return String(value);
}

/** `INTEGER`: minimal two's complement, within ±(2^53 - 1). Values without a name are let through. */
export function integer(names?: Names): Asn1<number> {
  return primitive<number>({ type: 'INTEGER', numbers: names }, 0x02, {
    read: readInteger,
    write: writeInteger,
  });
}

function readInteger({ bytes, content, end }: Element, reading: Reading): number {
  const first = bytes[content];
  if (first === undefined || content === end) return reading.fail('INTEGER without contents');
  if (end - content > 1) {
    const signBit = (bytes[content + 1] ?? 0) & 0x80;
    if ((first === 0x00 && signBit === 0) || (first === 0xff && signBit !== 0)) {
      reading.fail('INTEGER not in its shortest form');
    }
  }
  if (end - content > 8) reading.fail(`INTEGER of ${end - content} octets, beyond ±(2^53 - 1)`);
  let value = first >= 0x80 ? first - 0x100 : first;
  for (let i = content + 1; i < end; i++) value = value * 256 + (bytes[i] ?? 0);
  if (!Number.isSafeInteger(value)) reading.fail('INTEGER beyond ±(2^53 - 1)');
  return value;
}

function writeInteger(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) {
    throw new DerError('', `${value} is no INTEGER within ±(2^53 - 1)`);
  }
  const octets: number[] = [];
  let rest = value;
  do {
    octets.unshift(((rest % 256) + 256) % 256);
    rest = Math.floor(rest / 256);
  } while (rest !== 0 && rest !== -1);
  const signBit = (octets[0] ?? 0) >= 0x80;
  if (rest === 0 && signBit) octets.unshift(0x00);
  if (rest === -1 && !signBit) octets.unshift(0xff);
  return Uint8Array.from(octets);
}

/** `OCTET STRING (SIZE(min..max))`; one argument is an exact size, none is any size. */
export function octetString(min = 0, max = min === 0 ? Number.POSITIVE_INFINITY : min) {
  return primitive<Uint8Array>({ type: 'OCTET STRING', size: [min, max] }, 0x04, {
    read(element, reading) {
      const complaint = sizeComplaint(element.end - element.content, min, max, 'octets');
      return complaint === undefined ? contentOf(element) : reading.fail(complaint);
    },
    write(value) {
      const complaint = sizeComplaint(value.length, min, max, 'octets');
      if (complaint !== undefined) throw new DerError('', complaint);
      return value;
    },
  });
}

/** `UTF8String (SIZE(min..max))`, sizes in characters (X.680 51.5); no argument is any size. */
export function utf8String(min = 0, max = Number.POSITIVE_INFINITY) {
  const check = (text: string) => sizeComplaint(characters(text, max), min, max, 'characters');
  return primitive<string>({ type: 'UTF8String', size: [min, max] }, 0x0c, {
    read(element, reading) {
      const text = textOf(contentOf(element), reading);
      const complaint = check(text);
      return complaint === undefined ? text : reading.fail(complaint);
    },
    write(text) {
      const complaint = /\p{Surrogate}/u.test(text) ? 'a lone surrogate is no text' : check(text);
      if (complaint !== undefined) throw new DerError('', complaint);
      return utf8(text);
    },
  });
}

function textOf(bytes: Uint8Array, reading: Reading): string {
  try {
    return fromUtf8(bytes);
  } catch (error) {
    if (error instanceof BytesError) return reading.fail('not UTF-8');
    throw error;
  }
}

/** Code points; counted only where a size is asked for. */
function characters(text: string, max: number): number {
  if (max === Number.POSITIVE_INFINITY) return text.length;
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function sizeComplaint(size: number, min: number, max: number, unit: string): string | undefined {
  if (size >= min && size <= max) return undefined;
  const due = min === max ? `${min}` : `${min} to ${max}`;
  return `${size} ${unit}, due ${due}`;
}

/** `NULL`: present or not, so its value is `true`. */
export function nothing(): Asn1<true> {
  return primitive<true>({ type: 'NULL' }, 0x05, {
    read({ content, end }, reading) {
      return end === content ? true : reading.fail('NULL with contents');
    },
    write: () => new Uint8Array(0),
  });
}

/** `BOOLEAN`; other octets than 00 and FF are read as TRUE and reported. */
export function boolean(): Asn1<boolean> {
  return primitive<boolean>({ type: 'BOOLEAN' }, 0x01, {
    read({ bytes, content, end }, reading) {
      if (end - content !== 1) reading.fail('BOOLEAN of other than one octet');
      const octet = bytes[content];
      if (octet !== 0x00 && octet !== 0xff) reading.tolerate('boolean-not-ff');
      return octet !== 0x00;
    },
    write: (value) => Uint8Array.of(value ? 0xff : 0x00),
  });
}

/** Bits that have no name are kept as `bit9`. */
export type Bit<N extends string> = N | `bit${number}`;

const maxBits = 256;

/**
 * `BIT STRING { name(0), … }`: the names of the bits that are set, in order.
 * Trailing zero bits are trimmed when written (X.690 11.2.2); untrimmed ones are read and reported.
 */
export function bitString<const N extends string>(
  names: readonly N[] = [],
): Asn1<readonly Bit<N>[]> {
  return primitive<readonly Bit<N>[]>({ type: 'BIT STRING', bits: names }, 0x03, {
    read(element, reading) {
      const contents = contentOf(element);
      const unused = contents[0];
      if (unused === undefined) return reading.fail('BIT STRING without contents');
      if (unused > 7 || (contents.length === 1 && unused > 0)) {
        reading.fail(`BIT STRING with ${unused} unused bits`);
      }
      const size = (contents.length - 1) * 8 - unused;
      if (size > maxBits) reading.fail(`BIT STRING of more than ${maxBits} bits`);
      const last = contents[contents.length - 1] ?? 0;
      if (unused > 0 && (last & ((1 << unused) - 1)) !== 0) {
        reading.fail('BIT STRING whose unused bits are not zero');
      }
      if (size > 0 && (last & (1 << unused)) === 0) reading.tolerate('bit-string-untrimmed');
      const set: Bit<N>[] = [];
      for (let i = 0; i < size; i++) {
        if (((contents[1 + (i >> 3)] ?? 0) & (0x80 >> (i & 7))) !== 0) {
          set.push(names[i] ?? `bit${i}`);
        }
      }
      return set;
    },
    write(set) {
      const octets: number[] = [0];
      let highest = -1;
      for (const name of set) {
        const i = bitNumber(name, names);
        while (octets.length < 2 + (i >> 3)) octets.push(0);
        octets[1 + (i >> 3)] = (octets[1 + (i >> 3)] ?? 0) | (0x80 >> (i & 7));
        highest = Math.max(highest, i);
      }
      octets[0] = highest < 0 ? 0 : 7 - (highest & 7);
      return Uint8Array.from(octets);
    },
  });
}

function bitNumber(name: string, names: readonly string[]): number {
  const i = names.indexOf(name);
  if (i >= 0) return i;
  const digits = /^bit([0-9]{1,3})$/.exec(name)?.[1];
  const number = digits === undefined ? maxBits : Number(digits);
  if (number >= maxBits) throw new DerError('', `${name} is no bit of this BIT STRING`);
  return number;
}

const maxOid = 64;

/** `OBJECT IDENTIFIER`, as dotted text. */
export function objectIdentifier(): Asn1<string> {
  return primitive<string>({ type: 'OBJECT IDENTIFIER' }, 0x06, {
    read: ({ bytes, content, end }, reading) => {
      if (content === end) reading.fail('OBJECT IDENTIFIER without contents');
      if (end - content > maxOid) reading.fail(`OBJECT IDENTIFIER of more than ${maxOid} octets`);
      const arcs: bigint[] = [];
      let arc = 0n;
      let fresh = true;
      for (let i = content; i < end; i++) {
        const octet = bytes[i] ?? 0;
        if (fresh && octet === 0x80) reading.fail('arc not in its shortest form');
        arc = arc * 128n + BigInt(octet & 0x7f);
        fresh = octet < 0x80;
        if (!fresh) continue;
        if (arcs.length === 0) {
          const top = arc < 40n ? 0n : arc < 80n ? 1n : 2n;
          arcs.push(top);
          arc -= top * 40n;
        }
        arcs.push(arc);
        arc = 0n;
      }
      if (!fresh) reading.fail('ends within an arc');
      return arcs.join('.');
    },
    write: oidContents,
  });
}

function oidContents(text: string): Uint8Array {
  if (!/^[0-2](\.(0|[1-9][0-9]*))+$/.test(text)) {
    throw new DerError('', 'no OBJECT IDENTIFIER in dotted form');
  }
  const [top = 0n, second = 0n, ...rest] = text.split('.').map(BigInt);
  if (top < 2n && second > 39n) throw new DerError('', 'second arc above 39');
  const octets: number[] = [];
  for (const arc of [top * 40n + second, ...rest]) {
    const group = [Number(arc % 128n)];
    for (let left = arc / 128n; left > 0n; left /= 128n) group.unshift(Number(left % 128n) | 0x80);
    octets.push(...group);
  }
  if (octets.length > maxOid) {
    throw new DerError('', `OBJECT IDENTIFIER of more than ${maxOid} octets`);
  }
  return Uint8Array.from(octets);
}

/**
 * A structure that is passed on and not looked into: the whole TLV, always under its own `tag`, whatever tag it has
 * within a message.
 */
export function opaque(name: string, tag: number): Asn1<Uint8Array> {
  return new Plain<Uint8Array>({ kind: 'opaque', type: name, tag }, tag, {
    constructed: true,
    read: (element) => (element.tag === tag ? rawOf(element) : tlv(tag, contentOf(element))),
    write: (value) => contentsOf(tag, value),
  }).named(name);
}

/**
 * An object of X.509 (`30 …`) that is passed on and not looked into. Under a context tag the tag replaces its `30`;
 * some nest the whole object there, which is read and reported.
 */
export function x509Object(name: string): Asn1<Uint8Array> {
  return new Plain<Uint8Array>({ kind: 'opaque', type: name, tag: 0x30 }, 0x30, {
    constructed: true,
    read(element, reading) {
      if (element.tag === 0x30) return rawOf(element);
      const contents = contentOf(element);
      const first = readTlv(contents, reading.toString());
      if (first.tag === 0x30 && first.raw.length === contents.length) {
        reading.tolerate('x509-nested');
        return contents;
      }
      return tlv(0x30, contents);
    },
    write: (value) => contentsOf(0x30, value),
  }).named(name);
}

function contentsOf(tag: number, value: Uint8Array): Uint8Array {
  const whole = readOnly(value);
  if (whole.tag !== tag) throw new DerError('', `${hexTag(whole.tag)} where ${hexTag(tag)} is due`);
  return whole.value;
}
