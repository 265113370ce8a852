/** IP addresses as octets: for the cookie, and to count what comes from one place. */
import { digitOf } from '../base/bytes.ts';
import { setUint16 } from './record.ts';

/** Codes of the characters. */
const dot = 0x2e;
const colon = 0x3a;
const zero = 0x30;

/**
 * The 4 octets of an IPv4 address, also of one inside an IPv6 address (::ffff:192.0.2.1); the 16 of another IPv6
 * address, whose zone (%eth0) is left out. Undefined for other text.
 */
export function addressOctets(text: string): Uint8Array | undefined {
  if (!text.includes(':')) return ipv4(text);
  const zone = text.indexOf('%');
  const octets = ipv6(zone < 0 ? text : text.slice(0, zone));
  return octets !== undefined && isMapped(octets) ? octets.slice(12) : octets;
}

/** What one host or one household has: an IPv4 address, or the first 64 bits of an IPv6 address. */
export function addressGroup(text: string): string {
  const octets = addressOctets(text);
  if (octets === undefined) return text;
  const [a, b, c, d] = octets;
  return octets.length === 4 ? `${a}.${b}.${c}.${d}` : octets.subarray(0, 8).join('.');
}

function ipv4(text: string): Uint8Array | undefined {
  const number = ipv4Number(text);
  if (number === undefined) return undefined;
  const octets = new Uint8Array(4);
  setUint32(octets, 0, number);
  return octets;
}

/**
 * The 32 bits of an IPv4 address, not of one inside an IPv6 address; undefined for other text. By character codes,
 * because it is done several times for each datagram.
 */
export function ipv4Number(text: string): number | undefined {
  let whole = 0;
  let dots = 0;
  let digits = 0;
  let number = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : dot;
    if (code === dot) {
      if (digits === 0 || number > 255 || dots > 3) return undefined;
      whole = (whole << 8) | number;
      dots++;
      digits = 0;
      number = 0;
    } else {
      if (code < zero || code > zero + 9 || ++digits > 3) return undefined;
      number = number * 10 + code - zero;
    }
  }
  return dots === 4 ? whole >>> 0 : undefined;
}

/** Group by group, and then what stands behind `::` goes to the end (RFC 4291 §2.2). Without a zone. */
function ipv6(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(16);
  let length = 0;
  let gap = text.startsWith('::') ? 0 : undefined;
  for (let at = gap === undefined ? 0 : 2; at < text.length; ) {
    const end = endOfDigits(text, at);
    if (text.charCodeAt(end) === dot) {
      const last = ipv4Number(text.slice(at));
      if (last === undefined || length > 12) return undefined;
      setUint32(octets, length, last);
      length += 4;
      break;
    }
    if (end === at || end - at > 4 || length > 14) return undefined;
    setUint16(octets, length, groupOf(text, at, end));
    length += 2;
    if (end === text.length) break;
    if (text.charCodeAt(end) !== colon || end + 1 === text.length) return undefined;
    at = end + 1;
    if (text.charCodeAt(at) === colon) {
      if (gap !== undefined) return undefined;
      gap = length;
      at++;
    }
  }
  if (gap === undefined) return length === 16 ? octets : undefined;
  octets.copyWithin(16 - (length - gap), gap, length);
  octets.fill(0, gap, 16 - (length - gap));
  return octets;
}

/** Where the hex digits end that begin there. */
function endOfDigits(text: string, from: number): number {
  let end = from;
  while (end < text.length && digitOf(text.charCodeAt(end)) >= 0) end++;
  return end;
}

function groupOf(text: string, from: number, end: number): number {
  let group = 0;
  for (let i = from; i < end; i++) group = group * 16 + digitOf(text.charCodeAt(i));
  return group;
}

/** ::ffff:0:0/96 (RFC 4291 §2.5.5.2) */
function isMapped(octets: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (octets[i] !== 0) return false;
  return octets[10] === 0xff && octets[11] === 0xff;
}

function setUint32(octets: Uint8Array, at: number, value: number): void {
  setUint16(octets, at, value >>> 16);
  setUint16(octets, at + 2, value);
}
