/**
 * Looking for events on a schedule: when a device polls and nothing is due, and its eUICC's events were last looked for
 * long enough ago, the eIM orders a download by way of the SM-DS itself. A device that sleeps is not woken for it. Most
 * lookups find nothing: such an order is deleted when the next one is placed, or a fleet would fill the store with them.
 *
 * ```
 *   smds-lookup!<eid>   when it was last ordered (milliseconds since 1970), and the order
 * ```
 */

import type { Clock } from '../base/clock.ts';
import type { Eid } from '../messages/ids.ts';
import { OrderError, type Orders } from '../orders/orders.ts';
import { durationText } from '../orders/settings.ts';
import { put, type Store, table } from '../store/store.ts';

interface Lookup {
  readonly at: number;
  readonly order: string;
}

const lookups = table<Lookup>('smds-lookup');

/** eUICCs whose last lookup is known without a look; beyond, all are looked up again. */
const mostRemembered = 100_000;

export interface SmdsScheduleOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly orders: Pick<Orders, 'submit' | 'get' | 'delete'>;
  /** Milliseconds. */
  readonly every: number;
  /** The SM-DS, host or host:port; absent: each eUICC's root SM-DS. */
  readonly address?: string;
  /** Those that it is for; none: all. */
  readonly eids: readonly Eid[];
}

export class SmdsSchedule {
  readonly #options: SmdsScheduleOptions;
  readonly #eids: ReadonlySet<Eid>;
  readonly #last = new Map<Eid, number>();

  constructor(options: SmdsScheduleOptions) {
    this.#options = options;
    this.#eids = new Set(options.eids);
  }

  /** Whether it is known, without a look, that nothing is to be looked for yet. */
  rests(eid: Eid): boolean {
    if (!this.#isFor(eid)) return true;
    const last = this.#last.get(eid);
    return last !== undefined && !this.#isOver(last);
  }

  /** Orders a lookup where one is due, and says whether it did. To be called in the EID's turn. */
  async order(eid: Eid): Promise<boolean> {
    if (this.rests(eid)) return false;
    const { store, orders, clock, every, address } = this.#options;
    const last = await store.get(lookups, eid);
    if (last !== undefined && !this.#isOver(last.at)) {
      this.#remember(eid, last.at);
      return false;
    }
    const now = clock.now();
    const byEim = `events of the eUICC are looked for every ${durationText(every)}`;
    const request = { download: { smds: address === undefined ? {} : { address } } };
    try {
      await orders.submit({
        eid,
        facility: 'download',
        request,
        byEim,
        also: ({ id }) => [put(lookups, eid, { at: now, order: id })],
      });
    } catch (error) {
      if (!(error instanceof OrderError)) throw error;
      return false;
    }
    this.#remember(eid, now);
    if (last !== undefined) await this.#forget(last.order);
    return true;
  }

  /** Deletes a lookup that found nothing; what it found, and what went wrong, is for operators to see. */
  async #forget(id: string): Promise<void> {
    const { orders } = this.#options;
    const state = (await orders.get(id))?.state;
    if (state?.at !== 'done' || !state.success) return;
    if (state.outcome.some((one) => one.smdsResult === 'noEvent')) await orders.delete(id);
  }

  #isFor(eid: Eid): boolean {
    return this.#eids.size === 0 || this.#eids.has(eid);
  }

  #isOver(last: number): boolean {
    const now = this.#options.clock.now();
    // A lookup in a time to come was before somebody set the clock back.
    return now - last >= this.#options.every || last - now >= this.#options.every;
  }

  #remember(eid: Eid, at: number): void {
    if (this.#last.size >= mostRemembered && !this.#last.has(eid)) this.#last.clear();
    this.#last.set(eid, at);
  }
}
