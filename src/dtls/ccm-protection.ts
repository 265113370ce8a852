/** Records under AES-CCM (RFC 6655 §3), with a CCM that is there for all connections. */
import { overheadOf } from './aead.ts';
import type { Ccm, CcmKey } from './ccm.ts';
import type { AeadCipher } from './cipher-suites.ts';
import type { EpochKeys } from './key-schedule.ts';
import { type DtlsRecord, type RecordHeader, setEpochAndSequence } from './record.ts';
import { additionalLength, putAdditionalData, type RecordProtection } from './record-protection.ts';

/** Octets of the fixed IV, and of what each record has of the nonce. */
const fixedLength = 4;
const explicitLength = 8;

/**
 *   fragment = explicit nonce(8) ciphertext tag
 *   nonce    = fixed IV(4) explicit nonce(8)
 *
 * As in aead.ts, which says what the explicit part is. There are many connections: keys stay in the one piece that all
 * of a connection's are in, and nothing else is kept of them.
 */
export class CcmProtection implements RecordProtection, CcmKey {
  readonly #ccm: Ccm;
  readonly #cipher: AeadCipher;
  readonly octets: Uint8Array;
  readonly keyAt: number;
  readonly #ivAt: number;

  constructor(ccm: Ccm, cipher: AeadCipher, keys: EpochKeys, side: 'client' | 'server') {
    const place = side === 'client' ? 0 : 1;
    this.#ccm = ccm;
    this.#cipher = cipher;
    this.octets = keys.octets;
    this.keyAt = place * cipher.keyLength;
    this.#ivAt = 2 * cipher.keyLength + place * fixedLength;
  }

  get keyLength(): number {
    return this.#cipher.keyLength;
  }

  get tagLength(): number {
    return this.#cipher.tagLength;
  }

  get overhead(): number {
    return overheadOf(this.#cipher);
  }

  seal(header: RecordHeader, plaintext: Uint8Array, before = 0): Uint8Array {
    const fragment = this.#ccm.stock.take(before + this.overhead + plaintext.length);
    setEpochAndSequence(fragment, before, header);
    this.#begin(header, plaintext.length, fragment, before);
    this.#ccm.seal(plaintext, fragment, before + explicitLength);
    return fragment;
  }

  open(record: DtlsRecord): Uint8Array | undefined {
    const { fragment } = record;
    const length = fragment.length - this.overhead;
    if (length < 0) return undefined;
    this.#begin(record, length, fragment, 0);
    return this.#ccm.open(fragment, explicitLength);
  }

  /** With the explicit part of the nonce that stands in the fragment `at`. */
  #begin(header: RecordHeader, length: number, fragment: Uint8Array, at: number): void {
    const { nonce, memory } = this.#ccm;
    for (let i = 0; i < fixedLength; i++) nonce[i] = this.octets[this.#ivAt + i] ?? 0;
    for (let i = 0; i < explicitLength; i++) nonce[fixedLength + i] = fragment[at + i] ?? 0;
    const data = this.#ccm.begin(this, length, additionalLength(header));
    putAdditionalData(memory, data, header, length);
  }
}
