/** The keys of an epoch in the one piece that they were made as: there are many connections, and each has them. */
import type { CipherSuite } from './cipher-suites.ts';
import type { DirectionKeys, EpochKeys } from './key-schedule.ts';

/** Octets of the key block that a suite takes. */
export function keyBlockLength({ cipher }: CipherSuite): number {
  return 2 * (cipher.macKeyLength + cipher.keyLength + cipher.fixedIvLength);
}

/** The key block: MAC keys, keys and IVs, each the client's first (RFC 5246 §6.3). */
export class KeyBlock implements EpochKeys {
  readonly suite: CipherSuite;
  readonly encryptThenMac: boolean;
  readonly octets: Uint8Array;

  constructor(suite: CipherSuite, octets: Uint8Array, encryptThenMac = false) {
    this.suite = suite;
    this.octets = octets;
    this.encryptThenMac = encryptThenMac;
  }

  get client(): DirectionKeys {
    return new CutKeys(this, 0);
  }

  get server(): DirectionKeys {
    return new CutKeys(this, 1);
  }
}

/** One side's part, cut out when it is asked for. */
class CutKeys implements DirectionKeys {
  readonly #block: KeyBlock;
  /** 0 for the client's, 1 for the server's. */
  readonly #side: number;

  constructor(block: KeyBlock, side: number) {
    this.#block = block;
    this.#side = side;
  }

  get mac(): Uint8Array {
    return this.#cut(0, this.#block.suite.cipher.macKeyLength);
  }

  get key(): Uint8Array {
    const { macKeyLength, keyLength } = this.#block.suite.cipher;
    return this.#cut(2 * macKeyLength, keyLength);
  }

  get iv(): Uint8Array {
    const { macKeyLength, keyLength, fixedIvLength } = this.#block.suite.cipher;
    return this.#cut(2 * (macKeyLength + keyLength), fixedIvLength);
  }

  #cut(from: number, length: number): Uint8Array {
    const at = from + this.#side * length;
    return this.#block.octets.subarray(at, at + length);
  }
}
