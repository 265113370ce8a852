/**
 * HMAC (RFC 2104) made of two one-shot hashes: for messages as short as a handshake's, the Hmac objects of node:crypto
 * cost more than what they compute.
 */
import { createHash, hash as hashOf } from 'node:crypto';

export type HashName = 'sha256' | 'sha384';

/** Octets of a block and of a digest. */
const sizes = {
  sha256: { block: 64, digest: 32 },
  sha384: { block: 128, digest: 48 },
} as const;

const innerPad = 0x36;
const outerPad = 0x5c;

/** Where a message is put together, if it fits. Nothing stays in it from one call to the next. */
const bench = Buffer.alloc(512);

/** HMAC under one key. */
export class Hmac {
  readonly #hash: HashName;
  readonly #innerKey: Uint8Array;
  readonly #outerKey: Uint8Array;

  constructor(hash: HashName, key: Uint8Array) {
    const { block } = sizes[hash];
    const octets = key.length > block ? createHash(hash).update(key).digest() : key;
    this.#hash = hash;
    this.#innerKey = new Uint8Array(block).fill(innerPad);
    this.#outerKey = new Uint8Array(block).fill(outerPad);
    for (let i = 0; i < octets.length; i++) {
      const octet = octets[i] ?? 0;
      this.#innerKey[i] = octet ^ innerPad;
      this.#outerKey[i] = octet ^ outerPad;
    }
  }

  /** Of the parts, one behind the other. */
  of(...parts: readonly Uint8Array[]): Uint8Array {
    const { block, digest } = sizes[this.#hash];
    let length = block;
    for (const part of parts) length += part.length;
    const work = length > bench.length ? Buffer.alloc(length) : bench;
    work.set(this.#innerKey);
    let at = block;
    for (const part of parts) {
      work.set(part, at);
      at += part.length;
    }
    // As text of one octet a character: of all forms of a digest the one that node:crypto makes fastest.
    const inner = hashOf(this.#hash, work.subarray(0, length), 'binary');
    work.set(this.#outerKey);
    work.write(inner, block, 'latin1');
    const outer = hashOf(this.#hash, work.subarray(0, block + digest), 'binary');
    work.fill(0, 0, Math.max(length, block + digest));
    return octetsOf(outer);
  }
}

/** The digest of some octets. */
export function digestOf(hash: HashName, octets: Uint8Array): Uint8Array {
  return octetsOf(hashOf(hash, octets, 'binary'));
}

function octetsOf(text: string): Uint8Array {
  const octets = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) octets[i] = text.charCodeAt(i);
  return octets;
}
