/** How the fragments of one direction of one epoch are protected (RFC 6347 §4.1.2), whatever the cipher. */
import { type DtlsRecord, type RecordHeader, setEpochAndSequence, setUint16 } from './record.ts';

export interface RecordProtection {
  /** Octets that a protected fragment is longer than its plaintext, at most. */
  readonly overhead: number;
  /** The protected fragment, behind as many octets of room as the caller wants `before` it: none. */
  seal(header: RecordHeader, plaintext: Uint8Array, before?: number): Uint8Array;
  /** The plaintext; undefined where the record is not authentic. */
  open(record: DtlsRecord): Uint8Array | undefined;
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
  const data = new Uint8Array(additionalLength(header));
  putAdditionalData(data, 0, header, length);
  return data;
}

/** Octets of it. */
export function additionalLength({ cid, draftMac }: RecordHeader): number {
  if (cid === undefined) return 13;
  return cid.length + (draftMac === true ? 14 : 23);
}

/** Writes it there; gives where it ends. */
export function putAdditionalData(
  bytes: Uint8Array,
  at: number,
  header: RecordHeader,
  length: number,
): number {
  const { type, version, cid, draftMac } = header;
  if (cid !== undefined && draftMac !== true) return putWithCid(bytes, at, header, cid, length);
  setEpochAndSequence(bytes, at, header);
  bytes[at + 8] = type;
  setUint16(bytes, at + 9, version);
  let end = at + 11;
  if (cid !== undefined) {
    end = putOctets(bytes, end, cid);
    bytes[end++] = cid.length;
  }
  setUint16(bytes, end, length);
  return end + 2;
}

function putWithCid(
  bytes: Uint8Array,
  at: number,
  header: RecordHeader,
  cid: Uint8Array,
  length: number,
): number {
  for (let i = 0; i < 8; i++) bytes[at + i] = 0xff;
  bytes[at + 8] = header.type;
  bytes[at + 9] = cid.length;
  bytes[at + 10] = header.type;
  setUint16(bytes, at + 11, header.version);
  setEpochAndSequence(bytes, at + 13, header);
  const end = putOctets(bytes, at + 21, cid);
  setUint16(bytes, end, length);
  return end + 2;
}

function putOctets(bytes: Uint8Array, at: number, octets: Uint8Array): number {
  for (let i = 0; i < octets.length; i++) bytes[at + i] = octets[i] ?? 0;
  return at + octets.length;
}
