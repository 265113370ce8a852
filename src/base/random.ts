/** Chance as an argument: rooms are given a Random, tests give a seeded one (test/support/seeded.ts). */
import { randomBytes } from 'node:crypto';

/** `length` octets nobody can foresee. */
export type Random = (length: number) => Uint8Array;

export const systemRandom: Random = (length) => new Uint8Array(randomBytes(length));
