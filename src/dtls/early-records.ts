/** Protected records that came before they could be read or believed (reordered, RFC 6347 §4.1.1.1, §4.2.4). */
import type { DtlsRecord } from './record.ts';

export interface EarlyRecordLimits {
  /** Most records kept. */
  readonly earlyRecords: number;
  /** Most octets of those. */
  readonly earlyOctets: number;
}

/** As a rule. */
const none: readonly DtlsRecord[] = [];

export class EarlyRecords {
  readonly #limits: EarlyRecordLimits;
  #records: DtlsRecord[] = [];
  #octets = 0;

  constructor(limits: EarlyRecordLimits) {
    this.#limits = limits;
  }

  /** Keeps a record; says why where it is dropped. Anyone can send such, so the first to come are kept. */
  keep(record: DtlsRecord): string | undefined {
    const { earlyRecords, earlyOctets } = this.#limits;
    const octets = this.#octets + record.fragment.length;
    if (this.#records.length >= earlyRecords || octets > earlyOctets) {
      return 'no room for an early record';
    }
    this.#records.push({ ...record, fragment: record.fragment.slice() });
    this.#octets = octets;
    return undefined;
  }

  /** Gives all back, in the order they came. */
  take(): readonly DtlsRecord[] {
    const records = this.#records;
    if (records.length === 0) return none;
    this.#records = [];
    this.#octets = 0;
    return records;
  }
}
