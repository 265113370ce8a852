/**
 * Records and the datagrams that carry them (RFC 6347 §4.1).
 *
 *   type(1) version(2) epoch(2) sequence_number(6) length(2) fragment(length)
 *   25(1)   version(2) epoch(2) sequence_number(6) cid(n) length(2) fragment(length)     RFC 9146 §4
 *
 * Nothing in a record says how long its connection ID is: whoever receives it chose the length.
 */
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
/** Where a connection ID stands. */
const cidOffset = 11;

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
  if (datagram.length === 0) drop('empty datagram');
  for (let at = 0; at < datagram.length; ) {
    const left = datagram.length - at;
    const hasCid = datagram[at] === ContentType.tls12Cid;
    const head = recordHeaderLength + (hasCid ? cidLength : 0);
    if (hasCid && cidLength === 0 && left >= recordHeaderLength) {
      drop('connection ID where we have none');
      break;
    }
    const length = left < head ? 0 : uint16(datagram, at + head - 2);
    if (left < head + length) {
      drop('record cut short');
      break;
    }
    const record = recordAt(datagram, at, head, length);
    at += head + length;
    if (typeof record === 'string') drop(record);
    else if (records.length > 0 || at < datagram.length) records.push(record);
    else return [record]; // as a rule
  }
  return records;
}

/** The record of so many octets of fragment behind a head of `head` octets; or why it is none of ours. */
function recordAt(
  datagram: Uint8Array,
  at: number,
  head: number,
  length: number,
): DtlsRecord | string {
  const type = datagram[at] ?? 0;
  const version = uint16(datagram, at + 1);
  const epoch = uint16(datagram, at + 3);
  const high = uint16(datagram, at + 5);
  const low = uint16(datagram, at + 7) * 2 ** 16 + uint16(datagram, at + 9);
  const sequence = high === 0 ? low : high * 2 ** 32 + low; // a small integer, as a rule
  const hasCid = type === ContentType.tls12Cid;
  if (!isContentType(type)) return 'unknown content type';
  if (version >> 8 !== 0xfe) return 'no DTLS version';
  if (epoch > 1) return 'unknown epoch';
  if (hasCid && epoch === 0) return 'connection ID in epoch 0';
  if (epoch === 1 && version !== ProtocolVersion.dtls12) return 'version is not DTLS 1.2';
  if (sequence >= sequenceCeiling) return 'sequence number out of range';
  if (length === 0 || length > (epoch === 0 ? longestPlaintext : longestFragment)) {
    return 'record length out of range';
  }
  const fragment = datagram.subarray(at + head, at + head + length);
  if (!hasCid) return { type, version, epoch, sequence, fragment };
  const cid = datagram.subarray(at + cidOffset, at + head - 2);
  return { type, version, epoch, sequence, cid, fragment };
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
  putHead(record, 0, header, record.length - headLengthOf(header));
  return record;
}

/** Writes there what stands before a fragment of so many octets. */
export function putHead(
  octets: Uint8Array,
  at: number,
  header: RecordHeader,
  length: number,
): void {
  const cid = header.cid ?? noCid;
  octets[at] = header.type;
  setUint16(octets, at + 1, header.version);
  setEpochAndSequence(octets, at + 3, header);
  const afterNumbers = at + cidOffset;
  for (let i = 0; i < cid.length; i++) octets[afterNumbers + i] = cid[i] ?? 0;
  setUint16(octets, afterNumbers + cid.length, length);
}

/** Epoch and sequence number as the eight octets that headers, nonces and additional data share. */
export function setEpochAndSequence(bytes: Uint8Array, at: number, header: RecordHeader): void {
  const { epoch, sequence } = header;
  setUint16(bytes, at, epoch);
  setUint16(bytes, at + 2, Math.floor(sequence / 2 ** 32));
  setUint16(bytes, at + 4, sequence >>> 16);
  setUint16(bytes, at + 6, sequence);
}

/** Two octets, likewise without a DataView. */
export function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
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
