/** Octets gone wrong, as a seed decides. */
import { concat } from '../../src/base/bytes.ts';

/** Decisions that a seed makes. */
export class Chance {
  readonly #next: () => number;

  /** Numbers in [0, 1). */
  constructor(next: () => number) {
    this.#next = next;
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.#next() * below);
  }

  of<T>(list: readonly T[]): T {
    const one = list[this.below(list.length)];
    if (one === undefined) throw new Error('a choice among nothing');
    return one;
  }

  happens(probability: number): boolean {
    return this.#next() < probability;
  }

  octets(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

/** Values that lengths, counts and types go wrong with. */
const edges = [0, 1, 2, 0x0f, 0x10, 0x3f, 0x40, 0x7f, 0x80, 0xfe, 0xff];

type Mutation = (chance: Chance, octets: Uint8Array, other: Uint8Array) => Uint8Array;

const mutations: readonly Mutation[] = [
  function flipBits(chance, octets) {
    for (let flips = 1 + chance.below(3); flips > 0; flips--) {
      const at = chance.below(octets.length);
      octets[at] = (octets[at] ?? 0) ^ (1 << chance.below(8));
    }
    return octets;
  },
  function setToAnEdge(chance, octets) {
    octets[chance.below(octets.length)] = chance.of(edges);
    return octets;
  },
  function setTwoOctets(chance, octets) {
    const at = chance.below(octets.length);
    octets.set([chance.of(edges), chance.of(edges)].slice(0, octets.length - at), at);
    return octets;
  },
  /** Of the first record: epoch and sequence_number stand at 3 to 10, the length at 11. */
  function setHeader(chance, octets) {
    const at = chance.of([0, 3, 4, 5, 6, 9, 10, 11, 12]);
    if (at < octets.length) octets[at] = chance.of(edges);
    return octets;
  },
  function cut(chance, octets) {
    return octets.subarray(0, chance.below(octets.length));
  },
  function lengthen(chance, octets) {
    return concat(octets, chance.octets(1 + chance.below(40)));
  },
  function leaveOut(chance, octets) {
    const from = chance.below(octets.length);
    return concat(octets.subarray(0, from), octets.subarray(from + 1 + chance.below(20)));
  },
  function repeatPart(chance, octets) {
    const from = chance.below(octets.length);
    const to = from + 1 + chance.below(octets.length - from);
    return concat(octets.subarray(0, to), octets.subarray(from));
  },
  function splice(chance, octets, other) {
    return concat(
      octets.subarray(0, chance.below(octets.length)),
      other.subarray(chance.below(other.length)),
    );
  },
  function behindEachOther(_chance, octets, other) {
    return concat(octets, other);
  },
];

/** `octets` changed once or a few times; `other` is what parts may be taken from. */
export function mutate(chance: Chance, octets: Uint8Array, other: Uint8Array): Uint8Array {
  let mutated = octets.slice();
  for (let times = 1 + chance.below(3); times > 0 && mutated.length > 0; times--) {
    mutated = Uint8Array.from(chance.of(mutations)(chance, mutated, other));
  }
  return mutated;
}
