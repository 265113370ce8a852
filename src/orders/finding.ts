/** How orders are found: by id, by EID, by the package that left for them. It only reads. */
import { equal } from '../base/bytes.ts';
import type { Eid } from '../messages/ids.ts';
import type { Store } from '../store/store.ts';
import type { Facility, Order, OrderState } from './order.ts';
import {
  euiccKey,
  numberOf,
  numbers,
  ofEuicc,
  orders,
  packageKey,
  packages,
  queue,
} from './rows.ts';
import { dispatchOf, isWhole, splitId, stageOrder } from './whole.ts';

export interface OrderFilter {
  readonly facility?: Facility;
  readonly eid?: Eid;
  readonly at?: OrderState['at'];
  /** Id of the order after which to go on; OrderError `unknown` where it is gone. */
  readonly after?: string;
  readonly limit?: number;
  /** Newest first; default oldest first. */
  readonly reverse?: boolean;
}

/** An order as it is kept, and of which of its stages the id was. */
export interface Found {
  readonly number: string;
  readonly order: Order;
  readonly stage?: number;
}

const none = new Uint8Array();
/** Rows read at a time. */
const page = 256;

/** An order by its id, or by that of one of its stages. */
export async function findOrder(store: Store, id: string): Promise<Found | undefined> {
  const { orderId, stage } = splitId(id);
  const number = await store.get(numbers, orderId);
  if (number === undefined) return undefined;
  const order = await store.get(orders, number);
  if (order === undefined) return undefined;
  if (stage === undefined) return { number, order };
  return seenAs(order, stage) === undefined ? undefined : { number, order, stage };
}

/** The order, or one of its stages; undefined where it has none such. */
export function seenAs(order: Order, stage: number | undefined): Order | undefined {
  if (stage === undefined) return order;
  return isWhole(order) ? stageOrder(order, stage) : undefined;
}

/** Orders in order of arrival, those behind the number `from`. */
export async function listOrders(
  store: Store,
  filter: Omit<OrderFilter, 'after'>,
  from: string | undefined,
): Promise<readonly Order[]> {
  const { facility, eid, at, limit = Number.POSITIVE_INFINITY, reverse = false } = filter;
  const found: Order[] = [];
  let after = from;
  for (;;) {
    const rows =
      eid === undefined
        ? await store.list(orders, { limit: page, reverse, ...(after && { after }) })
        : await ordersOf(store, eid, after, reverse);
    for (const [, order] of rows) {
      if (found.length >= limit) return found;
      if (facility !== undefined && order?.facility !== facility) continue;
      if (at !== undefined && order?.state.at !== at) continue;
      if (order !== undefined) found.push(order);
    }
    if (rows.length < page) return found;
    after = rows.at(-1)?.[0];
  }
}

async function ordersOf(
  store: Store,
  eid: Eid,
  after: string | undefined,
  reverse: boolean,
): Promise<readonly (readonly [number: string, order: Order | undefined])[]> {
  const rows = await store.list(ofEuicc, {
    prefix: euiccKey(eid, ''),
    limit: page,
    reverse,
    ...(after === undefined ? {} : { after: euiccKey(eid, after) }),
  });
  return Promise.all(
    rows.map(async ([key]) => {
      const number = numberOf(key);
      return [number, await store.get(orders, number)] as const;
    }),
  );
}

/** The number of the first order in the queue of this EID. */
export async function headOf(store: Store, eid: Eid): Promise<string | undefined> {
  const [first] = await store.list(queue, { prefix: euiccKey(eid, ''), limit: 1 });
  return first === undefined ? undefined : numberOf(first[0]);
}

/** See Orders.byTransaction. */
export async function orderOfPackage(
  store: Store,
  eid: Eid | undefined,
  eimTransactionId: Uint8Array,
): Promise<Order | undefined> {
  const number = await store.get(packages, packageKey(eimTransactionId));
  if (number === undefined) return undefined;
  const order = await store.get(orders, number);
  if (order === undefined || (eid !== undefined && order.eid !== eid)) return undefined;
  if (!isWhole(order)) return order;
  const at = order.stages.findIndex(({ state }) =>
    equal(dispatchOf(state)?.eimTransactionId ?? none, eimTransactionId),
  );
  return at < 0 ? undefined : stageOrder(order, at);
}
