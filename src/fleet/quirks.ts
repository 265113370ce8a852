/**
 * How often each eUICC's device was met with each known deviation (messages/quirks.ts), and how often the eUICCs of each EUM
 * were. Some deviate with every poll, so what is new is counted here and written now and then; a kill costs the last
 * seconds of it.
 *
 * ```
 *   quirk!<eid>/<name>
 *   quirk-of-eum!<eum>/<name>
 * ```
 */
import type { Cancel, Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { Serial } from '../base/serial.ts';
import type { Eid } from '../messages/ids.ts';
import type { QuirkName } from '../messages/quirks.ts';
import { type Change, put, type Store, table } from '../store/store.ts';

/** Times in milliseconds since 1970. */
interface Met {
  readonly count: number;
  readonly first: number;
  readonly last: number;
}

/** One eUICC and one deviation. */
export interface QuirkMet extends Met {
  readonly name: QuirkName;
  /** Where in the message it last was: `provideEimPackageResult.eidValue`. */
  readonly where: string;
}

/** One EUM and one deviation. */
export interface QuirkOfEum extends Met {
  /** The EID's first 8 digits: country and issuer (SGP.29 lets an issuer have fewer or more). */
  readonly eum: string;
  readonly name: QuirkName;
  /** How many of its eUICCs were met with it. */
  readonly euiccs: number;
}

const quirks = table<QuirkMet>('quirk');
const quirksOfEum = table<QuirkOfEum>('quirk-of-eum');

/** Milliseconds until what is new is written. */
const writeAfter = 10_000;
/** Most eUICCs and deviations that wait to be written; beyond, they are written at once. */
const mostWaiting = 1000;
/** Rows read at a time. */
const page = 256;

export interface QuirksOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

export class Quirks {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #serial = new Serial();
  #waiting = new Map<string, { readonly eid: Eid; readonly met: QuirkMet }>();
  #alarm: Cancel | undefined;

  constructor({ store, clock, log }: QuirksOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
  }

  /** The device of this eUICC has deviated once more. */
  met(eid: Eid, name: QuirkName, where: string): void {
    const now = this.#clock.now();
    const key = `${eid}/${name}`;
    const before = this.#waiting.get(key)?.met;
    const count = (before?.count ?? 0) + 1;
    const met = { name, where, count, first: before?.first ?? now, last: now };
    this.#waiting.set(key, { eid, met });
    if (this.#waiting.size >= mostWaiting) void this.flush();
    else this.#alarm ??= this.#clock.after(writeAfter, () => void this.flush());
  }

  /** The deviations of one eUICC, in the order of their names. */
  async of(eid: Eid): Promise<readonly QuirkMet[]> {
    await this.flush();
    const rows = await this.#store.list(quirks, { prefix: `${eid}/` });
    return rows.map(([, met]) => met);
  }

  /** The deviations of all EUMs, in the order of EUMs and names. */
  async ofEums(): Promise<readonly QuirkOfEum[]> {
    await this.flush();
    const found: QuirkOfEum[] = [];
    for (let after: string | undefined; ; ) {
      const options = { limit: page, ...(after === undefined ? {} : { after }) };
      const rows = await this.#store.list(quirksOfEum, options);
      found.push(...rows.map(([, met]) => met));
      if (rows.length < page) return found;
      after = rows.at(-1)?.[0];
    }
  }

  /** Writes what waits; a failure is logged, and what waited is lost: it is a count for people. */
  async flush(): Promise<void> {
    this.#alarm?.();
    this.#alarm = undefined;
    const waiting = this.#waiting;
    this.#waiting = new Map();
    await this.#serial.run('flush', async () => {
      if (waiting.size === 0) return;
      try {
        await this.#store.commit(await this.#changes([...waiting.values()]));
      } catch (error) {
        this.#log.error('quirks are not written', { why: String(error) });
      }
    });
  }

  async #changes(
    waiting: readonly { readonly eid: Eid; readonly met: QuirkMet }[],
  ): Promise<readonly Change[]> {
    const changes: Change[] = [];
    const eums = new Map<string, QuirkOfEum>();
    for (const { eid, met } of waiting) {
      const key = `${eid}/${met.name}`;
      const known = await this.#store.get(quirks, key);
      changes.push(put(quirks, key, { ...met, ...sum(known, met) }));
      const eum = eid.slice(0, 8);
      const eumKey = `${eum}/${met.name}`;
      const before = eums.get(eumKey) ?? (await this.#store.get(quirksOfEum, eumKey));
      const euiccs = (before?.euiccs ?? 0) + (known === undefined ? 1 : 0);
      eums.set(eumKey, { eum, name: met.name, euiccs, ...sum(before, met) });
    }
    for (const [key, row] of eums) changes.push(put(quirksOfEum, key, row));
    return changes;
  }
}

function sum(before: Met | undefined, { count, first, last }: Met): Met {
  return { count: (before?.count ?? 0) + count, first: before?.first ?? first, last };
}
