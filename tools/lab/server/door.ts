/** The HTTPS side of the lab's servers (SGP.22 6.1 to 6.3): requests in, answers out, faults on command. */

import { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { utf8 } from '../../../src/base/bytes.ts';
import type { Cancel, Clock } from '../../../src/base/clock.ts';
import type { Log } from '../../../src/base/log.ts';
import type { Eid } from '../../../src/messages/ids.ts';
import { type Certificate, readCertificate } from '../../../src/trust/certificate.ts';
import { ChainError } from '../../../src/trust/chain-error.ts';
import type { LabCredential } from '../pki/lab-pki.ts';
import type { Fault, Faults, RspFunction } from './faults.ts';
import { type JsonAnswer, JsonRequest } from './json-request.ts';
import { ForcedRefusal, Refusal } from './refusal.ts';

/** One request, as it went: for whoever watches. */
export interface Step {
  readonly function: RspFunction;
  /** EID where it is known, else the peer's address. */
  readonly who: string;
  /** `ok`, `refused 8.2.6/3.8: …`, `fault down`, `duplicate`, `not believed: …` */
  readonly outcome: string;
  /** Octets of the bodies. */
  readonly received: number;
  readonly sent: number;
}

/** One request on its way through. */
export interface Call {
  /** Whom it is about, once that is known. */
  eid?: Eid;
  /** The certificate that the client's TLS proved, where it chains to a CI. */
  readonly client?: Certificate;
}

/** What serves one function. */
export interface Route {
  readonly function: RspFunction;
  /** Whether this client may ask; absent: anybody. What may not gets HTTP 403. */
  readonly allows?: (client: Certificate | undefined) => boolean;
  /** Gives the answer's fields; throws Refusal. */
  readonly run?: (request: JsonRequest, call: Call) => JsonAnswer | Promise<JsonAnswer>;
  /** Instead of `run`: takes the body, whatever it is, and gives the outcome; the answer is 204. */
  readonly take?: (body: Uint8Array, call: Call) => string;
}

export interface DoorOptions {
  /** By path. */
  readonly routes: ReadonlyMap<string, Route>;
  /** What GET gives, by path: revocation lists. */
  readonly documents?: ReadonlyMap<string, () => Uint8Array>;
  readonly faults: Faults;
  /** Octets of a request's body. */
  readonly bodyLimit: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Called before every answer to `run` and `take`: what they changed must last. */
  readonly save: () => void;
  readonly onStep: (step: Step) => void;
}

const protocolHeader = { 'X-Admin-Protocol': 'gsma/rsp/v2.5.0' };
const jsonHeaders = { 'Content-Type': 'application/json;charset=UTF-8', ...protocolHeader };

interface Answer {
  readonly status: number;
  readonly body?: Uint8Array;
  readonly outcome: string;
}

/** Answers that are kept back, so that closing can let go of them. */
type Waiting = Set<Cancel>;

export interface Door {
  readonly server: Server;
  close(): Promise<void>;
}

/**
 * An HTTPS server that does not listen yet; `optionsOf` is asked with each request.
 * @param clientCis DER of the CIs that clients' certificates may chain to
 */
export function makeDoor(
  tls: LabCredential,
  clientCis: readonly Uint8Array[],
  optionsOf: () => DoorOptions,
): Door {
  const waiting: Waiting = new Set();
  const server = createServer(
    {
      key: tls.key.export({ format: 'pem', type: 'pkcs8' }),
      cert: pem(tls.certificate),
      // Asked of everybody, demanded by the functions that need it.
      requestCert: true,
      rejectUnauthorized: false,
      ca: clientCis.map(pem),
      minVersion: 'TLSv1.2',
      requestTimeout: 30_000,
      headersTimeout: 10_000,
    },
    (request, response) => {
      serve(optionsOf(), request, response, waiting).catch((error: unknown) => {
        optionsOf().log.error('request failed', { error: String(error) });
        request.socket.destroy();
      });
    },
  );
  server.maxConnections = 256;
  // closeAllConnections() leaves those that are still at their TLS handshake.
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (error) => optionsOf().log.drop('TLS', { error: error.message }));
  server.on('clientError', (error, socket) => {
    optionsOf().log.drop('HTTP', { error: error.message });
    socket.destroy();
  });
  return {
    server,
    async close() {
      for (const cancel of waiting) cancel();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function pem(certificate: Uint8Array): string {
  return new X509Certificate(certificate).toString();
}

async function serve(
  options: DoorOptions,
  request: IncomingMessage,
  response: ServerResponse,
  waiting: Waiting,
): Promise<void> {
  const { faults, log, onStep } = options;
  const path = (request.url ?? '').replace(/\/$/, '');
  const document = options.documents?.get(path);
  if (document !== undefined && request.method === 'GET') {
    response.writeHead(200, { 'Content-Type': 'application/pkix-crl' }).end(document());
    return;
  }
  const route = options.routes.get(path);
  if (route === undefined || request.method !== 'POST') {
    log.drop('HTTP request for something else');
    response.writeHead(route === undefined ? 404 : 405, { Connection: 'close' }).end();
    return;
  }
  const client = clientOf(request);
  if (route.allows?.(client) === false) {
    log.drop('client not allowed');
    response.writeHead(403, { Connection: 'close' }).end();
    return;
  }
  const body = await readBody(request, options.bodyLimit);
  if (body === 'aborted') return log.drop('request cut short');
  if (body === 'too large') {
    log.drop('body too large');
    response.writeHead(413, { Connection: 'close' }).end();
    return;
  }
  const call: Call = { ...(client && { client }) };
  const peer = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
  const name = route.function;
  const fault = faults.take(name, 'down', 'status', 'nonsense', 'slow', 'stall', 'cut');
  const answer = await answerOf(options, route, request, body, call, fault);
  const sent = fault?.kind === 'down' ? 0 : (answer.body?.length ?? 0);
  onStep({
    function: name,
    who: call.eid ?? peer,
    outcome: answer.outcome,
    received: body.length,
    sent,
  });
  if (fault?.kind === 'slow') {
    await later(options.clock, fault.milliseconds ?? 60_000, waiting);
  }
  send(response, answer, fault);
}

/** The client's certificate, where TLS found that it chains to one of the CIs and is in date. */
function clientOf(request: IncomingMessage): Certificate | undefined {
  const { socket } = request;
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { raw } = socket.getPeerCertificate();
  try {
    return raw === undefined ? undefined : readCertificate(new Uint8Array(raw));
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    return undefined;
  }
}

async function answerOf(
  options: DoorOptions,
  route: Route,
  request: IncomingMessage,
  body: Uint8Array,
  call: Call,
  fault: Fault | undefined,
): Promise<Answer> {
  switch (fault?.kind) {
    case 'down':
      return { status: 0, outcome: 'fault down' };
    case 'status':
      return { status: 500, outcome: 'fault status' };
    case 'nonsense':
      return { status: 200, body: utf8('<html>It works!</html>'), outcome: 'fault nonsense' };
  }
  const answer =
    route.take === undefined
      ? await functionAnswer(options, route, request, body, call)
      : { status: 204, outcome: route.take(body, call) };
  options.save();
  return fault === undefined
    ? answer
    : { ...answer, outcome: `${answer.outcome}, fault ${fault.kind}` };
}

async function functionAnswer(
  { faults, log }: DoorOptions,
  route: Route,
  request: IncomingMessage,
  body: Uint8Array,
  call: Call,
): Promise<Answer> {
  const name = route.function;
  try {
    const refuse = faults.take(name, 'refuse');
    if (refuse !== undefined) {
      throw new ForcedRefusal(refuse.subjectCode ?? '8.8', refuse.reasonCode ?? '4.2');
    }
    checkHeaders(request);
    const answer = (await route.run?.(new JsonRequest(body), call)) ?? {};
    const broken = faults.take(name, 'line-broken') !== undefined;
    return {
      status: 200,
      body: json({ status: 'Executed-Success' }, broken ? withLineBreaks(answer) : answer),
      outcome: 'ok',
    };
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof ForcedRefusal)) throw error;
    const { subjectCode, reasonCode, message } = error;
    log.info('refused', { function: name, subjectCode, reasonCode, message });
    return {
      status: 200,
      body: json({ status: 'Failed', statusCodeData: { subjectCode, reasonCode, message } }, {}),
      outcome: `refused ${subjectCode}/${reasonCode}: ${message}`,
    };
  }
}

function checkHeaders({ headers }: IncomingMessage): void {
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) {
    throw new Refusal('contentTypeInvalid');
  }
  const protocol = headers['x-admin-protocol'];
  if (protocol !== undefined && !String(protocol).startsWith('gsma/rsp/v')) {
    throw new Refusal('protocolInvalid');
  }
}

function json(functionExecutionStatus: object, answer: JsonAnswer): Uint8Array {
  return utf8(JSON.stringify({ header: { functionExecutionStatus }, ...answer }));
}

function withLineBreaks(answer: JsonAnswer): JsonAnswer {
  return Object.fromEntries(
    Object.entries(answer).map(([name, value]) => [
      name,
      name === 'transactionId' || typeof value !== 'string'
        ? value
        : value.replace(/(.{64})/g, '$1\n'),
    ]),
  );
}

function send(response: ServerResponse, { status, body }: Answer, fault: Fault | undefined): void {
  if (fault?.kind === 'down') {
    response.destroy();
    return;
  }
  const headers = {
    ...(body === undefined ? protocolHeader : jsonHeaders),
    ...(status === 204 ? {} : { 'Content-Length': body?.length ?? 0 }),
  };
  response.writeHead(status, headers);
  if (fault?.kind === 'stall' || fault?.kind === 'cut') {
    const half = (body ?? new Uint8Array()).subarray(0, (body?.length ?? 0) >> 1);
    response.flushHeaders();
    response.write(half, () => fault.kind === 'cut' && response.destroy());
    return;
  }
  response.end(body);
}

function readBody(
  request: IncomingMessage,
  limit: number,
): Promise<Uint8Array | 'too large' | 'aborted'> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let length = 0;
    request.on('data', (part: Buffer) => {
      length += part.length;
      if (length > limit) resolve('too large');
      else parts.push(part);
    });
    request.on('end', () => resolve(new Uint8Array(Buffer.concat(parts))));
    request.on('error', () => resolve('aborted'));
    request.on('close', () => resolve('aborted'));
  });
}

function later(clock: Clock, milliseconds: number, waiting: Waiting): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      waiting.delete(end);
      resolve();
    };
    const cancel = clock.after(milliseconds, done);
    const end = () => {
      cancel();
      done();
    };
    waiting.add(end);
  });
}
