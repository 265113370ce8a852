/**
 * AES-CCM (RFC 3610; NIST SP 800-38C) on two ciphers that live on from record to record: one of single blocks for the
 * key stream, one that chains them for the MAC. node:crypto has CCM as an object for each message, which costs three
 * times as much to make as to use.
 *
 *   B_0 = flags(1) nonce(12) length(3)    MAC over B_0, the counted and padded additional data, the padded message
 *   A_i = 2(1)     nonce(12) i(3)         the key stream: E(A_0) for the tag, E(A_1) … for the message
 */
import { type Cipher, createCipheriv } from 'node:crypto';

/** Octets of a block. */
const block = 16;
/** Octets of a nonce, and so three of a length. */
const nonceLength = 12;

/** Octets that are held for messages and their additional data: what networks carry in a datagram. */
const held = 2048;

/** Where messages are put together; one for as many ciphers as one likes. Nothing is in it from one call to the next. */
export class CcmBench {
  /** For whoever calls: a nonce, and additional data. */
  readonly nonce = new Uint8Array(nonceLength);
  readonly #data = new Room(64);
  readonly #whole = new Room(held);

  /** So many octets for additional data, of any value. They are the next caller's when they are asked for again. */
  data(length: number): Uint8Array {
    return this.#data.first(length);
  }

  /** Likewise for a message. */
  room(length: number): Uint8Array {
    return this.#whole.first(length);
  }
}

/** Octets of which one uses the first: a view costs more to make than what it shows to encrypt, so each is made once. */
class Room {
  readonly #octets: Uint8Array;
  /** By length. */
  readonly #views: (Uint8Array | undefined)[] = [];

  constructor(size: number) {
    this.#octets = new Uint8Array(size);
    for (let length = 0; length <= size; length++) this.#views.push(undefined);
  }

  first(length: number): Uint8Array {
    if (length > this.#octets.length) return new Uint8Array(length);
    const known = this.#views[length] ?? this.#octets.subarray(0, length);
    this.#views[length] = known;
    return known;
  }
}

export class Ccm {
  readonly bench: CcmBench;
  readonly #tagLength: number;
  readonly #stream: Cipher;
  readonly #chain: Cipher;
  /** What `#chain` gave last, and so adds to the next block that it gets: added once more, it is gone. */
  readonly #last = new Uint8Array(block);

  /** A key of 16 or 32 octets; a tag of 4 to 16, an even number. Additional data: less than 65,280 octets. */
  constructor(key: Uint8Array, tagLength: number, bench: CcmBench) {
    const bits = key.length * 8;
    this.bench = bench;
    this.#tagLength = tagLength;
    this.#stream = createCipheriv(`aes-${bits}-ecb`, key, null).setAutoPadding(false);
    this.#chain = createCipheriv(`aes-${bits}-cbc`, key, this.#last).setAutoPadding(false);
  }

  /** Writes ciphertext and tag to `sealed` from `at` on. */
  seal(
    nonce: Uint8Array,
    data: Uint8Array,
    message: Uint8Array,
    sealed: Uint8Array,
    at: number,
  ): void {
    const { length } = message;
    const stream = this.#keyStream(nonce, length);
    const mac = this.#mac(nonce, data, message);
    for (let i = 0; i < length; i++) {
      sealed[at + i] = (message[i] ?? 0) ^ (stream[block + i] ?? 0);
    }
    for (let i = 0; i < this.#tagLength; i++) {
      sealed[at + length + i] = (mac[i] ?? 0) ^ (stream[i] ?? 0);
    }
  }

  /** The message of ciphertext and tag, which stand from `at` on; undefined where the tag is not that of the message. */
  open(nonce: Uint8Array, data: Uint8Array, sealed: Uint8Array, at = 0): Uint8Array | undefined {
    const length = sealed.length - at - this.#tagLength;
    if (length < 0) return undefined;
    const stream = this.#keyStream(nonce, length);
    const message = new Uint8Array(length);
    for (let i = 0; i < length; i++) message[i] = (sealed[at + i] ?? 0) ^ (stream[block + i] ?? 0);
    const mac = this.#mac(nonce, data, message);
    // All octets are looked at, whatever the first ones say: how long it takes tells nothing.
    let difference = 0;
    for (let i = 0; i < this.#tagLength; i++) {
      difference |= (sealed[at + length + i] ?? 0) ^ (mac[i] ?? 0) ^ (stream[i] ?? 0);
    }
    if (difference === 0) return message;
    message.fill(0); // nobody is to see what it would have been
    return undefined;
  }

  /** E(A_0), E(A_1) … for a message of so many octets. */
  #keyStream(nonce: Uint8Array, length: number): Uint8Array {
    const counters = this.bench.room(block + blocksOf(length));
    for (let at = 0, i = 0; at < counters.length; at += block, i++) {
      counters[at] = 2;
      for (let n = 0; n < nonceLength; n++) counters[at + 1 + n] = nonce[n] ?? 0;
      counters[at + 13] = i >> 16;
      counters[at + 14] = i >> 8;
      counters[at + 15] = i;
    }
    return this.#stream.update(counters);
  }

  /** The last block of the chain, of which the tag is made. */
  #mac(nonce: Uint8Array, data: Uint8Array, message: Uint8Array): Uint8Array {
    const counted = data.length === 0 ? 0 : 2 + data.length;
    const blocks = this.bench.room(block + blocksOf(counted) + blocksOf(message.length));
    blocks[0] = (data.length > 0 ? 0x40 : 0) + ((this.#tagLength - 2) / 2) * 8 + 2;
    for (let n = 0; n < nonceLength; n++) blocks[1 + n] = nonce[n] ?? 0;
    blocks[13] = message.length >> 16;
    blocks[14] = message.length >> 8;
    blocks[15] = message.length;
    for (let i = 0; i < block; i++) blocks[i] = (blocks[i] ?? 0) ^ (this.#last[i] ?? 0);
    let end = block;
    if (data.length > 0) {
      blocks[end] = data.length >> 8;
      blocks[end + 1] = data.length;
      end = append(blocks, end + 2, data);
    }
    append(blocks, end, message);
    const chained = this.#chain.update(blocks);
    const from = chained.length - block;
    for (let i = 0; i < block; i++) this.#last[i] = chained[from + i] ?? 0;
    blocks.fill(0);
    return this.#last;
  }
}

/** So many octets in whole blocks. */
function blocksOf(length: number): number {
  return Math.ceil(length / block) * block;
}

/** Puts octets there, and zeros up to the next block; gives where those end. */
function append(blocks: Uint8Array, from: number, octets: Uint8Array): number {
  const { length } = octets;
  // Octet by octet: for so few, `set` and `fill` take longer to begin than this takes.
  for (let i = 0; i < length; i++) blocks[from + i] = octets[i] ?? 0;
  let at = from + length;
  for (; at % block !== 0; at++) blocks[at] = 0;
  return at;
}
