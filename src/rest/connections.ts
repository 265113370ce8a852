/** /v1/dtls: the DTLS connections in memory. */
import type { ConnectionFacts } from '../base/connection-facts.ts';
import { ConnectionList, ConnectionQuery, ConnectionView } from './api/connections.ts';
import type { Desk } from './desk.ts';
import { usualPage } from './paging.ts';
import { gone, json, notFound, ok, type Route, route } from './route.ts';
import { connectionView } from './views.ts';

/**
 * The first connections by id, of those that are wanted: connections come and go between two pages, and a cursor still
 * stands where the one that it names has ended.
 */
function first(
  most: number,
  among: Iterable<ConnectionFacts>,
  isWanted: (connection: ConnectionFacts) => boolean,
): readonly ConnectionFacts[] {
  let found: ConnectionFacts[] = [];
  const cut = () => {
    found = found.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, most);
  };
  for (const connection of among) {
    if (!isWanted(connection)) continue;
    found.push(connection);
    if (found.length >= 8 * most) cut();
  }
  cut();
  return found;
}

export function connectionRoutes({ dtls }: Desk): readonly Route[] {
  return [
    route('GET /v1/dtls', {
      about: 'DTLS connections in memory',
      query: ConnectionQuery,
      gives: { 200: json(ConnectionList) },
      answer: ({ query: { identity, after, limit = usualPage } }) => {
        const { handshakes, awake, asleep, sessions } = dtls.holds;
        const found = first(limit + 1, dtls.connections(), ({ id, credential }) => {
          if (after !== undefined && id <= after) return false;
          if (identity === undefined) return true;
          return credential.type !== 'anonymous' && credential.identity === identity;
        });
        const more = found.length > limit ? found.at(limit - 1) : undefined;
        return ok({
          connections: found.slice(0, limit).map(connectionView),
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
