/** A route as a value: what it answers, and what it checks before. server.ts serves it, whoever tests calls it. */
import type { z } from 'zod';
import { ApiError, check } from './api/errors.ts';

export interface RestRequest<Body = unknown, Query = unknown> {
  /** By name in the path: `/v1/orders/:id` → `id`; decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  /** Aborted when the client is gone or the server closes. */
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly status: number;
  /** Sent as JSON, or as it is where it is text of another `type`; absent: no body. */
  readonly body?: unknown;
  /** Content-Type. */
  readonly type?: string;
  readonly location?: string;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** Answered without a token. */
  readonly open: boolean;
  /** Throws ApiError. */
  answer(request: RestRequest): Promise<Reply>;
}

interface Checked<Body, Query> {
  readonly body?: z.ZodType<Body>;
  readonly query?: z.ZodType<Query>;
  readonly open?: boolean;
  answer(request: RestRequest<Body, Query>): Reply | Promise<Reply>;
}

/** Declares a route: `body` and `query` are checked before `answer` is asked. */
export function route<Body = undefined, Query = unknown>(
  method: Route['method'],
  path: string,
  checked: Checked<Body, Query>,
): Route {
  return {
    method,
    path,
    open: checked.open ?? false,
    async answer(request) {
      return checked.answer({
        params: request.params,
        signal: request.signal,
        body: given(checked.body, request.body),
        query: given(checked.query, request.query),
      });
    },
  };
}

function given<Value>(schema: z.ZodType<Value> | undefined, input: unknown): Value {
  return schema === undefined ? (undefined as Value) : check(schema, input);
}

export function ok(body: unknown): Reply {
  return { status: 200, body };
}

export function notFound(what: string, name: string): ApiError {
  return new ApiError(404, 'notFound', `there is no ${what} ${name}`);
}
