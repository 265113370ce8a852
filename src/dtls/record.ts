/**
 * Records and the datagrams that carry them (RFC 6347 §4.1).
 *
 *   type(1) version(2) epoch(2) sequence_number(6) length(2) fragment(length)
 *   25(1)   version(2) epoch(2) sequence_number(6) cid(n) length(2) fragment(length)     RFC 9146 §4
 *
 * Nothing in a record says how long its connection ID is: whoever receives it chose the length.
 */
import { Reader } from '../base/bytes.ts';

export const ContentType = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
  /** RFC 9146 §4: what the record really is stands encrypted at the end of its content. */
  tls12Cid: 25,
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
  /** The receiver's connection ID; with the type tls12Cid alone. */
  readonly cid?: Uint8Array;
  /** Whether the MAC covers the connection ID as draft-ietf-tls-dtls-connection-id-05 has it. */
  readonly draftMac?: boolean;
}

/** `fragment` and `cid` are views of the datagram. */
export interface DtlsRecord extends RecordHeader {
  readonly fragment: Uint8Array;
}

export const recordHeaderLength = 13;

const noCid = new Uint8Array();

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
 * behind it are read on, unless a length points past the end. `cidLength` is that of our connection IDs; 0: we have
 * none.
 */
export function readRecords(
  datagram: Uint8Array,
  drop: (reason: string) => void,
  cidLength = 0,
): readonly DtlsRecord[] {
  const records: DtlsRecord[] = [];
  const cutShort = (reason: string) => {
    drop(reason);
    return records;
  };
  if (datagram.length === 0) return cutShort('empty datagram');
  const reader = new Reader(datagram);
  while (reader.left >= recordHeaderLength) {
    const type = reader.uint8();
    const version = reader.uint16();
    const epoch = reader.uint16();
    const sequence = reader.uint48();
    const hasCid = type === ContentType.tls12Cid;
    if (hasCid && cidLength === 0) return cutShort('connection ID where we have none');
    if (hasCid && reader.left < cidLength + 2) return cutShort('record cut short');
    const cid = hasCid ? reader.bytes(cidLength) : undefined;
    const length = reader.uint16();
    if (length > reader.left) return cutShort('record cut short');
    const fragment = reader.bytes(length);
    if (!isContentType(type)) drop('unknown content type');
    else if (version >> 8 !== 0xfe) drop('no DTLS version');
    else if (epoch > 1) drop('unknown epoch');
    else if (hasCid && epoch === 0) drop('connection ID in epoch 0');
    else if (epoch === 1 && version !== ProtocolVersion.dtls12) drop('version is not DTLS 1.2');
    else if (sequence >= sequenceCeiling) drop('sequence number out of range');
    else if (length === 0 || length > (epoch === 0 ? longestPlaintext : longestFragment)) {
      drop('record length out of range');
    } else if (cid === undefined) records.push({ type, version, epoch, sequence, fragment });
    else records.push({ type, version, epoch, sequence, cid, fragment });
  }
  return reader.left > 0 ? cutShort('record cut short') : records;
}

export function encodeRecord(header: RecordHeader, fragment: Uint8Array): Uint8Array {
  const headLength = headLengthOf(header);
  const record = new Uint8Array(headLength + fragment.length);
  record.set(fragment, headLength);
  return setHead(record, header);
}

/** Octets before the fragment. */
export function headLengthOf({ cid }: RecordHeader): number {
  return recordHeaderLength + (cid?.length ?? 0);
}

/** Completes a record that has its fragment, behind room for the head. */
export function setHead(record: Uint8Array, header: RecordHeader): Uint8Array {
  const cid = header.cid ?? noCid;
  record[0] = header.type;
  setUint16(record, 1, header.version);
  setEpochAndSequence(record, 3, header);
  record.set(cid, 11);
  setUint16(record, 11 + cid.length, record.length - recordHeaderLength - cid.length);
  return record;
}

/** Epoch and sequence number as the eight octets that headers, nonces and additional data share. */
export function setEpochAndSequence(bytes: Uint8Array, at: number, header: RecordHeader): void {
  const { epoch, sequence } = header;
  setUint16(bytes, at, epoch);
  setUint16(bytes, at + 2, Math.floor(sequence / 2 ** 32));
  setUint16(bytes, at + 4, sequence >>> 16);
  setUint16(bytes, at + 6, sequence);
}

/** Two octets, without the DataView that would cost more than they do. */
export function setUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

/** Whether a record may really be of this type, whatever its header says. */
export function isInnerType(type: number): type is ContentType {
  return type >= ContentType.changeCipherSpec && type <= ContentType.applicationData;
}

function isContentType(type: number): type is ContentType {
  return isInnerType(type) || type === ContentType.tls12Cid;
}
