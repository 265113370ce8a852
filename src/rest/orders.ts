/** /v1/orders and /v1/events: orders, one by one and by the hundred, and what happens to them. */
import { turnOfLoop } from '../base/turn.ts';
import { takesInjection } from '../fleet/ipa-capabilities.ts';
import type { Eid } from '../messages/ids.ts';
import type { NumberedChange } from '../orders/events.ts';
import type { Order } from '../orders/order.ts';
import { knownRequests } from '../orders/whole.ts';
import type { Change } from '../store/store.ts';
import { check } from './api/errors.ts';
import { AllEventsQuery, EventList, EventQuery } from './api/events.ts';
import {
  BatchedOrder,
  OrderBatch,
  OrderBatchView,
  OrderList,
  OrderQuery,
  type OrderResult,
  OrderSubmission,
  OrderView,
  WaitQuery,
} from './api/orders.ts';
import type { Desk } from './desk.ts';
import { type EventStreams, eventView, streamType } from './event-stream.ts';
import type { GivenKey, IdempotencyKeys } from './idempotency.ts';
import { refuseBeyond } from './order-level.ts';
import { refuseUnsignable } from './order-signing.ts';
import { refuseOverlong } from './order-size.ts';
import { pageOf, usualPage } from './paging.ts';
import { errorBody, refusalOf } from './refusal.ts';
import {
  eventNumber,
  gone,
  json,
  nextOf,
  notFound,
  ok,
  type Reply,
  type RestRequest,
  type Route,
  route,
} from './route.ts';
import { requestOf } from './steps.ts';
import { orderView } from './views.ts';
import type { Waiting } from './waiting.ts';

const noInjection =
  'the device has told that it takes no pushed packages (ipaInjectCoaps is not among its protocols): it is tried all the same';

const keyHeader = 'Idempotency-Key';
const keyAbout =
  'Of your making, such as a UUID: posted again under the same key, nothing is ordered twice, and the order of before is answered.';
const cursorAbout = 'The id of the last event that is known: as `after`.';

export interface OrderTools {
  readonly desk: Desk;
  readonly waiting: Waiting;
  readonly streams: EventStreams;
  readonly keys: IdempotencyKeys;
  /** The longest wait of a request, in milliseconds. */
  readonly waitLimit: number;
}

export function orderRoutes(tools: OrderTools): readonly Route[] {
  const { desk, waiting, waitLimit } = tools;
  return [
    route('POST /v1/orders', {
      about: 'Place an order',
      body: OrderSubmission,
      headers: { [keyHeader]: keyAbout },
      gives: {
        200: json(OrderView, 'the order that this key placed before, as it is now'),
        201: json(OrderView, 'the order, durable'),
      },
      answer: async (request) => {
        const key = request.header(keyHeader.toLowerCase());
        const given = key === undefined ? undefined : givenKey(request, key);
        return placed(await place(tools, request.body, given));
      },
    }),
    route('POST /v1/orders/batch', {
      about: 'Place up to 500 orders, each checked for itself',
      body: OrderBatch,
      headers: { [keyHeader]: `${keyAbout} Each order of the batch has its own, by its place.` },
      gives: { 200: json(OrderBatchView, 'what became of each, in order') },
      answer: async (request) => ok({ results: await placeAll(tools, request) }),
    }),
    route('GET /v1/orders', {
      about: 'Orders, newest first',
      query: OrderQuery,
      gives: { 200: json(OrderList) },
      answer: async ({ query: { state, success, after, limit = usualPage, ...filter } }) => {
        const orders = await pageOf({
          limit,
          after,
          read: (behind, most) =>
            desk.orders.list({
              ...filter,
              ...(state === undefined ? {} : { at: state }),
              ...(behind === undefined ? {} : { after: behind }),
              limit: most,
              reverse: true,
            }),
          keep: (order) =>
            success === undefined || (order.state.at === 'done' && order.state.success === success),
          name: ({ id }) => id,
        });
        return ok({ orders: orders.map(orderView), ...nextOf(orders, limit, ({ id }) => id) });
      },
    }),
    route('GET /v1/orders/:id', {
      about: 'An order; with `wait`, once it has changed',
      query: WaitQuery,
      gives: { 200: json(OrderView) },
      answer: async ({ params: { id = '' }, query: { wait = 0, since }, caller, signal }) => {
        const milliseconds = Math.min(wait * 1000, waitLimit);
        const order =
          milliseconds > 0
            ? await waiting.order(id, { since, milliseconds, caller, signal })
            : await desk.orders.placed(id);
        if (order === undefined) throw notFound('order', id);
        return ok(orderView(order));
      },
    }),
    route('POST /v1/orders/:id/cancel', {
      about: 'Cancel an order; a device that has it may still execute it',
      gives: { 200: json(OrderView, 'the order, done') },
      answer: async ({ params: { id = '' } }) => ok(orderView(await desk.orders.cancel(id))),
    }),
    route('DELETE /v1/orders/:id', {
      about: 'Delete an order, in whatever state',
      gives: gone,
      answer: async ({ params: { id = '' } }) => {
        if (!(await desk.orders.delete(id))) throw notFound('order', id);
        return { status: 204 };
      },
    }),
    ...eventRoutes(tools),
  ];
}

function eventRoutes({ desk, streams }: OrderTools): readonly Route[] {
  const { events } = desk.orders;
  const headers = { 'Last-Event-ID': cursorAbout };
  return [
    route('GET /v1/events', {
      about: 'What happens to orders: a stream, or, for `Accept: application/json`, a list',
      query: AllEventsQuery,
      headers,
      gives: { 200: { about: 'the events', schema: EventList, type: streamType } },
      answer: async ({
        query: { after, limit = usualPage, eid },
        header,
        caller,
        stands,
        signal,
      }) => {
        const known = cursor(header('last-event-id'), after);
        if (wantsList(header('accept'))) return ok(await eventList(desk, known ?? 0, limit, eid));
        const start = known ?? (await events.newest());
        return stream(streams.open({ after: start, eid, caller, stands, signal }));
      },
    }),
    route('GET /v1/orders/:id/events', {
      about: 'What happened to an order and happens to it; the stream ends with the order',
      query: EventQuery,
      headers,
      gives: {
        200: { about: 'the events', schema: EventList, type: streamType },
        204: { about: 'the order is done, and all is known' },
      },
      answer: async ({
        params: { id = '' },
        query: { after, limit = usualPage },
        header,
        caller,
        stands,
        signal,
      }) => {
        const known = cursor(header('last-event-id'), after) ?? 0;
        const order = await desk.orders.placed(id);
        if (order === undefined) throw notFound('order', id);
        const list = await events.list({ after: known, limit, order: id });
        if (wantsList(header('accept'))) return ok(listOf(list, known));
        // A client that comes back for what has ended is told to stay away (WHATWG HTML, 9.2).
        if (order.state.at === 'done' && list.length === 0) return { status: 204 };
        return stream(streams.open({ after: known, order: id, caller, stands, signal }));
      },
    }),
  ];
}

interface Placed {
  readonly order: Order;
  /** The key placed it before. */
  readonly before: boolean;
  readonly warning?: string;
}

/** Throws whatever refusalOf turns into an answer. */
async function place(
  { desk, keys }: OrderTools,
  { eid, steps, push = false }: OrderSubmission,
  key: GivenKey | undefined,
): Promise<Placed> {
  let warning: string | undefined;
  const submit = async (also?: (order: Order) => readonly Change[]): Promise<Order> => {
    const wanted = requestOf(steps);
    const requests = knownRequests(wanted.request);
    for (const request of requests) refuseOverlong(desk, request, 'steps');
    const euicc = await desk.euiccs.ensure(eid);
    for (const request of requests) {
      refuseBeyond(euicc, request, 'steps');
      refuseUnsignable(desk, euicc, request, 'steps');
    }
    if (push && takesInjection(euicc) === false) warning = noInjection;
    return desk.orders.submit({ eid, ...wanted, push, ...(also === undefined ? {} : { also }) });
  };
  const done = key === undefined ? { order: await submit() } : await keys.once(key, submit);
  if ('order' in done) {
    return { order: done.order, before: false, ...(warning === undefined ? {} : { warning }) };
  }
  const order = await desk.orders.placed(done.before);
  if (order === undefined) throw notFound('order any more for this key: it was', done.before);
  return { order, before: true };
}

function placed({ order, before, warning }: Placed): Reply {
  return {
    status: before ? 200 : 201,
    headers: { location: `/v1/orders/${order.id}` },
    body: { ...orderView(order), ...(warning === undefined ? {} : { warning }) },
  };
}

/** Orders of a batch that are placed at a time: so many share a commit, and between them devices have their turn. */
const atOnce = 50;

async function placeAll(
  tools: OrderTools,
  request: RestRequest<{ readonly orders: readonly unknown[]; readonly dryRun?: boolean }>,
): Promise<readonly OrderResult[]> {
  const { orders, dryRun = false } = request.body;
  const key = request.header(keyHeader.toLowerCase());
  const one = async (posted: unknown, position: number): Promise<OrderResult> => {
    try {
      const { idempotencyKey, ...wanted } = check(BatchedOrder, posted);
      if (dryRun) return await tried(tools, wanted);
      let own: GivenKey | undefined;
      if (idempotencyKey !== undefined) own = givenKey(request, idempotencyKey, posted);
      else if (key !== undefined) own = { ...givenKey(request, key, posted), place: position };
      const { order, before, warning } = await place(tools, wanted, own);
      const view = { ...orderView(order), ...(warning === undefined ? {} : { warning }) };
      return { order: view, ...(before ? { before: true } : {}) };
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      return errorBody(refusal);
    }
  };
  const results: OrderResult[] = [];
  for (let from = 0; from < orders.length; from += atOnce) {
    const some = orders.slice(from, from + atOnce);
    results.push(...(await Promise.all(some.map((posted, i) => one(posted, from + i)))));
    await turnOfLoop();
  }
  return results;
}

/** All that can be told without ordering. */
async function tried({ desk }: OrderTools, { eid, steps }: OrderSubmission): Promise<OrderResult> {
  const requests = knownRequests(requestOf(steps).request);
  const euicc = await desk.euiccs.get(eid);
  for (const request of requests) {
    refuseOverlong(desk, request, 'steps');
    if (euicc === undefined) continue;
    refuseBeyond(euicc, request, 'steps');
    refuseUnsignable(desk, euicc, request, 'steps');
  }
  return { accepted: true };
}

function givenKey(request: RestRequest, key: string, posted: unknown = request.body): GivenKey {
  return { caller: request.caller.id, key, posted };
}

function cursor(header: string | undefined, after: number | undefined): number | undefined {
  return header === undefined || header === '' ? after : eventNumber(header);
}

function wantsList(accept = ''): boolean {
  return accept.includes('application/json') && !accept.includes(streamType);
}

function stream(text: AsyncIterable<string>): Reply {
  return { status: 200, type: streamType, headers: { 'x-accel-buffering': 'no' }, body: text };
}

/** At most `limit` events after a cursor; `next` is past all that were looked at. */
async function eventList(
  { orders: { events } }: Desk,
  after: number,
  limit: number,
  eid: Eid | undefined,
): Promise<EventList> {
  const found: NumberedChange[] = [];
  // A cursor of a store that is no more is none.
  let known = after > (await events.newest()) ? 0 : after;
  for (;;) {
    const list = await events.list({ after: known, limit });
    for (const change of list) {
      known = change.number;
      if (eid === undefined || change.eid === eid) found.push(change);
      if (found.length === limit) return listOf(found, known);
    }
    if (list.length < limit) return listOf(found, known);
  }
}

function listOf(changes: readonly NumberedChange[], known: number): EventList {
  return {
    events: changes.map(eventView),
    next: String(Math.max(known, changes.at(-1)?.number ?? 0)),
  };
}
