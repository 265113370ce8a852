/** A route as a value: what it answers, and what it checks before. server.ts serves it, openapi.ts describes it. */
import type { z } from 'zod';
import { ApiError, badInput, check } from './api/errors.ts';
import { type RouteKey, type RouteRole, roleOf } from './roles.ts';

/** The id of callers of whom no token is asked for. */
export const anyone = 'anyone';

/** Whose request it is. */
export interface Caller {
  /** The token's id; `rest.token` for that one, `anyone` where none is asked for. */
  readonly id: string;
  readonly role: RouteRole;
}

export interface RestRequest<Body = unknown, Query = unknown> {
  /** By name in the path: `/v1/orders/:id` → `id`; decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  /** By its name in lower case; undefined where it is absent. */
  header(name: string): string | undefined;
  readonly caller: Caller;
  /** Whether the caller may still: a token can be deleted, or run out, while a stream is open. */
  stands(): boolean;
  /** Aborted when the client is gone or the server closes. */
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly status: number;
  /** Sent as JSON; as it is where it is text of another `type`, or a stream of such; absent: no body. */
  readonly body?: unknown;
  /** Content-Type. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a route answers, for openapi.ts. */
export interface Gives {
  readonly about: string;
  /** Of the JSON; absent: no body, or one of `type`. */
  readonly schema?: z.ZodType;
  /** Media types of bodies that are not JSON, beside it where both are there. */
  readonly type?: string;
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export interface Route {
  readonly key: RouteKey;
  readonly method: Method;
  readonly path: string;
  readonly role: RouteRole;
  /** What it is for, in a line. */
  readonly about: string;
  readonly body?: z.ZodType;
  readonly query?: z.ZodType;
  /** Headers that it reads, and what they are for. */
  readonly headers: Readonly<Record<string, string>>;
  readonly gives: Readonly<Record<number, Gives>>;
  /** Throws ApiError. */
  answer(request: RestRequest): Promise<Reply>;
}

interface Checked<Body, Query> {
  readonly about: string;
  readonly body?: z.ZodType<Body>;
  readonly query?: z.ZodType<Query>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly gives: Readonly<Record<number, Gives>>;
  answer(request: RestRequest<Body, Query>): Reply | Promise<Reply>;
}

/** Declares a route: `body` and `query` are checked before `answer` is asked. */
export function route<Body = undefined, Query = unknown>(
  key: RouteKey,
  { about, body, query, headers = {}, gives, answer }: Checked<Body, Query>,
): Route {
  const [method = '', path = ''] = key.split(' ');
  return {
    key,
    method: method as Method,
    path,
    role: roleOf[key],
    about,
    ...(body === undefined ? {} : { body }),
    ...(query === undefined ? {} : { query }),
    headers,
    gives,
    async answer(request) {
      return answer({
        ...request,
        body: given(body, request.body),
        query: given(query, request.query),
      });
    },
  };
}

function given<Value>(schema: z.ZodType<Value> | undefined, input: unknown): Value {
  return schema === undefined ? (undefined as Value) : check(schema, input);
}

/** 200, or another status, with JSON of this schema. */
export function json(schema: z.ZodType, about = 'as asked'): Gives {
  return { about, schema };
}

export function ok(body: unknown): Reply {
  return { status: 200, body };
}

/** The answer to a DELETE. */
export const gone: Readonly<Record<number, Gives>> = { 204: { about: 'gone' } };

export function notFound(what: string, name: string): ApiError {
  return new ApiError(404, 'notFound', `there is no ${what} ${name}`);
}

/** A list, and where to go on: `next` names the last of a page that is full. */
export function nextOf<Item>(
  list: readonly Item[],
  limit: number,
  name: (item: Item) => string,
): { readonly next?: string } {
  const last = list.length < limit ? undefined : list.at(-1);
  return last === undefined ? {} : { next: name(last) };
}

/** The number of an event in a header. Throws ApiError. */
export function eventNumber(text: string): number {
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw badInput('Last-Event-ID', 'must be the id of an event');
}
