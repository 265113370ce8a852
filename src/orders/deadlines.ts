/** Orders that are late: which they are, and how each ends (see OrderSettings). */
import type { Store } from '../store/store.ts';
import type { Deadline, Order, OrderState } from './order.ts';
import { due, orders, readDueKey, readSinceKey, since } from './rows.ts';
import { durationText, type OrderSettings } from './settings.ts';
import { ageOf, dueOf, overdueReason } from './whole.ts';

/** What a look at the deadlines did. */
export interface Swept {
  readonly noShow: number;
  readonly stuck: number;
  readonly deleted: number;
}

/** What becomes of late orders; false where one has changed since it was looked at. */
export interface Ends {
  overdue(id: string, deadline: Deadline, reason: string): Promise<boolean>;
  delete(id: string): Promise<boolean>;
}

/** Rows read at a time. */
const page = 256;

/** Ends what is late at this time (milliseconds since 1970), deletes what was done long ago. */
export async function sweepOrders(
  store: Store,
  now: number,
  { noShow, stuck, expired }: OrderSettings,
  ends: Ends,
): Promise<Swept> {
  for await (const order of dueOrders(store, now)) {
    await ends.overdue(order.id, 'unconfirmed', overdueReason(order));
  }
  const notFetched = `no device fetched it within ${durationText(noShow)}`;
  const noResult = `the device fetched it, and no result came within ${durationText(stuck)}`;
  const late = (at: OrderState['at'], limit: number) => lateOrders(store, at, now - limit);
  return {
    noShow: await countOf(late('new', noShow), (id) => ends.overdue(id, 'no-show', notFetched)),
    stuck: await countOf(late('work', stuck), (id) => ends.overdue(id, 'stuck', noResult)),
    deleted: await countOf(late('done', expired), (id) => ends.delete(id)),
  };
}

/** How many of these were ended. */
async function countOf(
  ids: AsyncIterable<string>,
  end: (id: string) => Promise<boolean>,
): Promise<number> {
  let count = 0;
  for await (const id of ids) if (await end(id)) count++;
  return count;
}

/** Ids of the orders that have been `at` since `latest` or earlier (milliseconds since 1970), the oldest first. */
async function* lateOrders(
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
async function* dueOrders(store: Store, latest: number): AsyncIterable<Order> {
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
