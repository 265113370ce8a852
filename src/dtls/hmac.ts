/**
 * HMAC (RFC 2104). With SHA-256 it is that of sha256.ts, where there is one. Else it is made of two one-shot hashes: for
 * messages as short as a handshake's, the Hmac objects of node:crypto cost more than what they compute. So does every
 * array that is made on the way, so there is none: digests come as text of one octet a character, of all their forms the
 * one that node:crypto makes fastest, and go on to where they are due.
 */
import { createHash, hash as hashOf } from 'node:crypto';
import { Sha256 } from './sha256.ts';

export type HashName = 'sha256' | 'sha384';

/** Octets of a block and of a digest. */
const sizes = {
  sha256: { block: 64, digest: 32 },
  sha384: { block: 128, digest: 48 },
} as const;

const innerPad = 0x36;
const outerPad = 0x5c;

/** Octets that are held for what is hashed; what is longer gets memory of its own. */
const held = 512;

/** Where messages are put together: their first octets, by how many. Nothing stays in it from one call to the next. */
function bench(): readonly Uint8Array[] {
  const whole = new Uint8Array(held);
  return Array.from({ length: held + 1 }, (_, length) => whole.subarray(0, length));
}

const inner = bench();
const outer = bench();
const sha256 = Sha256.make();

function room(views: readonly Uint8Array[], length: number): Uint8Array {
  return views[length] ?? new Uint8Array(length);
}

/** Of what `room` of `inner` gave. */
function firstOf(within: Uint8Array, length: number): Uint8Array {
  return within.length <= held ? room(inner, length) : within.subarray(0, length);
}

/** HMAC under one key. */
export class Hmac {
  readonly #hash: HashName;
  readonly #key: Uint8Array;
  /** The key as `sha256` takes it. */
  readonly #midstates: Uint32Array | undefined;

  /** The key must not change. */
  constructor(hash: HashName, key: Uint8Array) {
    const { block } = sizes[hash];
    this.#hash = hash;
    this.#key = key.length > block ? createHash(hash).update(key).digest() : key;
    this.#midstates = hash === 'sha256' ? sha256?.midstates(this.#key) : undefined;
  }

  /** Of the parts, one behind the other. */
  of(...parts: readonly Uint8Array[]): Uint8Array {
    return this.cut(sizes[this.#hash].digest, ...parts);
  }

  /** The first octets of the same. */
  cut(length: number, ...parts: readonly Uint8Array[]): Uint8Array {
    const key = this.#midstates;
    if (key !== undefined && sha256?.takes(parts)) return sha256.mac(key, length, parts);
    return octetsOf(this.#text(parts), length);
  }

  #text(parts: readonly Uint8Array[]): string {
    const { block, digest } = sizes[this.#hash];
    let length = block;
    for (const part of parts) length += part.length;
    const within = room(inner, length);
    const around = room(outer, block + digest);
    this.#lay(within, around);
    putAll(within, block, parts);
    const mac = this.#finish(within, around);
    within.fill(0);
    around.fill(0);
    return mac;
  }

  /** P_hash(key, seed), cut to `length` octets (RFC 5246 §5); the seed is the parts, one behind the other. */
  expand(length: number, ...parts: readonly Uint8Array[]): Uint8Array {
    const key = this.#midstates;
    if (key !== undefined && sha256?.takes(parts)) return sha256.expand(key, length, parts);
    return this.#expandText(length, parts);
  }

  #expandText(length: number, parts: readonly Uint8Array[]): Uint8Array {
    const { block, digest } = sizes[this.#hash];
    const output = new Uint8Array(length);
    let seed = 0;
    for (const part of parts) seed += part.length;
    // All of one memory, if it fits, where key and seed stay where they are.
    const within = room(inner, block + digest + seed);
    const first = firstOf(within, block + seed);
    const again = firstOf(within, block + digest);
    const around = room(outer, block + digest);
    this.#lay(within, around);
    putAll(within, block, parts);
    let a = this.#finish(first, around);
    putAll(within, block + digest, parts);
    for (let at = 0; at < length; at += digest) {
      if (at > 0) a = this.#finish(again, around);
      putText(within, block, a, digest);
      putText(output, at, this.#finish(within, around), Math.min(digest, length - at));
    }
    within.fill(0);
    around.fill(0);
    return output;
  }

  /** Puts the key where it is hashed with the message, and with what came of that. */
  #lay(within: Uint8Array, around: Uint8Array): void {
    const { block } = sizes[this.#hash];
    const key = this.#key;
    for (let i = 0; i < key.length; i++) {
      const octet = key[i] ?? 0;
      within[i] = octet ^ innerPad;
      around[i] = octet ^ outerPad;
    }
    for (let i = key.length; i < block; i++) {
      within[i] = innerPad;
      around[i] = outerPad;
    }
  }

  #finish(within: Uint8Array, around: Uint8Array): string {
    const { block, digest } = sizes[this.#hash];
    putText(around, block, hashOf(this.#hash, within, 'binary'), digest);
    return hashOf(this.#hash, around, 'binary');
  }
}

/** Octets up to which our own SHA-256 is faster: OpenSSL's takes a quarter of its time, and longer to begin. */
const few = 512;

/** The digest of some octets. */
export function digestOf(hash: HashName, octets: Uint8Array): Uint8Array {
  if (hash === 'sha256' && octets.length <= few && sha256 !== undefined) {
    return sha256.digest(octets);
  }
  return octetsOf(hashOf(hash, octets, 'binary'), sizes[hash].digest);
}

/** Octet by octet: most parts are few, and `set` takes longer to begin than this takes. */
function putAll(octets: Uint8Array, from: number, parts: readonly Uint8Array[]): void {
  let at = from;
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) octets[at + i] = part[i] ?? 0;
    at += part.length;
  }
}

function putText(octets: Uint8Array, at: number, text: string, length: number): void {
  for (let i = 0; i < length; i++) octets[at + i] = text.charCodeAt(i);
}

function octetsOf(text: string, length: number): Uint8Array {
  const octets = new Uint8Array(length);
  putText(octets, 0, text, length);
  return octets;
}
