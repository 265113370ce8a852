/**
 * The operator's side: HTTP in and out. A request is let in (host, token), its JSON read, and its route asked; what
 * the route throws becomes an answer here.
 *
 * ```
 *   HTTP → admit → route (checks, then orders/fleet) → JSON
 * ```
 *
 * On a loopback address no token is needed, as scripts expect; on any other one it is required.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { isLoopback } from '../base/address.ts';
import type { Log } from '../base/log.ts';
import { ApiError, type ApiErrorCode } from './api/errors.ts';
import type { Desk } from './desk.ts';
import { errorBody, refusalOf } from './refusal.ts';
import type { Route } from './route.ts';
import { routes } from './routes.ts';
import { Waiting } from './waiting.ts';

export interface RestOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Bearer token that requests must carry. */
  readonly token?: string | undefined;
  /** Octets. */
  readonly bodyLimit: number;
  /** Milliseconds. */
  readonly waitLimit: number;
  /** Requests that may wait at a time. */
  readonly waiters: number;
}

export interface RestServer {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly port: number;
  /** Ends waits, answers what is under way, then lets go of the port. */
  close(): Promise<void>;
}

/** Nothing can be listened for at this host and port; the message says why and what to do. */
export class RestError extends Error {
  override readonly name = 'RestError';
}

/** Listens. Throws RestError where the port is taken, or the host is no loopback address and no token is set. */
export async function startRest(desk: Desk, options: RestOptions): Promise<RestServer> {
  if (options.token === undefined && !isLoopback(options.host)) {
    throw new RestError(
      `REST on ${options.host} needs a token: set rest.token, or listen on 127.0.0.1`,
    );
  }
  const closing = new AbortController();
  const waiting = new Waiting(desk.orders, desk.clock, options.waiters);
  const app = fastify({
    bodyLimit: options.bodyLimit,
    forceCloseConnections: 'idle',
    requestTimeout: 30_000,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1024 },
    // What no route was found for (a path that cannot be decoded) is answered like any other refusal.
    frameworkErrors: (error, request, reply) => refuse(desk.log, error, request, reply),
  });
  const table = routes(desk, waiting, options.waitLimit);
  const open = new Set(table.filter((route) => route.open).map((route) => route.path));
  app.addHook('onRequest', async (request) => {
    admit(request, options.token, open);
  });
  readJson(app);
  for (const route of table) serve(app, route, closing.signal);
  app.setNotFoundHandler((request) => {
    throw unknownRoute(table, request);
  });
  app.setErrorHandler((error, request, reply) => refuse(desk.log, error, request, reply));
  await listen(app, options);
  const bound = app.server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    port,
    async close() {
      closing.abort();
      waiting.close();
      await app.close();
    },
  };
}

async function listen(app: FastifyInstance, { host, port }: RestOptions): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause;
    const advice =
      cause.code === 'EADDRINUSE'
        ? 'another program listens there: stop it or set rest.port'
        : cause.code === 'EACCES'
          ? 'not allowed: set rest.port to one above 1023'
          : 'set rest.host and rest.port to an address of this machine';
    const complaint = `cannot listen on TCP ${host} port ${port} (${cause.code}); ${advice}`;
    throw new RestError(complaint, { cause });
  }
}

/** Throws ApiError 401 without the token, or 403 where a web page on this machine has been led here. */
function admit(
  { headers, routeOptions }: FastifyRequest,
  token: string | undefined,
  open: ReadonlySet<string>,
): void {
  if (token === undefined) {
    // Without a token, the Host header tells a program here from a page whose name was rebound to this address.
    const host = (headers.host ?? '').replace(/:[0-9]+$/, '').replace(/^\[(.*)\]$/, '$1');
    if (isLoopback(host)) return;
    throw new ApiError(
      403,
      'forbidden',
      'ask for 127.0.0.1 or localhost, or set rest.token',
      'Host',
    );
  }
  if (open.has(routeOptions.url ?? '')) return;
  const [, given] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (given !== undefined && timingSafeEqual(digest(given), digest(token))) return;
  const complaint = given === undefined ? 'a bearer token is needed' : 'this is not the token';
  throw new ApiError(401, 'unauthorized', complaint, 'Authorization');
}

function digest(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}

/** Bodies are application/json, or none; anything else is answered 415. */
function readJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else void parse(request, body.toString(), done);
  });
}

function serve(app: FastifyInstance, route: Route, closing: AbortSignal): void {
  app.route<{ Params: Record<string, string> }>({
    method: route.method,
    url: route.path,
    exposeHeadRoute: false,
    async handler(request, reply) {
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const { status, body, location, type } = await route.answer({
        params: request.params,
        query: request.query,
        body: request.body,
        signal: AbortSignal.any([gone.signal, closing]),
      });
      if (location !== undefined) reply.header('location', location);
      if (type !== undefined) reply.type(type);
      reply.status(status).header('cache-control', 'no-store');
      return reply.send(body);
    },
  });
}

function unknownRoute(table: readonly Route[], { method, url }: FastifyRequest): ApiError {
  const [path = ''] = url.split('?');
  const methods = table
    .filter((route) => matches(route.path, path.replace(/\/$/, '')))
    .map((route) => route.method);
  return methods.length === 0
    ? new ApiError(404, 'notFound', `there is nothing at ${path}`)
    : new ApiError(405, 'methodNotAllowed', `${path} takes ${methods.join(', ')}, not ${method}`);
}

function matches(pattern: string, path: string): boolean {
  const due = pattern.split('/');
  const parts = path.split('/');
  return (
    due.length === parts.length && due.every((part, i) => part[0] === ':' || part === parts[i])
  );
}

/** The codes of what fastify itself refuses. */
const codes: Readonly<Record<number, ApiErrorCode>> = {
  413: 'tooLarge',
  415: 'unsupportedMediaType',
};

function refuse(log: Log, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const refusal = refusalOf(error) ?? fastifyRefusal(error);
  const route = `${request.method} ${request.routeOptions.url ?? '?'}`;
  if (refusal.status >= 500 && refusal.code === 'internal') {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log.error('request failed', { route, error: text });
  } else {
    const { status, field, message } = refusal;
    log.debug('request refused', { route, status, field, message });
  }
  if (refusal.status === 401) reply.header('www-authenticate', 'Bearer');
  reply.status(refusal.status).send(errorBody(refusal));
}

function fastifyRefusal(error: unknown): ApiError {
  const status: unknown = error instanceof Error ? Reflect.get(error, 'statusCode') : undefined;
  if (error instanceof Error && typeof status === 'number' && status >= 400 && status < 500) {
    const complaint = status === 415 ? 'send application/json' : error.message;
    return new ApiError(status, codes[status] ?? 'badInput', complaint);
  }
  return new ApiError(500, 'internal', "the eIM failed here; its log says why ('request failed')");
}
