/**
 * The hellos whose handshakes are done, while their cookies may be good: whoever overhears a hello may shake hands with
 * the same random before its client does. There are many, so they are octets in a table, of two generations: the older
 * one goes when the younger has lasted as long as a cookie is good, or is full.
 */
import type { Address } from '../base/address.ts';
import { utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { addressOctets, ipv4Number } from './ip.ts';
import { setUint16, uint16 } from './record.ts';

/** client_random(32) port(2) address(16): of what is no IP address its first octets, which does no harm. */
const randomLength = 32;
const addressLength = 16;
const entryLength = randomLength + 2 + addressLength;

export interface DoneHellosOptions {
  readonly clock: Clock;
  /** Milliseconds for which a hello is remembered, at the least. */
  readonly lifetime: number;
  /** Most hellos of a generation: so many are remembered at the least, twice as many at the most. */
  readonly ceiling: number;
  /** Decides where entries fall in the table; of chance, so that nobody can make many fall together. */
  readonly seed: number;
}

export class DoneHellos {
  readonly #options: DoneHellosOptions;
  #younger: Generation;
  #older: Generation | undefined;
  #since: number;
  /** The entry that is asked for. */
  readonly #entry = new Uint8Array(entryLength);

  constructor(options: DoneHellosOptions) {
    this.#options = options;
    this.#younger = new Generation(options.ceiling, options.seed);
    this.#since = options.clock.now();
  }

  add(clientRandom: Uint8Array, from: Address): void {
    this.#turn();
    if (this.#younger.size >= this.#options.ceiling) this.#next(this.#options.clock.now());
    const entry = this.#entryOf(clientRandom, from);
    this.#younger.add(entry, hashOf(entry, 0, this.#options.seed));
  }

  has(clientRandom: Uint8Array, from: Address): boolean {
    this.#turn();
    const entry = this.#entryOf(clientRandom, from);
    const hash = hashOf(entry, 0, this.#options.seed);
    return this.#younger.has(entry, hash) || this.#older?.has(entry, hash) === true;
  }

  /** Another generation, where it is time for one. */
  #turn(): void {
    const now = this.#options.clock.now();
    const age = now - this.#since;
    if (age >= 0 && age < this.#options.lifetime) return;
    this.#next(now);
    if (age >= 2 * this.#options.lifetime) this.#older = undefined;
  }

  #next(now: number): void {
    const { ceiling, seed } = this.#options;
    this.#older = this.#younger.size > 0 ? this.#younger : undefined;
    this.#younger = new Generation(ceiling, seed);
    this.#since = now;
  }

  #entryOf(clientRandom: Uint8Array, { address, port }: Address): Uint8Array {
    const entry = this.#entry;
    for (let i = 0; i < randomLength; i++) entry[i] = clientRandom[i] ?? 0;
    setUint16(entry, randomLength, port);
    const at = randomLength + 2;
    const ipv4 = ipv4Number(address);
    if (ipv4 === undefined) {
      const octets = addressOctets(address) ?? utf8(address);
      for (let i = 0; i < addressLength; i++) entry[at + i] = octets[i] ?? 0;
    } else {
      setUint16(entry, at, ipv4 >>> 16);
      setUint16(entry, at + 2, ipv4);
      for (let i = 4; i < addressLength; i++) entry[at + i] = 0;
    }
    return entry;
  }
}

/** Entries one behind the other, and a table of their numbers (linear probing). None leaves. */
class Generation {
  readonly #seed: number;
  readonly #most: number;
  #entries: Uint8Array;
  /** Number of an entry, from 1 on; 0: none. */
  #table: Uint32Array;
  #size = 0;

  constructor(most: number, seed: number) {
    this.#most = most;
    this.#seed = seed;
    const first = Math.min(most, firstRoom);
    this.#entries = new Uint8Array(first * entryLength);
    this.#table = new Uint32Array(2 * powerOfTwo(first));
  }

  get size(): number {
    return this.#size;
  }

  has(entry: Uint8Array, hash: number): boolean {
    return this.#table[this.#placeOf(entry, hash)] !== 0;
  }

  add(entry: Uint8Array, hash: number): void {
    if ((this.#size + 1) * entryLength > this.#entries.length) this.#grow();
    const place = this.#placeOf(entry, hash);
    if (this.#table[place] !== 0) return;
    const at = this.#size++ * entryLength;
    for (let i = 0; i < entryLength; i++) this.#entries[at + i] = entry[i] ?? 0;
    this.#table[place] = this.#size;
  }

  /** Where in the table the entry's number stands, or would stand. */
  #placeOf(entry: Uint8Array, hash: number): number {
    const mask = this.#table.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const number = this.#table[place] ?? 0;
      if (number === 0 || this.#isAt((number - 1) * entryLength, entry)) return place;
    }
  }

  #isAt(at: number, entry: Uint8Array): boolean {
    for (let i = 0; i < entryLength; i++) if (this.#entries[at + i] !== entry[i]) return false;
    return true;
  }

  #grow(): void {
    const room = Math.min(this.#most, 2 * (this.#entries.length / entryLength));
    const entries = new Uint8Array(room * entryLength);
    entries.set(this.#entries);
    this.#entries = entries;
    this.#table = new Uint32Array(2 * powerOfTwo(room));
    const mask = this.#table.length - 1;
    for (let number = 1; number <= this.#size; number++) {
      let place = hashOf(entries, (number - 1) * entryLength, this.#seed) & mask;
      while (this.#table[place] !== 0) place = (place + 1) & mask;
      this.#table[place] = number;
    }
  }
}

/** Of the entry that begins there. */
function hashOf(octets: Uint8Array, from: number, seed: number): number {
  let hash = seed | 0;
  for (let i = 0; i < entryLength; i += 2) {
    hash = Math.imul(hash ^ uint16(octets, from + i), 0x01000193);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  return hash ^ (hash >>> 15);
}

/** Entries that a generation has room for at first. */
const firstRoom = 64;

/** The least that is not less. */
function powerOfTwo(number: number): number {
  return 2 ** Math.ceil(Math.log2(number));
}
