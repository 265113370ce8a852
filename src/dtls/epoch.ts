/** One direction of one epoch: its sequence numbers and, from epoch 1 on, its keys (RFC 6347 §4.1). */
import {
  type ContentType,
  type DtlsRecord,
  encodeRecord,
  lastSequence,
  ProtocolVersion,
  recordHeaderLength,
} from './record.ts';
import type { RecordProtection } from './record-protection.ts';
import { ReplayWindow } from './replay-window.ts';

/** Writes records: gives each its number and protects it. */
export class WriteEpoch {
  readonly #epoch: number;
  readonly #protection: RecordProtection | undefined;
  #sequence: number;

  /** `sequence` is the number of the first record; epoch 0 has no protection. */
  constructor(epoch: number, protection: RecordProtection | undefined, sequence = 0) {
    this.#epoch = epoch;
    this.#protection = protection;
    this.#sequence = sequence;
  }

  /** Octets that a record is longer than what it carries. */
  get overhead(): number {
    return recordHeaderLength + (this.#protection?.overhead ?? 0);
  }

  /** Whether another record may be written: a number never comes twice under one key. */
  get open(): boolean {
    return this.#sequence < lastSequence;
  }

  /** The next record, whole. */
  write(type: ContentType, plaintext: Uint8Array): Uint8Array {
    if (!this.open) throw new Error('the sequence numbers of the epoch are used up');
    const header = {
      type,
      version: ProtocolVersion.dtls12,
      epoch: this.#epoch,
      sequence: this.#sequence++,
    };
    return encodeRecord(header, this.#protection?.seal(header, plaintext) ?? plaintext);
  }
}

/** Reads the records of a protected epoch, each once. */
export class ReadEpoch {
  readonly #protection: RecordProtection;
  readonly #window = new ReplayWindow();

  constructor(protection: RecordProtection) {
    this.#protection = protection;
  }

  /** Whether the record's number was not received yet and is not too old to tell. */
  isNew(record: DtlsRecord): boolean {
    return this.#window.isNew(record.sequence);
  }

  /** The plaintext of a new record; undefined where it is not authentic. Only an authentic one counts as received. */
  read(record: DtlsRecord): Uint8Array | undefined {
    const plaintext = this.#protection.open(record);
    if (plaintext !== undefined) this.#window.receive(record.sequence);
    return plaintext;
  }
}
