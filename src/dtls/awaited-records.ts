/** Records that wait for their connection to come out of the store: where nobody in memory knows one, the store may. */
import { toHex } from '../base/bytes.ts';
import type { Log } from '../base/log.ts';
import { keyOfAddress, keyOfCid } from './asleep.ts';
import type { Cids } from './connection-id.ts';
import type { DtlsRecord } from './record.ts';
import type { Roster } from './roster.ts';
import type { From } from './server-connection.ts';

export interface AwaitedRecordsOptions {
  readonly roster: Roster;
  /** Absent: no connection has an ID. */
  readonly cids: Cids | undefined;
  /** Connections that are looked up at a time. */
  readonly lookups: number;
  readonly log: Log;
  /** Runs what must not end the process where it fails. */
  guard(run: () => void): void;
}

/** Most records that wait for one connection: more than a few are someone's who sends old ones again. */
const mostAwaited = 16;

/** A record that waits, with memory of its own. */
interface Awaited {
  readonly record: DtlsRecord;
  readonly from: From;
}

/** Why a record is dropped that nobody knows. */
export const unknownConnection = 'record of an unknown connection';

export class AwaitedRecords {
  readonly #options: AwaitedRecordsOptions;
  /** By the key of their connection. */
  readonly #waiting = new Map<string, Awaited[]>();
  /** Lookups for records without a connection ID. */
  #byAddress = 0;

  constructor(options: AwaitedRecordsOptions) {
    this.#options = options;
  }

  /** Keeps the record until the store has been asked; says why where it is dropped at once. */
  await(record: DtlsRecord, from: From): string | undefined {
    const { cids } = this.#options;
    if (record.epoch === 0) return unknownConnection;
    if (record.cid !== undefined && cids?.knows(record.cid) !== true) {
      return 'connection ID that is none of ours';
    }
    const key = record.cid === undefined ? keyOfAddress(from.address) : keyOfCid(record.cid);
    const name = toHex(key);
    const waiting = this.#waiting.get(name);
    if (waiting === undefined && !this.#mayLookUp(record.cid !== undefined)) {
      return 'too many look into the store';
    }
    if (waiting !== undefined && waiting.length >= mostAwaited) {
      return 'no room for an early record';
    }
    const copy = { ...record, fragment: record.fragment.slice() };
    if (record.cid !== undefined) copy.cid = record.cid.slice();
    const awaited = { record: copy, from };
    if (waiting !== undefined) waiting.push(awaited);
    else {
      this.#waiting.set(name, [awaited]);
      void this.#findLater(key, name, record.cid !== undefined);
    }
    return undefined;
  }

  /** Anybody can send from made-up addresses; nobody can make up connection IDs. */
  #mayLookUp(byCid: boolean): boolean {
    const { lookups } = this.#options;
    if (this.#waiting.size >= lookups) return false;
    return byCid || this.#byAddress < Math.ceil(lookups / 2);
  }

  async #findLater(key: Uint8Array, name: string, byCid: boolean): Promise<void> {
    if (!byCid) this.#byAddress++;
    const fetched = await this.#options.roster.findLater(key);
    if (!byCid) this.#byAddress--;
    const waiting = this.#waiting.get(name) ?? [];
    this.#waiting.delete(name);
    const { log, guard } = this.#options;
    guard(() => {
      for (const { record, from } of waiting) {
        // It may have come to life otherwise: a handshake at its address is newer than what was kept.
        const connection = this.#options.roster.find(record.cid, from.address) ?? fetched;
        const reason =
          connection === undefined ? unknownConnection : connection.receiveFrom(record, from);
        if (reason !== undefined) log.drop(reason);
      }
    });
  }
}
