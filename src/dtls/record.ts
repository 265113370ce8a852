/**
 * Records and the datagrams that carry them (RFC 6347 §4.1).
 *
 *   type(1) version(2) epoch(2) sequence_number(6) length(2) fragment(length)
 */
import { Reader } from '../base/bytes.ts';

export const ContentType = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
} as const;
export type ContentType = (typeof ContentType)[keyof typeof ContentType];

/** Versions count downwards: 1.0 is 0xfeff, 1.2 is 0xfefd. */
export const ProtocolVersion = { dtls10: 0xfeff, dtls12: 0xfefd } as const;

/** What stands before the fragment, but for its length. */
export interface RecordHeader {
  readonly type: ContentType;
  readonly version: number;
  readonly epoch: number;
  readonly sequence: number;
}

/** `fragment` is a view of the datagram. */
export interface DtlsRecord extends RecordHeader {
  readonly fragment: Uint8Array;
}

export const recordHeaderLength = 13;

/** RFC 6347 §4.1: no sequence number comes twice under one key. */
export const lastSequence = 2 ** 48 - 1;

/** RFC 5246 §6.2.1 and §6.2.3. */
const longestPlaintext = 2 ** 14;
const longestFragment = 2 ** 14 + 2048;

/** Most octets that one record may carry. */
export const longestData = longestPlaintext;

/** No honest peer of ours counts this far; what lies above is noise. */
const sequenceCeiling = 2 ** 40;

/**
 * The records of a datagram, one after the other. What is none of ours is left out and told to `drop`; the records
 * behind it are read on, unless a length points past the end.
 */
export function* readRecords(
  datagram: Uint8Array,
  drop: (reason: string) => void,
): Generator<DtlsRecord, void, void> {
  if (datagram.length === 0) return drop('empty datagram');
  const reader = new Reader(datagram);
  while (reader.left >= recordHeaderLength) {
    const type = reader.uint8();
    const version = reader.uint16();
    const epoch = reader.uint16();
    const sequence = reader.uint48();
    const length = reader.uint16();
    if (length > reader.left) return drop('record cut short');
    const fragment = reader.bytes(length);
    if (!isContentType(type)) drop('unknown content type');
    else if (version >> 8 !== 0xfe) drop('no DTLS version');
    else if (epoch > 1) drop('unknown epoch');
    else if (epoch === 1 && version !== ProtocolVersion.dtls12) drop('version is not DTLS 1.2');
    else if (sequence >= sequenceCeiling) drop('sequence number out of range');
    else if (length === 0 || length > (epoch === 0 ? longestPlaintext : longestFragment)) {
      drop('record length out of range');
    } else yield { type, version, epoch, sequence, fragment };
  }
  if (reader.left > 0) drop('record cut short');
}

export function encodeRecord(header: RecordHeader, fragment: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(recordHeaderLength + fragment.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, header.type);
  view.setUint16(1, header.version);
  setEpochAndSequence(view, 3, header);
  view.setUint16(11, fragment.length);
  bytes.set(fragment, recordHeaderLength);
  return bytes;
}

/** Epoch and sequence number as the eight octets that headers, nonces and additional data share. */
export function setEpochAndSequence(view: DataView, at: number, header: RecordHeader): void {
  view.setUint16(at, header.epoch);
  view.setUint16(at + 2, Math.floor(header.sequence / 2 ** 32));
  view.setUint32(at + 4, header.sequence % 2 ** 32);
}

function isContentType(type: number): type is ContentType {
  return type >= ContentType.changeCipherSpec && type <= ContentType.applicationData;
}
