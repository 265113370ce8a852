/**
 * The operator's side: HTTP in and out. A request is let in (host, token), its JSON read, and its route asked; what
 * the route throws becomes an answer here.
 *
 * ```
 *   HTTP → admit → route (checks, then orders/fleet) → JSON
 * ```
 *
 * On a loopback address plain HTTP without a token will do, as scripts expect; on any other one both TLS and a token are
 * required (admission.ts, roles.ts).
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { Readable } from 'node:stream';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { isLoopback } from '../base/address.ts';
import type { Cancel, Clock } from '../base/clock.ts';
import { listenFailure } from '../base/listen-failure.ts';
import type { Log } from '../base/log.ts';
import { Admission, type Knock } from './admission.ts';
import { ApiError, type ApiErrorCode } from './api/errors.ts';

import type { Desk } from './desk.ts';
import { EventStreams } from './event-stream.ts';
import { IdempotencyKeys } from './idempotency.ts';
import { OpenRequests } from './open-requests.ts';
import { streamPlaces, waitPlaces } from './places.ts';
import { errorBody, refusalOf } from './refusal.ts';
import { anyone, type Caller, type Route } from './route.ts';
import { routes } from './routes.ts';
import { Sockets } from './sockets.ts';
import { Tokens } from './tokens.ts';
import { Waiting } from './waiting.ts';

export interface RestOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** A bearer token of role admin. */
  readonly token?: string | undefined;
  /** Without it the server speaks plain HTTP. */
  readonly tls?: TlsIdentity | undefined;
  /** A proxy stands before it, which has TLS and names callers in X-Forwarded-For. */
  readonly behindProxy: boolean;
  /** Requests of one caller: for each second in the long run, and at once. */
  readonly requestRate: number;
  readonly requestBurst: number;
  /** How long an Idempotency-Key is known, in milliseconds. */
  readonly keysKept: number;
  /** Octets. */
  readonly bodyLimit: number;
  /** Milliseconds. */
  readonly waitLimit: number;
  /** Requests that may wait at a time, and streams that may be open. */
  readonly waiters: number;
  /** So many of them may be of one token; absent: a quarter. */
  readonly waitersPerToken?: number | undefined;
  /** What is under way may take so long once the server closes, in milliseconds. */
  readonly grace: number;
}

/** PEM. */
export interface TlsIdentity {
  /** The leaf first. */
  readonly certificate: string;
  readonly key: string;
}

export interface RestServer {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly port: number;
  /** Shows another certificate from now on; throws RestError where it speaks plain HTTP, or key and certificate do not fit. */
  showCertificate(tls: TlsIdentity): void;
  /** Ends waits, answers what is under way, for `grace` at most, and lets go of the port. */
  close(): Promise<void>;
}

/** Nothing can be listened for at this host and port; the message says why and what to do. */
export class RestError extends Error {
  override readonly name = 'RestError';
}

/** Keys past their time are looked for so often, in milliseconds. */
const sweepEvery = 3600 * 1000;

/** Listens. Throws RestError where the port is taken, or the host is no loopback address and TLS or a token is missing. */
export async function startRest(desk: Desk, options: RestOptions): Promise<RestServer> {
  const { clock, store, log } = desk;
  const tokens = await Tokens.open(desk);
  const strict = !isLoopback(options.host) || options.behindProxy;
  refuseOpen(options, strict, tokens);
  const waiting = new Waiting(desk.orders, clock, waitPlaces(options));
  const streams = new EventStreams(desk.orders, clock, streamPlaces(options));
  const keys = new IdempotencyKeys({ store, clock, kept: options.keysKept });
  const admission = new Admission({
    tokens,
    token: options.token,
    strict,
    rate: options.requestRate,
    burst: options.requestBurst,
    clock,
  });
  const app = fastify({
    serverFactory: (handler) => serverOf(options.tls, handler),
    bodyLimit: options.bodyLimit,
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1024 },
    // What no route was found for (a path that cannot be decoded) is answered like any other refusal.
    frameworkErrors: (error, request, reply) => refuse(desk.log, error, request, reply),
  });
  const table = routes({ desk, waiting, streams, keys, waitLimit: options.waitLimit }, tokens);
  const callers = new WeakMap<object, Caller>();
  const byUrl = new Map(table.map((one) => [`${one.method} ${one.path}`, one]));
  app.addHook('onRequest', async (request) => {
    const due = byUrl.get(`${request.method} ${request.routeOptions.url ?? ''}`)?.role ?? 'read';
    callers.set(request.raw, admission.admit(knockOf(request, options.behindProxy), due));
  });
  readJson(app);
  const open = new OpenRequests();
  for (const route of table) serve(app, route, { callers, admission, open });
  app.setNotFoundHandler((request) => {
    throw unknownRoute(table, request);
  });
  app.setErrorHandler((error, request, reply) => refuse(desk.log, error, request, reply));
  await listen(app, options);
  const bound = app.server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  const sockets = new Sockets(app.server);
  const stopSweeping = sweepNowAndThen(keys, clock, log);
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    port,
    showCertificate: (tls) => showCertificate(app.server, tls),
    async close() {
      stopSweeping();
      open.end();
      waiting.close();
      streams.close();
      const closed = app.close();
      sockets.endIdle();
      const cancel = clock.after(options.grace, () => sockets.end());
      await closed;
      cancel();
    },
  };
}

async function listen(app: FastifyInstance, { host, port }: RestOptions): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause;
    const where = { protocol: 'TCP', host, port } as const;
    const complaint = listenFailure(where, String(cause.code), 'rest');
    throw new RestError(complaint, { cause });
  }
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

interface Serving {
  readonly callers: WeakMap<object, Caller>;
  readonly admission: Admission;
  readonly open: OpenRequests;
}

function serve(app: FastifyInstance, route: Route, { callers, admission, open }: Serving): void {
  app.route<{ Params: Record<string, string> }>({
    method: route.method,
    url: route.path,
    exposeHeadRoute: false,
    async handler(request, reply) {
      const caller = callers.get(request.raw) ?? { id: anyone, role: 'open' };
      const {
        status,
        body,
        headers = {},
        type,
      } = await route.answer({
        params: request.params,
        query: request.query,
        body: request.body,
        header: (name) => headerOf(request, name),
        caller,
        stands: () => admission.stands(caller),
        signal: open.signalOf(reply.raw),
      });
      reply.headers(headers);
      if (type !== undefined) reply.type(type);
      reply.status(status).header('cache-control', 'no-store');
      return reply.send(isStream(body) ? Readable.from(body) : body);
    },
  });
}

function isStream(body: unknown): body is AsyncIterable<string> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** What is looked at before a request is let in; behind a proxy, the address that the proxy itself has seen. */
function knockOf(request: FastifyRequest, behindProxy: boolean): Knock {
  const seen = behindProxy ? headerOf(request, 'x-forwarded-for')?.split(',').at(-1) : undefined;
  return {
    authorization: request.headers.authorization,
    host: request.headers.host,
    site: headerOf(request, 'sec-fetch-site'),
    origin: request.headers.origin,
    address: seen?.trim() || (request.socket.remoteAddress ?? ''),
  };
}

/** Throws RestError where anybody on the way could read along, or anybody come in. */
function refuseOpen(
  { host, tls, token, behindProxy }: RestOptions,
  strict: boolean,
  tokens: Tokens,
): void {
  if (!strict) return;
  if (tls === undefined && !behindProxy) {
    throw new RestError(
      `REST on ${host} needs TLS: set rest.certificate and rest.key; or listen on 127.0.0.1; or, where a proxy ` +
        'with TLS stands before it, set rest.behindProxy',
    );
  }
  if (token === undefined && !tokens.anyAdmin) {
    throw new RestError(
      `REST on ${host} needs a token: set rest.token, or, on 127.0.0.1, make one of role admin first (eim token add)`,
    );
  }
}

function serverOf(tls: TlsIdentity | undefined, handler: RequestListener): Server {
  const options = { requestTimeout: 30_000 };
  if (tls === undefined) return createServer(options, handler);
  try {
    return createTlsServer({ ...options, cert: tls.certificate, key: tls.key }, handler);
  } catch (cause) {
    throw unfit(cause);
  }
}

function showCertificate(server: Server | TlsServer, tls: TlsIdentity): void {
  if (!('setSecureContext' in server)) {
    throw new RestError('REST speaks plain HTTP: a certificate is shown from the next start on');
  }
  try {
    server.setSecureContext({ cert: tls.certificate, key: tls.key });
  } catch (cause) {
    throw unfit(cause);
  }
}

function unfit(cause: unknown): RestError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RestError(`rest.certificate and rest.key cannot be used: ${why}`, { cause });
}

function sweepNowAndThen(keys: IdempotencyKeys, clock: Clock, log: Log): Cancel {
  let stop: Cancel = () => {};
  const turn = (): void => {
    stop = clock.after(sweepEvery, () => {
      keys.sweep().catch((error: unknown) => {
        log.error('sweep of keys failed', { error: String(error) });
      });
      turn();
    });
  };
  turn();
  return () => stop();
}

function unknownRoute(table: readonly Route[], { method, url }: FastifyRequest): ApiError {
  const [path = ''] = url.split('?');
  const methods = table
    .filter((route) => matches(route.path, path.replace(/\/$/, '')))
    .map((route) => route.method);
  return methods.length === 0
    ? new ApiError(404, 'notFound', `there is nothing at ${path}: /v1/docs lists what there is`)
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
  if (refusal.retryAfter !== undefined) reply.header('retry-after', String(refusal.retryAfter));
  reply.status(refusal.status).send(errorBody(refusal));
}

/** What to do about them, where fastify does not say. */
const advice: Readonly<Record<number, string>> = {
  413: 'the body is larger than rest.bodyLimit: send it in parts',
  415: 'send application/json',
};

function fastifyRefusal(error: unknown): ApiError {
  const status: unknown = error instanceof Error ? Reflect.get(error, 'statusCode') : undefined;
  if (error instanceof Error && typeof status === 'number' && status >= 400 && status < 500) {
    const complaint = advice[status] ?? error.message;
    return new ApiError(status, codes[status] ?? 'badInput', complaint);
  }
  return new ApiError(500, 'internal', "the eIM failed here; its log says why ('request failed')");
}
