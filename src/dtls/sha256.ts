/**
 * HMAC-SHA-256 (RFC 2104, FIPS 180-4) in WebAssembly: a key is hashed once, and a call costs what the message does. A
 * one-shot hash of node:crypto costs most by what stands around it, and twice so in a server whose caches hold other
 * things; see docs/decisions.md.
 */
import { layout, sha256Module } from './sha256-module.ts';
import { instantiate } from './wasm-instance.ts';

/** Octets of a block and of a digest. */
const block = 64;
const digest = 32;

/** Octets of the longest message. */
const longest = 4096;

/** Words of a key's midstates, inner and outer, and where they are in the memory. */
const midstateWords = 16;
const midstates = layout.inner / 4;

/** Where a MAC goes; and a message, with room before it for the A(i) of P_hash, so that the two are hashed as one. */
const result = layout.free;
const message = layout.free + 2 * block;
const chained = message - digest;

/** One for all keys: nothing of a key or a message is left in its memory from one call to the next. */
export class Sha256 {
  /** Read by tests alone; what `layout` has before `schedule` are constants. */
  readonly memory: Uint8Array;
  readonly #words: Uint32Array;
  readonly #exports: Exports;

  private constructor(exports: Exports) {
    const { buffer } = exports.memory;
    this.#exports = exports;
    this.memory = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
    const ofPrimes = primes(64);
    this.#words.set(ofPrimes.map(cubeRoot), layout.constants / 4);
    this.#words.set(ofPrimes.slice(0, 8).map(squareRoot), layout.initial / 4);
    this.#words[layout.padding / 4] = 0x80000000;
    this.#words[layout.padding / 4 + 7] = 8 * (block + digest);
  }

  /** Undefined where the machine or Node's flags have no WebAssembly of vectors, or no room for it. */
  static make(): Sha256 | undefined {
    const exports = instantiate(sha256Module);
    return exports && isExports(exports) ? new Sha256(exports) : undefined;
  }

  /** Whether a message of these parts is short enough. */
  takes(parts: readonly Uint8Array[]): boolean {
    let length = 0;
    for (const part of parts) length += part.length;
    return length <= longest;
  }

  /** What the other calls take for a key of at most a block. */
  midstates(key: Uint8Array): Uint32Array {
    if (key.length > block) throw new RangeError(`a key of ${key.length} octets`);
    const { memory } = this;
    for (let i = 0; i < key.length; i++) memory[layout.key + i] = key[i] ?? 0;
    this.#exports.key();
    const made = new Uint32Array(midstateWords);
    for (let i = 0; i < midstateWords; i++) made[i] = this.#words[midstates + i] ?? 0;
    this.#clear(layout.free);
    return made;
  }

  /** The digest of a message that is short enough. */
  digest(octets: Uint8Array): Uint8Array {
    if (octets.length > longest) throw new RangeError('a message too long');
    const end = message + octets.length;
    this.memory.set(octets, message);
    this.memory[end] = 0x80;
    const last = this.#pad(message, end, 0);
    this.#exports.hash(message, (last + 1 - message) / block, result);
    const made = new Uint8Array(digest);
    this.#take(made, 0);
    this.#clear(last + 1);
    return made;
  }

  /** The first octets of the MAC of the parts, one behind the other. */
  mac(key: Uint32Array, length: number, parts: readonly Uint8Array[]): Uint8Array {
    const end = this.#begin(key, parts);
    this.#mac(message, end, result);
    const mac = new Uint8Array(length);
    this.#take(mac, 0);
    this.#clear(end + 1);
    return mac;
  }

  /** P_hash(key, seed), cut to `length` octets (RFC 5246 §5); the seed is the parts, one behind the other. */
  expand(key: Uint32Array, length: number, parts: readonly Uint8Array[]): Uint8Array {
    const output = new Uint8Array(length);
    const end = this.#begin(key, parts);
    this.#mac(message, end, chained);
    for (let at = 0; at < length; at += digest) {
      if (at > 0) this.#exports.again(chained);
      this.#mac(chained, end, result);
      this.#take(output, at);
    }
    this.#clear(end + 1);
    return output;
  }

  /** Puts the key and the parts where they are hashed; gives where the parts end. */
  #begin(key: Uint32Array, parts: readonly Uint8Array[]): number {
    if (!this.takes(parts)) throw new RangeError('a message too long');
    const { memory } = this;
    for (let i = 0; i < midstateWords; i++) this.#words[midstates + i] = key[i] ?? 0;
    let at = message;
    for (const part of parts) {
      for (let i = 0; i < part.length; i++) memory[at + i] = part[i] ?? 0;
      at += part.length;
    }
    memory[at] = 0x80;
    return at;
  }

  /** Of what stands there up to `end`, where there are 0x80 and zeros, as there are again afterwards. */
  #mac(from: number, end: number, to: number): void {
    const last = this.#pad(from, end, block);
    this.#exports.mac(from, (last + 1 - from) / block, to);
    this.memory[last - 1] = 0;
    this.memory[last] = 0;
  }

  /** The padding ends with how many bits there are, those before among them (FIPS 180-4 section 5.1.1); gives where. */
  #pad(from: number, end: number, before: number): number {
    const bits = 8 * (before + end - from);
    const last = from + block * Math.ceil((end - from + 9) / block) - 1;
    this.memory[last - 1] = bits >> 8;
    this.memory[last] = bits;
    return last;
  }

  #take(output: Uint8Array, at: number): void {
    const length = Math.min(digest, output.length - at);
    for (let i = 0; i < length; i++) output[at + i] = this.memory[result + i] ?? 0;
  }

  #clear(end: number): void {
    this.#exports.clear(layout.schedule, end);
  }
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly key: () => void;
  readonly mac: (at: number, blocks: number, to: number) => void;
  readonly again: (at: number) => void;
  readonly clear: (from: number, end: number) => void;
  readonly hash: (at: number, blocks: number, to: number) => void;
}

function isExports(value: object): value is Exports {
  return ['memory', 'key', 'mac', 'again', 'clear', 'hash'].every((name) => name in value);
}

function primes(count: number): readonly bigint[] {
  const found: bigint[] = [];
  for (let n = 2n; found.length < count; n++) if (found.every((p) => n % p !== 0n)) found.push(n);
  return found;
}

/** The first 32 bits of the fractional part of a root (FIPS 180-4 sections 5.3.3 and 4.2.2). */
const squareRoot = (n: bigint): number => Number(BigInt.asUintN(32, root(n << 64n, 2n)));
const cubeRoot = (n: bigint): number => Number(BigInt.asUintN(32, root(n << 96n, 3n)));

/** The greatest whole number, of at most 40 bits, whose power is not above `n`. */
function root(n: bigint, power: bigint): bigint {
  let found = 0n;
  for (let bit = 1n << 39n; bit > 0n; bit >>= 1n) {
    if ((found + bit) ** power <= n) found += bit;
  }
  return found;
}
