/** How the fragments of one direction of one epoch are protected (RFC 6347 §4.1.2), whatever the cipher. */
import { type DtlsRecord, type RecordHeader, setEpochAndSequence, setUint16 } from './record.ts';

export interface RecordProtection {
  /** Octets that a protected fragment is longer than its plaintext, at most. */
  readonly overhead: number;
  /** The protected fragment, behind as many octets of room as the caller wants `before` it: none. */
  seal(header: RecordHeader, plaintext: Uint8Array, before?: number): Uint8Array;
  /** The plaintext; undefined where the record is not authentic. */
  open(record: DtlsRecord): Uint8Array | undefined;
  /** It is needed no more. */
  release?(): void;
}

/**
 * What is authenticated besides the data: `length` is that of the plaintext, or of what is encrypted where the MAC
 * covers that (RFC 7366 §3).
 *
 *   epoch(2) sequence_number(6) type(1) version(2) length(2)
 *
 * With a connection ID (RFC 9146 §5), and as the drafts before had it (draft-ietf-tls-dtls-connection-id-05 §5):
 *
 *   ff×8 25 n(1) 25 version(2) epoch(2) sequence_number(6) cid(n) length(2)
 *   epoch(2) sequence_number(6) 25 version(2) cid(n) n(1) length(2)
 */
export function additionalData(header: RecordHeader, length: number): Uint8Array {
  const { cid, draftMac } = header;
  if (cid !== undefined) {
    return draftMac === true
      ? draftAdditionalData(header, cid, length)
      : cidAdditionalData(header, cid, length);
  }
  const data = new Uint8Array(13);
  setEpochAndSequence(data, 0, header);
  data[8] = header.type;
  setUint16(data, 9, header.version);
  setUint16(data, 11, length);
  return data;
}

function cidAdditionalData(header: RecordHeader, cid: Uint8Array, length: number): Uint8Array {
  const data = new Uint8Array(23 + cid.length).fill(0xff, 0, 8);
  data[8] = header.type;
  data[9] = cid.length;
  data[10] = header.type;
  setUint16(data, 11, header.version);
  setEpochAndSequence(data, 13, header);
  data.set(cid, 21);
  setUint16(data, 21 + cid.length, length);
  return data;
}

function draftAdditionalData(header: RecordHeader, cid: Uint8Array, length: number): Uint8Array {
  const data = new Uint8Array(14 + cid.length);
  setEpochAndSequence(data, 0, header);
  data[8] = header.type;
  setUint16(data, 9, header.version);
  data.set(cid, 11);
  data[11 + cid.length] = cid.length;
  setUint16(data, 12 + cid.length, length);
  return data;
}
