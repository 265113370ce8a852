/** The tables of aes-module.ts, which says what they are for: worked out of the fields that they belong to. */
import { layout } from './aes-module.ts';

/** 1/0: no element of GF(2^4), and what is looked up with it, or with a sum of it, is 0. */
const infinite = 0x80;

/** GF(2^4), with x⁴ + x + 1. */
function product4(a: number, b: number): number {
  let product = 0;
  for (let bit = 3; bit >= 0; bit--) {
    product = (product << 1) ^ (product & 8 ? 0b10011 : 0);
    if ((b >> bit) & 1) product ^= a;
  }
  return product;
}

function inverse4(n: number): number {
  for (let m = 1; m < 16; m++) if (product4(n, m) === 1) return m;
  return infinite;
}

const elements4 = Array.from({ length: 16 }, (_, n) => n);

/** The first for which y² + a y + a has no root in GF(2^4): then that of ζ makes GF(2^8) of it. */
const a =
  elements4.find((a) => elements4.every((y) => (product4(y, y) ^ product4(a, y) ^ a) !== 0)) ?? 0;
const inverseOfA = inverse4(a);

/** Octets that are i ζ + k, with i in the high half. */
function productOfPairs(one: number, other: number): number {
  const [i, k, m, n] = [one >> 4, one & 15, other >> 4, other & 15];
  const ofSquare = product4(a, product4(i, m));
  const high = ofSquare ^ product4(i, n) ^ product4(k, m);
  return (high << 4) | (ofSquare ^ product4(k, n));
}

/** The powers of one that is to them what x is to AES's octets: a root of x⁸ + x⁴ + x³ + x + 1 (FIPS 197 section 4.2). */
function powersOfRoot(): readonly number[] {
  for (let root = 2; root < 256; root++) {
    const powers = [1];
    for (let n = 1; n <= 8; n++) powers.push(productOfPairs(powers[n - 1] ?? 0, root));
    const [one = 0, first = 0, , third = 0, fourth = 0, , , , eighth = 0] = powers;
    if ((eighth ^ fourth ^ third ^ first ^ one) === 0) return powers;
  }
  throw new Error('AES has no such root');
}

const powers = powersOfRoot();

function toPair(octet: number): number {
  let pair = 0;
  for (let bit = 0; bit < 8; bit++) if ((octet >> bit) & 1) pair ^= powers[bit] ?? 0;
  return pair;
}

const octetOfPair = new Map(Array.from({ length: 256 }, (_, octet) => [toPair(octet), octet]));

/** What SubBytes does to the inverse, without its constant (FIPS 197 section 5.1.1); of a pair, to an octet. */
function linearPart(pair: number): number {
  const octet = octetOfPair.get(pair) ?? 0;
  const turned = (by: number) => ((octet << by) | (octet >> (8 - by))) & 0xff;
  return octet ^ turned(1) ^ turned(2) ^ turned(3) ^ turned(4);
}

/** Times x in AES's field. */
function doubled(octet: number): number {
  return (octet << 1) ^ (octet & 0x80 ? 0x11b : 0);
}

/** The tables as they stand in the memory. */
export function aesTables(): Uint8Array {
  const octets = new Uint8Array(layout.twice + 32);
  const put = (at: number, value: (n: number) => number) => {
    for (const n of elements4) octets[at + n] = value(n);
  };
  put(layout.enter, (n) => toPair(n));
  put(layout.enter + 16, (n) => toPair(n << 4));
  put(layout.inverse, inverse4);
  put(layout.inverseA, (n) => (n === 0 ? infinite : product4(a, inverse4(n))));
  // With u and v for the inverses of the two sums, the inverse of an octet is (u + (u + v) / a) / a ζ + u.
  const ofU = (u: number) => (product4(u ^ product4(u, inverseOfA), inverseOfA) << 4) | u;
  const ofV = (v: number) => product4(product4(v, inverseOfA), inverseOfA) << 4;
  [ofU, ofV].forEach((pairOf, which) => {
    // No sum is 0: that of octet 0 is 1/0.
    const made = (n: number) => (n === 0 ? 0 : linearPart(pairOf(inverse4(n))));
    put(layout.substituted + 16 * which, made);
    put(layout.once + 16 * which, (n) => toPair(made(n)));
    put(layout.twice + 16 * which, (n) => toPair(doubled(made(n))));
  });
  return octets;
}
