/** /v1: orders, devices, eUICCs and the eIM itself, as the CLI and new scripts use them. */
import { hex } from '../base/bytes.ts';
import { takesInjection } from '../fleet/ipa-capabilities.ts';
import { knownRequests } from '../orders/whole.ts';
import { check } from './api/errors.ts';
import { EuiccChange, EuiccQuery } from './api/euiccs.ts';
import { eidText } from './api/ids.ts';
import { InfoQuery } from './api/info.ts';
import { OrderQuery, OrderSubmission, WaitQuery } from './api/orders.ts';
import { connectionRoutes } from './connections.ts';
import type { Desk } from './desk.ts';
import { deviceRoutes } from './devices.ts';
import { setFacts } from './euicc-order.ts';
import { metricsRoute } from './metrics.ts';
import { notificationRoutes } from './notifications.ts';
import { refuseBeyond } from './order-level.ts';
import { refuseUnsignable } from './order-signing.ts';
import { refuseOverlong } from './order-size.ts';
import { quirkRoutes } from './quirks.ts';
import { notFound, ok, type Route, route } from './route.ts';
import { requestOf } from './steps.ts';
import { euiccView, infoView, orderView } from './views.ts';
import type { Waiting } from './waiting.ts';

const noInjection =
  'the device has told that it takes no pushed packages (ipaInjectCoaps is not among its protocols): it is tried all the same';

/** Entries of a list where the query says nothing. */
const page = 100;

export function v1Routes(desk: Desk, waiting: Waiting, waitLimit: number): readonly Route[] {
  return [
    route('GET', '/healthz', { open: true, answer: () => ok({ status: 'ok' }) }),
    route('GET', '/v1/info', {
      query: InfoQuery,
      answer: ({ query: { tlsTrust, euiccCiPKId, ...change } }) => {
        const ci = euiccCiPKId === undefined ? {} : { euiccCiPKId: hex(euiccCiPKId) };
        return ok(infoView(desk.info(tlsTrust, { ...change, ...ci })));
      },
    }),
    metricsRoute(desk),
    ...orderRoutes(desk, waiting, waitLimit),
    ...deviceRoutes(desk),
    ...euiccRoutes(desk),
    ...quirkRoutes(desk),
    ...connectionRoutes(desk),
    ...notificationRoutes(desk),
  ];
}

function orderRoutes(desk: Desk, waiting: Waiting, waitLimit: number): readonly Route[] {
  return [
    route('POST', '/v1/orders', {
      body: OrderSubmission,
      answer: async ({ body: { eid, steps, push = false } }) => {
        const wanted = requestOf(steps);
        const requests = knownRequests(wanted.request);
        for (const request of requests) refuseOverlong(desk, request, 'steps');
        const euicc = await desk.euiccs.ensure(eid);
        for (const request of requests) {
          refuseBeyond(euicc, request, 'steps');
          refuseUnsignable(desk, euicc, request, 'steps');
        }
        const order = await desk.orders.submit({ eid, ...wanted, push });
        const warning = push && takesInjection(euicc) === false ? { warning: noInjection } : {};
        const location = `/v1/orders/${order.id}`;
        return { status: 201, location, body: { ...orderView(order), ...warning } };
      },
    }),
    route('GET', '/v1/orders', {
      query: OrderQuery,
      answer: async ({ query: { state, limit = page, ...filter } }) => {
        const orders = await desk.orders.list({
          ...filter,
          ...(state === undefined ? {} : { at: state }),
          limit,
          reverse: true,
        });
        const last = orders.length < limit ? undefined : orders.at(-1);
        return ok({
          orders: orders.map(orderView),
          ...(last === undefined ? {} : { next: last.id }),
        });
      },
    }),
    route('GET', '/v1/orders/:id', {
      query: WaitQuery,
      answer: async ({ params: { id = '' }, query: { wait = 0, since }, signal }) => {
        const milliseconds = Math.min(wait * 1000, waitLimit);
        const order =
          milliseconds > 0
            ? await waiting.order(id, since, milliseconds, signal)
            : await desk.orders.get(id);
        if (order === undefined) throw notFound('order', id);
        return ok(orderView(order));
      },
    }),
    route('POST', '/v1/orders/:id/cancel', {
      answer: async ({ params: { id = '' } }) => ok(orderView(await desk.orders.cancel(id))),
    }),
    route('DELETE', '/v1/orders/:id', {
      answer: async ({ params: { id = '' } }) => {
        if (!(await desk.orders.delete(id))) throw notFound('order', id);
        return { status: 204 };
      },
    }),
  ];
}

function euiccRoutes(desk: Desk): readonly Route[] {
  return [
    route('GET', '/v1/euiccs', {
      query: EuiccQuery,
      answer: async ({ query: { limit = page, ...filter } }) => {
        const euiccs = await desk.euiccs.list({ ...filter, limit });
        const last = euiccs.length < limit ? undefined : euiccs.at(-1);
        return ok({
          euiccs: euiccs.map(euiccView),
          ...(last === undefined ? {} : { next: last.eid }),
        });
      },
    }),
    route('GET', '/v1/euiccs/:eid', {
      answer: async ({ params }) => {
        const eid = check(eidText, params.eid, 'eid');
        const euicc = await desk.euiccs.get(eid);
        if (euicc === undefined) throw notFound('eUICC', eid);
        return ok(euiccView(euicc));
      },
    }),
    // Makes the record where there is none: what is set before the first contact holds from then on.
    route('PATCH', '/v1/euiccs/:eid', {
      body: EuiccChange,
      answer: async ({ params, body }) => {
        const eid = check(eidText, params.eid, 'eid');
        return ok(euiccView(await setFacts(desk, eid, body)));
      },
    }),
  ];
}
