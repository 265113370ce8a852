/** /v1: orders, devices, eUICCs and the eIM itself, as the CLI and new scripts use them. */
import { hex } from '../base/bytes.ts';
import { InfoQuery, InfoView } from './api/info.ts';
import { connectionRoutes } from './connections.ts';
import { deviceRoutes } from './devices.ts';
import { euiccRoutes } from './euiccs.ts';
import { metricsRoute } from './metrics.ts';
import { notificationRoutes } from './notifications.ts';
import { type OrderTools, orderRoutes } from './orders.ts';
import { quirkRoutes } from './quirks.ts';
import { json, ok, type Route, route } from './route.ts';
import { runningRoutes } from './running.ts';
import { tokenRoutes } from './token-routes.ts';
import type { Tokens } from './tokens.ts';
import { infoView } from './views.ts';

export function v1Routes(tools: OrderTools, tokens: Tokens): readonly Route[] {
  const { desk } = tools;
  return [
    ...runningRoutes(desk),
    route('GET /v1/info', {
      about: 'The eIM itself, and what devices need to know of it',
      query: InfoQuery,
      gives: { 200: json(InfoView) },
      answer: ({ query: { tlsTrust, euiccCiPKId, ...change } }) => {
        const ci = euiccCiPKId === undefined ? {} : { euiccCiPKId: hex(euiccCiPKId) };
        return ok(infoView(desk.info(tlsTrust, { ...change, ...ci })));
      },
    }),
    metricsRoute(desk),
    ...orderRoutes(tools),
    ...deviceRoutes(desk),
    ...euiccRoutes(desk),
    ...quirkRoutes(desk),
    ...connectionRoutes(desk),
    ...notificationRoutes(desk),
    ...tokenRoutes(tokens),
  ];
}
