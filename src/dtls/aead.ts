/** Records under an AEAD cipher (RFC 5246 §6.2.3.3, RFC 6347 §4.1.2.1). */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { concat } from '../base/bytes.ts';
import type { AeadCipher } from './cipher-suites.ts';
import type { DirectionKeys } from './key-schedule.ts';
import { type DtlsRecord, type RecordHeader, setEpochAndSequence } from './record.ts';
import { additionalData, type RecordProtection } from './record-protection.ts';

/** Octets of a nonce, with each of our ciphers. */
const nonceLength = 12;

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
    this.overhead = this.#explicitLength + cipher.tagLength;
  }

  seal(header: RecordHeader, plaintext: Uint8Array): Uint8Array {
    const explicit = numberOf(header).subarray(0, this.#explicitLength);
    const sealing = this.#sealing(this.#nonce(header, explicit));
    sealing.setAAD(additionalData(header, plaintext.length), { plaintextLength: plaintext.length });
    const ciphertext = sealing.update(plaintext);
    sealing.final();
    return concat(explicit, ciphertext, sealing.getAuthTag());
  }

  open(record: DtlsRecord): Uint8Array | undefined {
    const { fragment } = record;
    const from = this.#explicitLength;
    const length = fragment.length - this.overhead;
    if (length < 0) return undefined;
    const opening = this.#opening(this.#nonce(record, fragment.subarray(0, from)));
    opening.setAuthTag(fragment.subarray(from + length));
    opening.setAAD(additionalData(record, length), { plaintextLength: length });
    try {
      const plaintext = opening.update(fragment.subarray(from, from + length));
      opening.final();
      return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
    } catch {
      return undefined; // the tag does not fit: update (CCM) or final throws
    }
  }

  #nonce(header: RecordHeader, explicit: Uint8Array): Uint8Array {
    const { iv } = this.#keys;
    if (explicit.length > 0) return concat(iv, explicit);
    const number = numberOf(header);
    const before = nonceLength - number.length;
    return iv.map((octet, i) => octet ^ (number[i - before] ?? 0));
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

/** epoch(2) sequence_number(6) */
function numberOf(header: RecordHeader): Uint8Array {
  const number = new Uint8Array(8);
  setEpochAndSequence(number, 0, header);
  return number;
}
