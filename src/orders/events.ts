/**
 * What happened to orders, in one line for all of them: each change of an order is an event with a number, written in
 * the same commit as the change. A reader that knows the number of the last event it saw misses none, over restarts
 * too, for as long as events are kept.
 *
 * ```
 *   order-event!<number>               the event; numbers grow, and may have gaps
 *   order-event-of!<order id>/<number> true: the events of an order
 * ```
 */
import type { Eid } from '../messages/ids.ts';
import { type Change, put, remove, type Store, table } from '../store/store.ts';
import type { Facility, Order } from './order.ts';

const events = table<OrderChange>('order-event');
const eventsOf = table<true>('order-event-of');

/** Digits of a number: enough for every event. */
const digits = 15;
/** Rows read at a time. */
const page = 256;

/** One change of an order. */
export interface OrderChange {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly order: string;
  readonly eid: Eid;
  readonly facility: Facility;
  /** As in the order's history, or `deleted`. */
  readonly event: string;
  readonly detail?: string;
  /** Of the order, afterwards. */
  readonly state: Order['state']['at'];
  /** Only when it is done. */
  readonly success?: boolean;
}

export interface NumberedChange extends OrderChange {
  readonly number: number;
}

export class OrderEvents {
  readonly #store: Store;
  #last: number | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Reads where the numbers stand; to be awaited before `additions`. */
  async ready(): Promise<void> {
    if (this.#last !== undefined) return;
    const [newest] = await this.#store.list(events, { reverse: true, limit: 1 });
    this.#last = Math.max(this.#last ?? 0, newest === undefined ? 0 : Number(newest[0]));
  }

  /**
   * The rows of one more event. They are to be committed at once, without waiting: events reach the store in the order
   * of their numbers, so that no reader goes past one.
   */
  additions(order: Order, what: 'changed' | 'deleted', now: number): readonly Change[] {
    if (this.#last === undefined) throw new Error('the numbers of events are not read yet');
    this.#last++;
    const number = numberText(this.#last);
    const line = order.history.at(-1);
    const { state } = order;
    const change: OrderChange = {
      at: now,
      order: order.id,
      eid: order.eid,
      facility: order.facility,
      event: what === 'deleted' ? 'deleted' : (line?.event ?? ''),
      ...(what === 'deleted' || line?.detail === undefined ? {} : { detail: line.detail }),
      state: state.at,
      ...(state.at === 'done' ? { success: state.success } : {}),
    };
    return [put(events, number, change), put(eventsOf, `${order.id}/${number}`, true)];
  }

  /** The number of the newest event; 0 where there was none. */
  async newest(): Promise<number> {
    await this.ready();
    return this.#last ?? 0;
  }

  /** The number of the oldest event that is kept; undefined where none is. */
  async oldest(): Promise<number | undefined> {
    const [first] = await this.#store.list(events, { limit: 1 });
    return first && Number(first[0]);
  }

  /** Events after a number, in their order; of one order where `order` names it. */
  async list(filter: {
    readonly after: number;
    readonly limit: number;
    readonly order?: string;
  }): Promise<readonly NumberedChange[]> {
    const after = numberText(filter.after);
    const { order, limit } = filter;
    if (order === undefined) {
      const rows = await this.#store.list(events, { after, limit });
      return rows.map(([key, change]) => ({ number: Number(key), ...change }));
    }
    const prefix = `${order}/`;
    const keys = await this.#store.list(eventsOf, { prefix, after: prefix + after, limit });
    const found = await Promise.all(
      keys.map(async ([key]) => {
        const number = key.slice(prefix.length);
        const change = await this.#store.get(events, number);
        return change && { number: Number(number), ...change };
      }),
    );
    return found.filter((change) => change !== undefined);
  }

  /** Deletes the events before `time` (milliseconds since 1970), but never the newest; gives how many. */
  async sweep(time: number): Promise<number> {
    const newest = await this.newest();
    let count = 0;
    for (;;) {
      const rows = await this.#store.list(events, { limit: page });
      const old = rows.filter(([key, { at }]) => at < time && Number(key) < newest);
      await this.#store.commit(
        old.flatMap(([key, { order }]) => [
          remove(events, key),
          remove(eventsOf, `${order}/${key}`),
        ]),
      );
      count += old.length;
      if (old.length < page) return count;
    }
  }
}

function numberText(number: number): string {
  return String(number).padStart(digits, '0');
}
