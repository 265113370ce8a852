/** Records under AES-CBC with HMAC-SHA-256 (RFC 5246 §6.2.3.2), in either order (RFC 7366). */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  timingSafeEqual,
} from 'node:crypto';
import { concat } from '../base/bytes.ts';
import type { CbcCipher } from './cipher-suites.ts';
import type { DirectionKeys } from './key-schedule.ts';
import { type DtlsRecord, type RecordHeader, setEpochAndSequence } from './record.ts';
import { additionalData, type RecordProtection } from './record-protection.ts';

/** Octets of an AES block, and so of an IV. */
const block = 16;
/** Octets of the MAC. */
const macLength = 32;
/** A padding is its length, so many octets, and that length once more: 256 octets at most. */
const longestPadding = 256;

/** IV, MAC, and a padding of a block. */
export const cbcOverhead = block + macLength + block;

/**
 *   fragment = IV(16) CBC(data MAC(32) padding)     MAC over additional data and data
 *   fragment = IV(16) CBC(data padding) MAC(32)     encrypt-then-MAC: MAC over additional data, IV and ciphertext
 *
 * The IV is the record's number under the same key, one of the two ways to one that nobody foresees (NIST SP 800-38A
 * appendix C): it takes no chance, and a number never comes twice.
 */
export class CbcProtection implements RecordProtection {
  readonly overhead = cbcOverhead;
  readonly #cipher: CbcCipher;
  readonly #keys: DirectionKeys;
  readonly #encryptThenMac: boolean;

  constructor(cipher: CbcCipher, keys: DirectionKeys, encryptThenMac: boolean) {
    this.#cipher = cipher;
    this.#keys = keys;
    this.#encryptThenMac = encryptThenMac;
  }

  seal(header: RecordHeader, plaintext: Uint8Array, before = 0): Uint8Array {
    const room = new Uint8Array(before);
    const iv = this.#iv(header);
    if (!this.#encryptThenMac) {
      const mac = this.#mac(header, plaintext);
      return concat(room, iv, this.#encrypt(iv, padded(concat(plaintext, mac))));
    }
    const encrypted = concat(iv, this.#encrypt(iv, padded(plaintext)));
    return concat(room, encrypted, this.#mac(header, encrypted));
  }

  open(record: DtlsRecord): Uint8Array | undefined {
    return this.#encryptThenMac ? this.#openMacFirst(record) : this.#openMacLast(record);
  }

  #openMacFirst(record: DtlsRecord): Uint8Array | undefined {
    const { fragment } = record;
    const end = fragment.length - macLength;
    if (end < 2 * block || end % block !== 0) return undefined;
    const encrypted = fragment.subarray(0, end);
    if (!timingSafeEqual(this.#mac(record, encrypted), fragment.subarray(end))) return undefined;
    const plaintext = this.#decrypt(encrypted);
    const { length, wellFormed } = unpad(plaintext, 0);
    return wellFormed ? plaintext.subarray(0, length) : undefined;
  }

  /**
   * Takes as long for a wrong padding as for a wrong MAC, as far as a language without control over its machine code
   * can (RFC 5246 §6.2.3.2): the padding is looked at without branches, and a MAC is made of the same number of
   * octets whatever it says.
   */
  #openMacLast(record: DtlsRecord): Uint8Array | undefined {
    const { fragment } = record;
    if (fragment.length % block !== 0 || fragment.length < block + macLength + block) {
      return undefined;
    }
    const plaintext = this.#decrypt(fragment);
    const { length, wellFormed } = unpad(plaintext, macLength);
    const mac = this.#mac(record, plaintext.subarray(0, length));
    spend(plaintext.length - macLength - 1, length);
    const same = timingSafeEqual(mac, plaintext.subarray(length, length + macLength));
    return same && wellFormed ? plaintext.subarray(0, length) : undefined;
  }

  #mac(header: RecordHeader, data: Uint8Array): Uint8Array {
    return createHmac('sha256', this.#keys.mac)
      .update(additionalData(header, data.length))
      .update(data)
      .digest();
  }

  #iv(header: RecordHeader): Uint8Array {
    const number = new Uint8Array(block);
    setEpochAndSequence(number, block - 8, header);
    return this.#encrypt(new Uint8Array(block), number); // of one block under a zero IV: the block cipher itself
  }

  #encrypt(iv: Uint8Array, blocks: Uint8Array): Uint8Array {
    const cipher = createCipheriv(this.#cipher.algorithm, this.#keys.key, iv).setAutoPadding(false);
    return concat(cipher.update(blocks), cipher.final());
  }

  /** Of IV and ciphertext. */
  #decrypt(encrypted: Uint8Array): Uint8Array {
    const iv = encrypted.subarray(0, block);
    const cipher = createDecipheriv(this.#cipher.algorithm, this.#keys.key, iv);
    cipher.setAutoPadding(false);
    return concat(cipher.update(encrypted.subarray(block)), cipher.final());
  }
}

/** With the shortest padding that fills a block. */
function padded(data: Uint8Array): Uint8Array {
  const length = block - (data.length % block);
  return concat(data, new Uint8Array(length).fill(length - 1));
}

/**
 * What is left before the padding and `behind` octets, and whether the padding is as it should be. One that is not
 * counts as one of no octets, so that whatever follows goes on as if nothing were wrong.
 */
function unpad(plaintext: Uint8Array, behind: number): { length: number; wellFormed: boolean } {
  const last = plaintext.at(-1) ?? 0;
  const room = plaintext.length - behind - 1;
  let wrong = (room - last) >> 31; // all ones where the padding is longer than there is room for it
  const looked = Math.min(longestPadding, plaintext.length);
  for (let i = 0; i < looked; i++) {
    const within = ~((last - i) >> 31);
    wrong |= within & ((plaintext[plaintext.length - 1 - i] ?? 0) ^ last);
  }
  const right = ~(-wrong >> 31) & ~(wrong >> 31); // all ones where `wrong` is 0
  return { length: room - (last & right), wellFormed: right !== 0 };
}

/** Hashes what a MAC over `least` octets leaves out of one over `most`, in blocks of the hash. */
function spend(most: number, least: number): void {
  const hashed = 64;
  // 13 octets of additional data; 1 and 8 octets end a SHA-256.
  const blocks = (length: number) => Math.ceil((13 + length + 9) / hashed);
  createHash('sha256')
    .update(new Uint8Array((blocks(most) - blocks(least)) * hashed))
    .digest();
}
