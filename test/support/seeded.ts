import type { Random } from '../../src/base/random.ts';
import { seededNumbers } from '../../tools/lab/link/seeded.ts';

export { seededNumbers };

/** Octets that a seed decides. */
export function seededRandom(seed: number): Random {
  const next = seededNumbers(seed);
  return (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256));
}
