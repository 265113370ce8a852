/** One direction of one epoch: its sequence numbers and, from epoch 1 on, its keys (RFC 6347 §4.1). */
import type { DirectionCid } from './connection-id.ts';
import {
  ContentType,
  type DtlsRecord,
  encodeRecord,
  headLengthOf,
  isInnerType,
  lastSequence,
  ProtocolVersion,
  putHead,
  type RecordHeader,
  recordHeaderLength,
  setHead,
} from './record.ts';
import type { RecordProtection } from './record-protection.ts';
import { ReplayWindow } from './replay-window.ts';

export interface WriteEpochOptions {
  /** sequence_number of the first record. */
  readonly sequence?: number;
  /** The peer's connection ID, for each record. */
  readonly cid?: DirectionCid | undefined;
}

/** Writes records: gives each its number and protects it. */
export class WriteEpoch {
  readonly #epoch: number;
  readonly #protection: RecordProtection | undefined;
  readonly #cid: DirectionCid | undefined;
  #sequence: number;

  /** Epoch 0 has no protection. */
  constructor(
    epoch: number,
    protection: RecordProtection | undefined,
    { sequence = 0, cid }: WriteEpochOptions = {},
  ) {
    this.#epoch = epoch;
    this.#protection = protection;
    this.#cid = cid;
    this.#sequence = sequence;
  }

  /** Octets that a record is longer than what it carries. */
  get overhead(): number {
    const forCid = this.#cid === undefined ? 0 : this.#cid.octets.length + 1;
    return recordHeaderLength + forCid + (this.#protection?.overhead ?? 0);
  }

  /** sequence_number of the next record. */
  get next(): number {
    return this.#sequence;
  }

  /** Whether another record may be written: a number never comes twice under one key. */
  get open(): boolean {
    return this.#sequence < lastSequence;
  }

  /** The next record, whole. */
  write(type: ContentType, plaintext: Uint8Array): Uint8Array {
    const header = this.#header(type);
    if (this.#cid === undefined) return this.#encode(header, plaintext);
    // DTLSInnerPlaintext (RFC 9146 §4): the content, its type, and padding, of which we add none.
    const inner = new Uint8Array(plaintext.length + 1);
    inner.set(plaintext);
    inner[plaintext.length] = type;
    return this.#encode(withCid(header, this.#cid), inner);
  }

  /**
   * Makes a record of the plaintext, so many octets, that stands in the datagram behind room for the head of a record
   * without protection. It begins `at` the head and may be longer; gives where it ends.
   */
  put(datagram: Uint8Array, at: number, type: ContentType, length: number): number {
    const from = at + recordHeaderLength;
    if (this.#protection === undefined) {
      putHead(datagram, at, this.#header(type), length);
      return from + length;
    }
    const record = this.write(type, datagram.slice(from, from + length));
    datagram.set(record, at);
    return at + record.length;
  }

  #header(type: ContentType) {
    if (!this.open) throw new Error('the sequence numbers of the epoch are used up');
    const sequence = this.#sequence++;
    return { type, version: ProtocolVersion.dtls12, epoch: this.#epoch, sequence };
  }

  #encode(header: RecordHeader, plaintext: Uint8Array): Uint8Array {
    if (this.#protection === undefined) return encodeRecord(header, plaintext);
    return setHead(this.#protection.seal(header, plaintext, headLengthOf(header)), header);
  }
}

/** A record that has been opened. */
export interface Opened {
  /** What it really is. */
  readonly type: ContentType;
  readonly plaintext: Uint8Array;
  /** Its number is higher than that of any before it. */
  readonly newest: boolean;
}

/** Reads the records of a protected epoch, each once. */
export class ReadEpoch {
  readonly #protection: RecordProtection;
  readonly #cid: Pick<DirectionCid, 'draft'> | undefined;
  readonly window: ReplayWindow;

  /** `cid`: every record bears our connection ID, which is for the caller to see. */
  constructor(
    protection: RecordProtection,
    cid?: Pick<DirectionCid, 'draft'> | undefined,
    window = new ReplayWindow(),
  ) {
    this.#protection = protection;
    this.#cid = cid;
    this.window = window;
  }

  /** Whether the record's number was not received yet and is not too old to tell. */
  isNew(record: DtlsRecord): boolean {
    return this.window.isNew(record.sequence);
  }

  /** What a new record holds; undefined where it is not authentic. Only an authentic one counts as received. */
  read(record: DtlsRecord): Opened | undefined {
    const bound = this.#cid?.draft === true ? { ...record, draftMac: true } : record;
    const plaintext = this.#protection.open(bound);
    if (plaintext === undefined) return undefined;
    const newest = this.window.isNewest(record.sequence);
    this.window.receive(record.sequence);
    if (this.#cid === undefined) return { type: record.type, plaintext, newest };
    let end = plaintext.length - 1;
    while (end >= 0 && plaintext[end] === 0) end--;
    const type = plaintext[end] ?? 0;
    if (!isInnerType(type)) return undefined; // all padding, or none of our types
    return { type, plaintext: front(plaintext, end), newest };
  }
}

/** The first octets. Of few a copy: a view has V8 move what it keeps in its heap out of it, which costs more. */
function front(octets: Uint8Array, end: number): Uint8Array {
  return octets.length <= heldInHeap ? octets.slice(0, end) : octets.subarray(0, end);
}
const heldInHeap = 64;

function withCid(header: RecordHeader, { octets, draft }: DirectionCid): RecordHeader {
  const { version, epoch, sequence } = header;
  const type = ContentType.tls12Cid;
  return { type, version, epoch, sequence, cid: octets, draftMac: draft };
}
