/** IP addresses as octets: for the cookie, and to count what comes from one place. */

/** Codes of the characters. */
const dot = 0x2e;
const zero = 0x30;

/**
 * The 4 octets of an IPv4 address, also of one inside an IPv6 address (::ffff:192.0.2.1); the 16 of another IPv6
 * address, whose zone (%eth0) is left out. Undefined for other text.
 */
export function addressOctets(text: string): Uint8Array | undefined {
  if (!text.includes(':')) return ipv4(text);
  const [address = ''] = text.split('%');
  const octets = ipv6(address);
  return octets !== undefined && isMapped(octets) ? octets.subarray(12) : octets;
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
  for (let i = 0; i < 4; i++) octets[i] = number >>> (24 - 8 * i);
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

function ipv6(text: string): Uint8Array | undefined {
  const [left = '', right, ...rest] = text.split('::');
  if (rest.length > 0) return undefined;
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (missing < 0 || (right === undefined && missing > 0)) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail]);
}

/** The octets of groups between colons, the last of which may be an IPv4 address. */
function groups(text: string): number[] | undefined {
  const octets: number[] = [];
  if (text === '') return octets;
  for (const group of text.split(':')) {
    if (group.includes('.')) octets.push(...(ipv4(group) ?? [Number.NaN]));
    else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const number = Number.parseInt(group, 16);
      octets.push(number >> 8, number & 255);
    } else return undefined;
  }
  return octets.some(Number.isNaN) ? undefined : octets;
}

/** ::ffff:0:0/96 (RFC 4291 §2.5.5.2) */
function isMapped(octets: Uint8Array): boolean {
  return octets.subarray(0, 12).join() === '0,0,0,0,0,0,0,0,0,0,255,255';
}
