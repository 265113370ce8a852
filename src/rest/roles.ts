/**
 * Who may what: the role that each route asks for. A role may all that those before it may:
 *
 * - `open`: anyone, without a token: what probes of a supervisor ask.
 * - `read`: look.
 * - `operate`: order, and run what was ordered.
 * - `admin`: change who is trusted: devices and their keys, tokens, and what results of eUICCs are believed for.
 *
 * A route that is not here does not compile.
 */
import type { Role } from './api/tokens.ts';

const table = {
  'GET /': 'read',
  'POST /download/create': 'operate',
  'GET /download/lookup/:id': 'read',
  'GET /download/delete/:id': 'operate',
  'GET /download/list': 'read',
  'POST /psmo/create': 'operate',
  'GET /psmo/lookup/:id': 'read',
  'GET /psmo/delete/:id': 'operate',
  'GET /psmo/list': 'read',
  'POST /eco/create': 'operate',
  'GET /eco/lookup/:id': 'read',
  'GET /eco/delete/:id': 'operate',
  'GET /eco/list': 'read',
  'POST /edr/create': 'operate',
  'GET /edr/lookup/:id': 'read',
  'GET /edr/delete/:id': 'operate',
  'GET /edr/list': 'read',
  // It sets keys and whether results need a proof, as PATCH /v1/euiccs/:eid does.
  'POST /euicc/create': 'admin',
  'GET /euicc/lookup/:id': 'read',
  'GET /euicc/delete/:id': 'operate',
  'GET /euicc/list': 'read',
  'GET /healthz': 'open',
  'GET /readyz': 'open',
  'GET /metrics': 'read',
  'GET /v1/docs': 'open',
  'GET /v1/openapi.json': 'open',
  'GET /v1/info': 'read',
  'POST /v1/reload': 'admin',
  'POST /v1/orders': 'operate',
  'POST /v1/orders/batch': 'operate',
  'GET /v1/orders': 'read',
  'GET /v1/orders/:id': 'read',
  'GET /v1/orders/:id/events': 'read',
  'POST /v1/orders/:id/cancel': 'operate',
  'DELETE /v1/orders/:id': 'operate',
  'GET /v1/events': 'read',
  'GET /v1/profiles': 'read',
  'POST /v1/devices': 'admin',
  'POST /v1/devices/batch': 'admin',
  'GET /v1/devices': 'read',
  'GET /v1/devices/:identity': 'read',
  'PATCH /v1/devices/:identity': 'admin',
  'POST /v1/devices/:identity/rotate': 'admin',
  'POST /v1/devices/:identity/revoke': 'admin',
  'DELETE /v1/devices/:identity': 'admin',
  'GET /v1/euiccs': 'read',
  'GET /v1/euiccs/:eid': 'read',
  'PATCH /v1/euiccs/:eid': 'admin',
  'GET /v1/euiccs/:eid/quirks': 'read',
  'GET /v1/quirks': 'read',
  'GET /v1/dtls': 'read',
  'GET /v1/dtls/:id': 'read',
  'DELETE /v1/dtls/:id': 'operate',
  'GET /v1/notifications': 'read',
  'GET /v1/notifications/:id': 'read',
  'POST /v1/notifications/:id/retry': 'operate',
  'DELETE /v1/notifications/:id': 'operate',
  'POST /v1/tokens': 'admin',
  'GET /v1/tokens': 'admin',
  'DELETE /v1/tokens/:id': 'admin',
} as const satisfies Readonly<Record<string, Role | 'open'>>;

/** `GET /v1/orders`: every route that there is. */
export type RouteKey = keyof typeof table;

export type RouteRole = Role | 'open';

export const roleOf: Readonly<Record<RouteKey, RouteRole>> = table;

const order: readonly RouteRole[] = ['open', 'read', 'operate', 'admin'];

/** Whether somebody of this role may what `due` is asked for. */
export function mayDo(role: RouteRole, due: RouteRole): boolean {
  return order.indexOf(role) >= order.indexOf(due);
}
