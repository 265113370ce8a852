/** /v1/tokens: who may call, besides whoever has rest.token. */
import { badInput } from './api/errors.ts';
import {
  NewTokenView,
  TokenAddition,
  TokenList,
  TokenQuery,
  type TokenView,
} from './api/tokens.ts';
import { usualPage } from './paging.ts';
import { gone, json, nextOf, notFound, ok, type Route, route } from './route.ts';
import type { TokenRecord, Tokens } from './tokens.ts';

export function tokenRoutes(tokens: Tokens): readonly Route[] {
  const view = (token: TokenRecord): TokenView => ({
    id: token.id,
    name: token.name,
    role: token.role,
    added: time(token.added),
    ...(token.expires === undefined ? {} : { expires: time(token.expires) }),
    ...(tokens.isExpired(token) ? { expired: true } : {}),
    ...(token.lastUsed === undefined ? {} : { lastUsed: time(token.lastUsed) }),
  });
  return [
    route('POST /v1/tokens', {
      about: 'Make a token',
      body: TokenAddition,
      gives: { 201: json(NewTokenView, 'the token, with its secret this once') },
      answer: async ({ body: { name, role, expires } }) => {
        const end = expires === undefined ? {} : { expires: Date.parse(expires) };
        if (Number.isNaN(end.expires)) throw badInput('expires', 'is no time');
        const { token, secret } = await tokens.add({ name, role, ...end });
        return { status: 201, body: { ...view(token), token: secret } };
      },
    }),
    route('GET /v1/tokens', {
      about: 'Tokens, without their secrets',
      query: TokenQuery,
      gives: { 200: json(TokenList) },
      answer: ({ query: { role, after = '', limit = usualPage } }) => {
        const list = tokens
          .list()
          .filter((token) => token.id > after && (role === undefined || token.role === role))
          .slice(0, limit);
        return ok({ tokens: list.map(view), ...nextOf(list, limit, ({ id }) => id) });
      },
    }),
    route('DELETE /v1/tokens/:id', {
      about: 'Delete a token: from now on it is not taken',
      gives: gone,
      answer: async ({ params: { id = '' } }) => {
        if (!(await tokens.remove(id))) throw notFound('token', id);
        return { status: 204 };
      },
    }),
  ];
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
