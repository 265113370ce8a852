/**
 * The keys of session tickets (RFC 5077 §4). A new one is made every half of a ticket's life; an old one opens tickets
 * until the last one made with it has expired, and is then forgotten. They are kept in the store, so that tickets
 * outlive a restart, and so that servers with one store open each other's.
 *
 *   ticket:  key name(4) nonce(12) ciphertext tag(16)          AES-256-GCM
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { concat, equal, Reader, Writer } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Keepable, Packed, Vault } from './vault.ts';

const nameLength = 4;
const keyLength = 32;
const nonceLength = 12;
const tagLength = 16;

interface TicketKey {
  readonly name: Uint8Array;
  readonly octets: Uint8Array;
  readonly since: number;
}

export interface TicketKeysOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds that a ticket is good for. */
  readonly lifetime: number;
  readonly vault: Vault | undefined;
}

/** Under which they are kept. */
export const ticketKeysKey = Uint8Array.of(0x74);

export class TicketKeys implements Keepable {
  readonly key = ticketKeysKey;
  readonly #options: TicketKeysOptions;
  /** The newest first. */
  #keys: readonly TicketKey[] = [];
  /** Whether those in the store are known. */
  #loaded: Promise<void> | undefined;

  constructor(options: TicketKeysOptions) {
    this.#options = options;
    if (options.vault !== undefined) this.#loaded = this.#load(options.vault);
  }

  /** Resolves when the keys in the store are known. */
  async ready(): Promise<void> {
    await this.#loaded;
  }

  seal(octets: Uint8Array): Uint8Array {
    const { name, octets: key } = this.#current();
    const nonce = this.#options.random(nonceLength);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(name);
    const ciphertext = concat(cipher.update(octets), cipher.final());
    return concat(name, nonce, ciphertext, cipher.getAuthTag());
  }

  /** Undefined where it is none of ours, or too old. */
  open(ticket: Uint8Array): Uint8Array | undefined {
    if (ticket.length < nameLength + nonceLength + tagLength) return undefined;
    const name = ticket.subarray(0, nameLength);
    const nonce = ticket.subarray(nameLength, nameLength + nonceLength);
    const found = this.#keys.find((key) => equal(key.name, name));
    if (found === undefined || this.#age(found) >= this.#longest) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', found.octets, nonce);
    decipher.setAAD(name);
    decipher.setAuthTag(ticket.subarray(ticket.length - tagLength));
    try {
      const end = ticket.length - tagLength;
      const ciphertext = ticket.subarray(nameLength + nonceLength, end);
      return concat(decipher.update(ciphertext), decipher.final());
    } catch {
      return undefined; // the tag does not fit
    }
  }

  pack(): Packed {
    const writer = new Writer(128);
    for (const { name, octets, since } of this.#keys) {
      writer.bytes(name).bytes(octets).uint48(Math.floor(since));
    }
    return { octets: writer.done(), lastContact: this.#options.clock.now() };
  }

  packed(): void {}

  /** How long a key is of use: half a ticket's life to make tickets, and then the life of the last. */
  get #longest(): number {
    return 1.5 * this.#options.lifetime;
  }

  #age({ since }: TicketKey): number {
    return this.#options.clock.now() - since;
  }

  #current(): TicketKey {
    const [newest] = this.#keys;
    if (newest !== undefined && this.#age(newest) < this.#options.lifetime / 2) return newest;
    const { clock, random, vault } = this.#options;
    const made = { name: random(nameLength), octets: random(keyLength), since: clock.now() };
    this.#keys = [made, ...this.#keys.filter((key) => this.#age(key) < this.#longest)];
    vault?.save(this);
    return made;
  }

  async #load(vault: Vault): Promise<void> {
    const octets = await vault.load(this.key);
    if (octets === undefined) return;
    const reader = new Reader(octets);
    const found: TicketKey[] = [];
    while (reader.left > 0) {
      const name = reader.bytes(nameLength).slice();
      found.push({ name, octets: reader.bytes(keyLength).slice(), since: reader.uint48() });
    }
    // One that was made meanwhile stays the newest.
    this.#keys = [...this.#keys, ...found];
  }
}
