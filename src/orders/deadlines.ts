import type { Store } from '../store/store.ts';
import type { Order, OrderState } from './order.ts';
import { due, orders, readDueKey, readSinceKey, since } from './rows.ts';
import { ageOf, dueOf } from './whole.ts';

/** Rows read at a time. */
const page = 256;

/** Ids of the orders that have been `at` since `latest` or earlier (milliseconds since 1970), the oldest first. */
export async function* lateOrders(
  store: Store,
  at: OrderState['at'],
  latest: number,
): AsyncIterable<string> {
  let after: string | undefined;
  for (;;) {
    const rows = await store.list(since, {
      prefix: `${at}/`,
      limit: page,
      ...(after && { after }),
    });
    for (const [key] of rows) {
      const { changed, number } = readSinceKey(key);
      if (changed > latest) return;
      const order = await store.get(orders, number);
      // It may have changed since the page was read.
      if (order === undefined) continue;
      const age = ageOf(order);
      if (age.at === at && age.changed === changed) yield order.id;
    }
    if (rows.length < page) return;
    after = rows.at(-1)?.[0];
  }
}

/** Orders whose stage was to be done by `latest` or earlier (milliseconds since 1970), the oldest first. */
export async function* dueOrders(store: Store, latest: number): AsyncIterable<Order> {
  let after: string | undefined;
  for (;;) {
    const rows = await store.list(due, { limit: page, ...(after && { after }) });
    for (const [key] of rows) {
      const { time, number } = readDueKey(key);
      if (time > latest) return;
      const order = await store.get(orders, number);
      if (order !== undefined && dueOf(order) === time) yield order;
    }
    if (rows.length < page) return;
    after = rows.at(-1)?.[0];
  }
}
