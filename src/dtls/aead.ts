/** Records under an AEAD cipher (RFC 5246 §6.2.3.3, RFC 6347 §4.1.2.1). */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { AeadCipher } from './cipher-suites.ts';
import type { DirectionKeys } from './key-schedule.ts';
import { type DtlsRecord, type RecordHeader, setEpochAndSequence } from './record.ts';
import { additionalData, type RecordProtection } from './record-protection.ts';

/** Octets of a nonce, with each of our ciphers. */
const nonceLength = 12;
/** Octets of epoch and sequence number. */
const numberLength = 8;

/**
 *   fragment = explicit nonce(8 or 0) ciphertext tag
 *   nonce    = fixed IV(4) explicit nonce(8)             AES
 *   nonce    = fixed IV(12) xor epoch and sequence_number ChaCha20 (RFC 7905 §2)
 *
 * We send epoch and sequence number as the explicit part. Others send what they like (OpenSSL a counter that starts
 * at random, node-dtls-client random octets), so what is received is opened with the octets on the wire.
 */
export class AeadProtection implements RecordProtection {
  readonly overhead: number;
  readonly #cipher: AeadCipher;
  readonly #keys: DirectionKeys;
  readonly #explicitLength: number;

  constructor(cipher: AeadCipher, keys: DirectionKeys) {
    this.#cipher = cipher;
    this.#keys = keys;
    this.#explicitLength = nonceLength - cipher.fixedIvLength;
    this.overhead = overheadOf(cipher);
  }

  seal(header: RecordHeader, plaintext: Uint8Array, before = 0): Uint8Array {
    const nonce = this.#nonce(header, undefined);
    const data = additionalData(header, plaintext.length);
    const fragment = new Uint8Array(before + this.overhead + plaintext.length);
    if (this.#explicitLength > 0) setEpochAndSequence(fragment, before, header);
    const at = before + this.#explicitLength;
    const sealing = this.#sealing(nonce);
    sealing.setAAD(data, { plaintextLength: plaintext.length });
    fragment.set(sealing.update(plaintext), at);
    sealing.final();
    fragment.set(sealing.getAuthTag(), at + plaintext.length);
    return fragment;
  }

  open(record: DtlsRecord): Uint8Array | undefined {
    const { fragment } = record;
    const from = this.#explicitLength;
    const length = fragment.length - this.overhead;
    if (length < 0) return undefined;
    const nonce = this.#nonce(record, fragment);
    const data = additionalData(record, length);
    const opening = this.#opening(nonce);
    opening.setAuthTag(fragment.subarray(from + length));
    opening.setAAD(data, { plaintextLength: length });
    try {
      const plaintext = opening.update(fragment.subarray(from, from + length));
      opening.final();
      return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
    } catch {
      return undefined; // the tag does not fit: update (CCM) or final throws
    }
  }

  /** With the explicit part that is at the beginning of a fragment; undefined: with ours. */
  #nonce(header: RecordHeader, fragment: Uint8Array | undefined): Uint8Array {
    const nonce = new Uint8Array(nonceLength);
    const before = nonceLength - numberLength;
    if (fragment === undefined || this.#explicitLength === 0) {
      setEpochAndSequence(nonce, before, header);
    } else for (let i = 0; i < numberLength; i++) nonce[before + i] = fragment[i] ?? 0;
    const { iv } = this.#keys;
    for (let i = 0; i < iv.length; i++) nonce[i] = (nonce[i] ?? 0) ^ (iv[i] ?? 0);
    return nonce;
  }

  // One call for each mode, because node:crypto types them apart.
  #sealing(nonce: Uint8Array) {
    const { algorithm, tagLength: authTagLength } = this.#cipher;
    const { key } = this.#keys;
    const options = { authTagLength };
    switch (algorithm) {
      case 'aes-128-ccm':
      case 'aes-256-ccm':
        return createCipheriv(algorithm, key, nonce, options);
      case 'chacha20-poly1305':
        return createCipheriv(algorithm, key, nonce, options);
      default:
        return createCipheriv(algorithm, key, nonce, options);
    }
  }

  #opening(nonce: Uint8Array) {
    const { algorithm, tagLength: authTagLength } = this.#cipher;
    const { key } = this.#keys;
    const options = { authTagLength };
    switch (algorithm) {
      case 'aes-128-ccm':
      case 'aes-256-ccm':
        return createDecipheriv(algorithm, key, nonce, options);
      case 'chacha20-poly1305':
        return createDecipheriv(algorithm, key, nonce, options);
      default:
        return createDecipheriv(algorithm, key, nonce, options);
    }
  }
}

/** Octets that a fragment is longer than its plaintext. */
export function overheadOf({ fixedIvLength, tagLength }: AeadCipher): number {
  return nonceLength - fixedIvLength + tagLength;
}
