/** /v1/dtls: the DTLS connections in memory. */
import { ConnectionList, ConnectionQuery, ConnectionView } from './api/connections.ts';
import type { Desk } from './desk.ts';
import { usualPage } from './paging.ts';
import { gone, json, notFound, ok, type Route, route } from './route.ts';
import { connectionView } from './views.ts';

export function connectionRoutes({ dtls }: Desk): readonly Route[] {
  return [
    route('GET /v1/dtls', {
      about: 'DTLS connections in memory',
      query: ConnectionQuery,
      gives: { 200: json(ConnectionList) },
      answer: ({ query: { identity, after, limit = usualPage } }) => {
        const { handshakes, awake, asleep, sessions } = dtls.holds;
        const connections: ConnectionView[] = [];
        let isAfter = after === undefined;
        for (const connection of dtls.connections()) {
          if (connections.length > limit) break;
          const view = isAfter ? connectionView(connection) : undefined;
          if (connection.id === after) isAfter = true;
          if (view === undefined || (identity !== undefined && view.identity !== identity))
            continue;
          connections.push(view);
        }
        const more = connections.length > limit ? connections.at(limit - 1) : undefined;
        return ok({
          connections: connections.slice(0, limit),
          ...(more === undefined ? {} : { next: more.id }),
          ...{ handshakes, awake, asleep, sessions },
        });
      },
    }),
    route('GET /v1/dtls/:id', {
      about: 'A DTLS connection',
      gives: { 200: json(ConnectionView) },
      answer: ({ params: { id = '' } }) => {
        const connection = dtls.connection(id);
        if (connection === undefined) throw notFound('connection', id);
        return ok(connectionView(connection));
      },
    }),
    route('DELETE /v1/dtls/:id', {
      about: 'End a DTLS connection',
      gives: gone,
      answer: ({ params: { id = '' } }) => {
        if (dtls.end((connection) => connection.id === id) === 0) throw notFound('connection', id);
        return { status: 204 };
      },
    }),
  ];
}
