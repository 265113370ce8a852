/**
 * AES (FIPS 197) in WebAssembly, for blocks in a memory of its own. node:crypto makes an object and a buffer for each
 * call, which for the few blocks of a record costs several times what they cost here; see docs/decisions.md.
 */
import { aesModule, layout } from './aes-module.ts';
import { aesTables } from './aes-tables.ts';
import { instantiate } from './wasm-instance.ts';

/** Octets of a block. */
export const block = 16;

export class Aes {
  /** Its memory; callers use it from `free` on. Nothing in it outlives a caller's turn. */
  readonly memory: Uint8Array;
  readonly free = layout.free;
  readonly #encrypt: (at: number, blocks: number) => void;
  readonly #chain: (at: number, blocks: number) => void;
  readonly #expand: (words: number) => void;
  readonly #clear: (from: number, end: number) => void;

  private constructor({ memory, encrypt, chain, expand, clear }: Exports) {
    this.memory = new Uint8Array(memory.buffer);
    this.memory.set(aesTables());
    this.#encrypt = encrypt;
    this.#chain = chain;
    this.#expand = expand;
    this.#clear = clear;
  }

  /** Undefined where the machine or Node's flags have no WebAssembly of vectors, or no room for it. */
  static make(): Aes | undefined {
    const exports = instantiate(aesModule);
    return exports && isExports(exports) ? new Aes(exports) : undefined;
  }

  /** What follows is done with the key of so many octets, 16 or 32, that stands there. */
  use(octets: Uint8Array, at: number, length: number): void {
    const { memory } = this;
    for (let i = 0; i < length; i++) memory[layout.keys + i] = octets[at + i] ?? 0;
    this.#expand(length / 4);
  }

  /** Encrypts so many blocks, at least one, each where it stands. */
  encrypt(at: number, blocks: number): void {
    this.#encrypt(at, blocks);
  }

  /** Encrypts so many blocks, at least one, each xor the one before; the last is left where the first stood. */
  chain(at: number, blocks: number): void {
    this.#chain(at, blocks);
  }

  /** Leaves nothing of the key, nor of what callers had up to there. */
  clear(end: number): void {
    this.#clear(layout.keys, end);
  }
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly encrypt: (at: number, blocks: number) => void;
  readonly chain: (at: number, blocks: number) => void;
  readonly expand: (words: number) => void;
  readonly clear: (from: number, end: number) => void;
}

function isExports(value: object): value is Exports {
  return ['memory', 'encrypt', 'chain', 'expand', 'clear'].every((name) => name in value);
}
