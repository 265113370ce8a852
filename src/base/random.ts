/** Chance as an argument: rooms are given a Random, tests give a seeded one (test/support/seeded.ts). */
import { randomBytes, randomFillSync } from 'node:crypto';

/** `length` octets nobody can foresee. */
export type Random = (length: number) => Uint8Array;

/** Octets drawn at a time: a draw costs the same for few as for many. */
const drawn = 8192;

/** The machine's. */
export const systemRandom: Random = fromStock();

/** Octets out of a stock; each is given out once, and wiped from the stock. */
function fromStock(): Random {
  const stock = new Uint8Array(drawn);
  let at = drawn;
  return (length) => {
    if (length > drawn / 8) return new Uint8Array(randomBytes(length));
    if (at + length > drawn) {
      randomFillSync(stock);
      at = 0;
    }
    const octets = new Uint8Array(length);
    for (let i = 0; i < length; i++, at++) {
      octets[i] = stock[at] ?? 0;
      stock[at] = 0;
    }
    return octets;
  };
}
