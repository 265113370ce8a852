/**
 * Writes connections and sessions to the store, encrypted, in batches: whatever changes while one batch is on its way
 * goes into the next, each once.
 *
 *   version(1) hour of last contact(3) run(8) number(6) ciphertext tag(16)
 *
 * AES-256-GCM. Each run of the program has a key of its own, HKDF(the owner's key, run), and numbers what it seals: a
 * nonce never comes twice. What stands in the clear is authenticated together with the entry's key in the store, so
 * that nobody can put one entry in another's place.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { BytesError, concat, Reader, toHex, utf8, Writer } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { ConnectionStore, Kept } from './connection-store.ts';

const version = 1;
const runLength = 8;
const numberLength = 6;
const headLength = 1 + 3 + runLength + numberLength;
const tagLength = 16;
const hour = 3_600_000;

export interface VaultOptions {
  readonly store: ConnectionStore;
  /** 32 octets; and former ones, with which entries written before may still be opened. */
  readonly key: Uint8Array;
  readonly formerKeys?: readonly Uint8Array[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Most entries looked up at a time; what is asked for beyond counts as not there. */
  readonly lookups: number;
}

/** What is to be written of something; or that it is to be deleted, or left as it is. */
export type Packed =
  | { readonly octets: Uint8Array; readonly lastContact: number }
  | 'gone'
  | 'as it is';

/** Something that is kept, as it is when its batch leaves. */
export interface Keepable {
  readonly key: Uint8Array;
  pack(): Packed;
  /** What `pack` gave last is durable. */
  packed(): void;
}

export class Vault {
  readonly #options: VaultOptions;
  readonly #run: Uint8Array;
  readonly #runKeys = new Map<string, readonly Uint8Array[]>();
  readonly #sealKey: Uint8Array;
  #number = 0;
  #due = new Map<string, Keepable>();
  #writing: Promise<void> | undefined;
  #lookups = 0;
  #failed = false;

  constructor(options: VaultOptions) {
    this.#options = options;
    this.#run = options.random(runLength);
    this.#sealKey = runKey(options.key, this.#run);
  }

  /** Has it written with the next batch, as it is then. */
  save(what: Keepable): void {
    this.#due.set(toHex(what.key), what);
    this.#writing ??= this.#write();
  }

  /** Has an entry deleted with the next batch. */
  delete(key: Uint8Array): void {
    this.save({ key, pack: () => 'gone', packed: () => {} });
  }

  /** What is kept under the key; undefined where there is nothing that opens, or too many ask. */
  async load(key: Uint8Array): Promise<Uint8Array | undefined> {
    // What is to be written is still held by whoever had it saved; what is to be deleted is no more.
    if (this.#due.has(toHex(key))) return undefined;
    if (this.#lookups >= this.#options.lookups) {
      this.#options.log.drop('too many look into the store');
      return undefined;
    }
    this.#lookups++;
    try {
      const octets = await this.#options.store.load(key);
      return octets === undefined ? undefined : this.#open(key, octets);
    } catch (error) {
      this.#complain('connections cannot be read', error);
      return undefined;
    } finally {
      this.#lookups--;
    }
  }

  /**
   * Deletes what was not heard of for `lifetime` milliseconds and is not `held` in memory; gives how many are left. In
   * pages, so that all else goes on. Tells which it deleted.
   */
  async sweep(
    lifetime: number,
    held: (key: Uint8Array) => boolean,
    forgotten: (key: Uint8Array) => void,
  ): Promise<number> {
    let left = 0;
    const { store, clock } = this.#options;
    const page = 500;
    const oldest = Math.floor((clock.now() - lifetime) / hour);
    let after: Uint8Array | undefined;
    for (;;) {
      const found: readonly Kept[] = await store.list(after, page);
      const gone = found
        .filter(({ key, octets }) => hourOf(octets) < oldest && !held(key))
        .map(({ key }) => key);
      left += found.length - gone.length;
      if (gone.length > 0) await store.save([], gone);
      for (const key of gone) forgotten(key);
      after = found.at(-1)?.key;
      if (found.length < page) return left;
    }
  }

  /** Resolves when all that was saved so far is durable. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined && !this.#failed) await this.#writing;
  }

  async #write(): Promise<void> {
    await null; // what changes in this turn goes together
    while (this.#due.size > 0) {
      const batch = [...this.#due.values()];
      this.#due = new Map();
      const kept: Kept[] = [];
      const gone: Uint8Array[] = [];
      for (const one of batch) {
        const packed = one.pack();
        if (packed === 'gone') gone.push(one.key);
        else if (packed !== 'as it is')
          kept.push({ key: one.key, octets: this.#seal(one.key, packed) });
      }
      try {
        await this.#options.store.save(kept, gone);
        this.#failed = false;
        for (const one of batch) one.packed();
      } catch (error) {
        // Nothing is believed durable that is not: whoever waits goes on waiting, until a later batch is written.
        this.#failed = true;
        this.#complain('connections cannot be written', error);
        for (const one of batch) {
          const name = toHex(one.key);
          if (!this.#due.has(name)) this.#due.set(name, one);
        }
        await this.#rest();
      }
    }
    this.#writing = undefined;
  }

  #rest(): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => clock.after(1000, resolve));
  }

  #seal(
    key: Uint8Array,
    { octets, lastContact }: { octets: Uint8Array; lastContact: number },
  ): Uint8Array {
    const number = new Writer(numberLength).uint48(this.#number++).done();
    const head = new Writer(headLength)
      .uint8(version)
      .uint24(Math.floor(lastContact / hour))
      .bytes(this.#run)
      .bytes(number)
      .done();
    const cipher = createCipheriv('aes-256-gcm', this.#sealKey, nonceOf(number));
    cipher.setAAD(concat(head, key));
    const ciphertext = concat(cipher.update(octets), cipher.final());
    return concat(head, ciphertext, cipher.getAuthTag());
  }

  #open(key: Uint8Array, octets: Uint8Array): Uint8Array | undefined {
    if (octets.length < headLength + tagLength || octets[0] !== version) return undefined;
    const head = octets.subarray(0, headLength);
    const reader = new Reader(head.subarray(4));
    const [run, number] = [reader.bytes(runLength), reader.bytes(numberLength)];
    for (const runKeyOf of this.#keysOf(run)) {
      const decipher = createDecipheriv('aes-256-gcm', runKeyOf, nonceOf(number));
      decipher.setAAD(concat(head, key));
      decipher.setAuthTag(octets.subarray(octets.length - tagLength));
      try {
        const ciphertext = octets.subarray(headLength, octets.length - tagLength);
        return concat(decipher.update(ciphertext), decipher.final());
      } catch {
        // of another key
      }
    }
    this.#options.log.drop('kept connection does not open');
    return undefined;
  }

  /** Few runs wrote what is still there; the keys of the last ones looked for are remembered. */
  #keysOf(run: Uint8Array): readonly Uint8Array[] {
    const name = toHex(run);
    const known = this.#runKeys.get(name);
    if (known !== undefined) return known;
    const { key, formerKeys = [] } = this.#options;
    const keys = [key, ...formerKeys].map((one) => runKey(one, run));
    if (this.#runKeys.size >= 256) this.#runKeys.clear();
    this.#runKeys.set(name, keys);
    return keys;
  }

  #complain(event: string, error: unknown): void {
    if (error instanceof BytesError) return;
    this.#options.log.error(event, { why: error instanceof Error ? error.message : String(error) });
  }
}

function runKey(key: Uint8Array, run: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, run, utf8('coap-eim dtls kept'), 32));
}

function nonceOf(number: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12);
  nonce.set(number, 12 - numberLength);
  return nonce;
}

/** The hour of last contact, in hours since 1970. */
function hourOf(octets: Uint8Array): number {
  return octets.length < headLength ? 0 : new Reader(octets.subarray(1)).uint24();
}
