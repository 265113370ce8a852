/** Records under an AEAD cipher (RFC 5246 §6.2.3.3, RFC 6347 §4.1.2.1). */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { concat } from '../base/bytes.ts';
import type { AeadCipher } from './cipher-suites.ts';
import type { DirectionKeys } from './key-schedule.ts';
import { type DtlsRecord, type RecordHeader, setEpochAndSequence } from './record.ts';

/** How the fragments of one direction of one epoch are protected. */
export interface RecordProtection {
  /** Octets that a protected fragment is longer than its plaintext. */
  readonly overhead: number;
  /** The protected fragment. */
  seal(header: RecordHeader, plaintext: Uint8Array): Uint8Array;
  /** The plaintext; undefined where the record is not authentic. */
  open(record: DtlsRecord): Uint8Array | undefined;
}

/** The explicit part of the nonce, sent along in each record. */
const explicitLength = 8;

/**
 *   fragment = explicit nonce(8) ciphertext tag
 *   nonce    = fixed IV(4) explicit nonce(8)
 *
 * We send epoch and sequence number as the explicit part. Others send what they like (OpenSSL a counter that starts
 * at random, node-dtls-client random octets), so what is received is opened with the octets on the wire.
 */
export class AeadProtection implements RecordProtection {
  readonly overhead: number;
  readonly #cipher: AeadCipher;
  readonly #keys: DirectionKeys;

  constructor(cipher: AeadCipher, keys: DirectionKeys) {
    this.#cipher = cipher;
    this.#keys = keys;
    this.overhead = explicitLength + cipher.tagLength;
  }

  seal(header: RecordHeader, plaintext: Uint8Array): Uint8Array {
    const explicit = new Uint8Array(explicitLength);
    setEpochAndSequence(new DataView(explicit.buffer), 0, header);
    const sealing = this.#sealing(concat(this.#keys.iv, explicit));
    sealing.setAAD(additionalData(header, plaintext.length), { plaintextLength: plaintext.length });
    const ciphertext = sealing.update(plaintext);
    sealing.final();
    return concat(explicit, ciphertext, sealing.getAuthTag());
  }

  open(record: DtlsRecord): Uint8Array | undefined {
    const { fragment } = record;
    const length = fragment.length - this.overhead;
    if (length < 0) return undefined;
    const opening = this.#opening(concat(this.#keys.iv, fragment.subarray(0, explicitLength)));
    opening.setAuthTag(fragment.subarray(explicitLength + length));
    opening.setAAD(additionalData(record, length), { plaintextLength: length });
    try {
      const plaintext = opening.update(fragment.subarray(explicitLength, explicitLength + length));
      opening.final();
      return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
    } catch {
      return undefined; // the tag does not fit: update (CCM) or final throws
    }
  }

  // One call for each mode, because node:crypto types CCM and GCM apart.
  #sealing(nonce: Uint8Array) {
    const { algorithm, tagLength: authTagLength } = this.#cipher;
    return algorithm === 'aes-128-ccm'
      ? createCipheriv(algorithm, this.#keys.key, nonce, { authTagLength })
      : createCipheriv(algorithm, this.#keys.key, nonce, { authTagLength });
  }

  #opening(nonce: Uint8Array) {
    const { algorithm, tagLength: authTagLength } = this.#cipher;
    return algorithm === 'aes-128-ccm'
      ? createDecipheriv(algorithm, this.#keys.key, nonce, { authTagLength })
      : createDecipheriv(algorithm, this.#keys.key, nonce, { authTagLength });
  }
}

/** epoch(2) sequence_number(6) type(1) version(2) length of the plaintext(2) */
function additionalData(header: RecordHeader, length: number): Uint8Array {
  const data = new Uint8Array(13);
  const view = new DataView(data.buffer);
  setEpochAndSequence(view, 0, header);
  view.setUint8(8, header.type);
  view.setUint16(9, header.version);
  view.setUint16(11, length);
  return data;
}
