/** How the fragments of one direction of one epoch are protected (RFC 6347 §4.1.2), whatever the cipher. */
import { type DtlsRecord, type RecordHeader, setEpochAndSequence } from './record.ts';

export interface RecordProtection {
  /** Octets that a protected fragment is longer than its plaintext, at most. */
  readonly overhead: number;
  /** The protected fragment. */
  seal(header: RecordHeader, plaintext: Uint8Array): Uint8Array;
  /** The plaintext; undefined where the record is not authentic. */
  open(record: DtlsRecord): Uint8Array | undefined;
}

/**
 * What is authenticated besides the data: `length` is that of the plaintext, or of what is encrypted where the MAC
 * covers that (RFC 7366 §3).
 *
 *   epoch(2) sequence_number(6) type(1) version(2) length(2)
 */
export function additionalData(header: RecordHeader, length: number): Uint8Array {
  const data = new Uint8Array(13);
  const view = new DataView(data.buffer);
  setEpochAndSequence(view, 0, header);
  view.setUint8(8, header.type);
  view.setUint16(9, header.version);
  view.setUint16(11, length);
  return data;
}
