/**
 * AES-CCM (RFC 3610; NIST SP 800-38C), with nonces of 12 octets, on AES of our own (aes.ts): node:crypto has CCM as an
 * object for each message, which costs several times as much to make as to use.
 *
 *   B_0 = flags(1) nonce(12) length(3)    MAC over B_0, the counted and padded additional data, the padded message
 *   A_i = 2(1)     nonce(12) i(3)         the key stream: E(A_0) for the tag, E(A_1) … for the message
 */
import { Stock } from '../base/stock.ts';
import { Aes, block } from './aes.ts';

/** Octets of a nonce, and so three of a length. */
const nonceLength = 12;
/** Octets of the longest message and of the longest additional data: more than any record has. */
const longest = 20_000;
const longestData = 512;

/** A key, in whatever it stands in, and how long its tags are. */
export interface CcmKey {
  readonly octets: Uint8Array;
  readonly keyAt: number;
  /** 16 or 32. */
  readonly keyLength: number;
  /** 4 to 16, an even number. */
  readonly tagLength: number;
}

/**
 * One for all keys: nothing of a message or a key is left in it from one call to the next. A message takes two calls,
 * `begin` and one of `seal` and `open`; between them the caller writes the additional data to the `memory`.
 */
export class Ccm {
  readonly #aes: Aes;
  readonly memory: Uint8Array;
  /** For what is sealed: memory of records. */
  readonly stock: Stock;
  /** For whoever calls: of the message that is begun next. */
  readonly nonce = new Uint8Array(nonceLength);
  /** Where the key stream is, the MAC, and the message in that. */
  readonly #stream: number;
  #mac = 0;
  #text = 0;
  #length = 0;
  #tagLength = 0;

  private constructor(aes: Aes, stock: Stock) {
    this.#aes = aes;
    this.stock = stock;
    this.memory = aes.memory;
    this.#stream = aes.free;
  }

  /** Undefined where the machine cannot have our AES. */
  static make(stock = new Stock()): Ccm | undefined {
    const aes = Aes.make();
    return aes && new Ccm(aes, stock);
  }

  /**
   * A message of so many octets, under `nonce`, beside so many octets of additional data; gives where in the `memory`
   * those belong.
   */
  begin(key: CcmKey, length: number, dataLength: number): number {
    if (length > longest || dataLength > longestData) {
      throw new RangeError(`a message of ${length} octets beside ${dataLength}`);
    }
    const { memory } = this;
    const stream = this.#stream;
    const blocks = 1 + Math.ceil(length / block);
    for (let i = 0, at = stream; i < blocks; i++, at += block) this.#putBlock(at, 2, i);
    this.#aes.use(key.octets, key.keyAt, key.keyLength);
    this.#aes.encrypt(stream, blocks);
    const mac = stream + block * blocks;
    const flags = (dataLength > 0 ? 0x40 : 0) + ((key.tagLength - 2) / 2) * 8 + 2;
    this.#putBlock(mac, flags, length);
    const data = mac + block + 2;
    if (dataLength > 0) {
      memory[data - 2] = dataLength >> 8;
      memory[data - 1] = dataLength;
    }
    this.#mac = mac;
    this.#text = dataLength === 0 ? mac + block : this.#pad(data + dataLength);
    this.#length = length;
    this.#tagLength = key.tagLength;
    return data;
  }

  /** Writes ciphertext and tag of the message that was begun to `sealed` from `at` on. */
  seal(message: Uint8Array, sealed: Uint8Array, at: number): void {
    const { memory } = this;
    const length = this.#length;
    const text = this.#text;
    const stream = this.#stream;
    for (let i = 0; i < length; i++) {
      const octet = message[i] ?? 0;
      memory[text + i] = octet;
      sealed[at + i] = octet ^ (memory[stream + block + i] ?? 0);
    }
    const end = this.#endMac();
    const mac = this.#mac;
    for (let i = 0; i < this.#tagLength; i++) {
      sealed[at + length + i] = (memory[mac + i] ?? 0) ^ (memory[stream + i] ?? 0);
    }
    this.#aes.clear(end);
  }

  /**
   * The message that was begun, of the ciphertext and tag that stand from `at` on; undefined where the tag is not that of
   * the message.
   */
  open(sealed: Uint8Array, at: number): Uint8Array | undefined {
    const { memory } = this;
    const length = this.#length;
    const text = this.#text;
    const stream = this.#stream;
    const message = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      const octet = (sealed[at + i] ?? 0) ^ (memory[stream + block + i] ?? 0);
      memory[text + i] = octet;
      message[i] = octet;
    }
    const end = this.#endMac();
    const mac = this.#mac;
    // All octets are looked at, whatever the first ones say: how long it takes tells nothing.
    let difference = 0;
    for (let i = 0; i < this.#tagLength; i++) {
      const due = (memory[mac + i] ?? 0) ^ (memory[stream + i] ?? 0);
      difference |= due ^ (sealed[at + length + i] ?? 0);
    }
    this.#aes.clear(end);
    if (difference === 0) return message;
    message.fill(0); // nobody is to see what it would have been
    return undefined;
  }

  #putBlock(at: number, flags: number, value: number): void {
    const { memory, nonce } = this;
    memory[at] = flags;
    for (let n = 0; n < nonceLength; n++) memory[at + 1 + n] = nonce[n] ?? 0;
    memory[at + 13] = value >> 16;
    memory[at + 14] = value >> 8;
    memory[at + 15] = value;
  }

  /** Works out the MAC, to where it began; gives where its last block ends. */
  #endMac(): number {
    const end = this.#pad(this.#text + this.#length);
    this.#aes.chain(this.#mac, (end - this.#mac) / block);
    return end;
  }

  /** Zeros up to the next block; gives where those end. */
  #pad(from: number): number {
    let at = from;
    for (; at % block !== 0; at++) this.memory[at] = 0;
    return at;
  }
}
