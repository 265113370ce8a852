/** The HTTPS side of ES9+ (SGP.22 6.1 to 6.3): requests in, answers out, faults on command. */

import { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { utf8 } from '../../../src/base/bytes.ts';
import type { Cancel } from '../../../src/base/clock.ts';
import type { LabCredential } from '../pki/lab-pki.ts';
import { functions, type JsonAnswer, JsonRequest, takeNotification } from './binding.ts';
import type { Es9Function, Fault } from './faults.ts';
import { ForcedRefusal, Refusal } from './refusal.ts';
import type { Call, Smdp } from './smdp.ts';

/** One request, as it went: for whoever watches. */
export interface Step {
  readonly function: Es9Function;
  /** EID where it is known, else the peer's address. */
  readonly who: string;
  /** `ok`, `refused 8.2.6/3.8: …`, `fault down`, `duplicate`, `not believed: …` */
  readonly outcome: string;
  /** Octets of the bodies. */
  readonly received: number;
  readonly sent: number;
}

const path = /^\/gsma\/rsp2\/es9plus\/([A-Za-z]+)\/?$/;
const protocolHeader = { 'X-Admin-Protocol': 'gsma/rsp/v2.5.0' };
const jsonHeaders = { 'Content-Type': 'application/json;charset=UTF-8', ...protocolHeader };

const names: readonly Es9Function[] = [
  'initiateAuthentication',
  'authenticateClient',
  'getBoundProfilePackage',
  'handleNotification',
  'cancelSession',
];

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

/** An HTTPS server that does not listen yet. */
export function makeDoor(smdp: () => Smdp, tls: LabCredential, onStep: (step: Step) => void): Door {
  const waiting: Waiting = new Set();
  const server = createServer(
    {
      key: tls.key.export({ format: 'pem', type: 'pkcs8' }),
      cert: new X509Certificate(tls.certificate).toString(),
      minVersion: 'TLSv1.2',
      requestTimeout: 30_000,
      headersTimeout: 10_000,
    },
    (request, response) => {
      serve(smdp(), request, response, waiting, onStep).catch((error: unknown) => {
        smdp().log.error('request failed', { error: String(error) });
        request.socket.destroy();
      });
    },
  );
  server.maxConnections = 256;
  server.on('tlsClientError', (error) => smdp().log.drop('TLS', { error: error.message }));
  server.on('clientError', (error, socket) => {
    smdp().log.drop('HTTP', { error: error.message });
    socket.destroy();
  });
  return {
    server,
    async close() {
      for (const cancel of waiting) cancel();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serve(
  smdp: Smdp,
  request: IncomingMessage,
  response: ServerResponse,
  waiting: Waiting,
  onStep: (step: Step) => void,
): Promise<void> {
  const name = functionOf(request.url);
  if (name === undefined || request.method !== 'POST') {
    smdp.log.drop('HTTP request for something else');
    response.writeHead(name === undefined ? 404 : 405, { Connection: 'close' }).end();
    return;
  }
  const body = await readBody(request, smdp.limits.body);
  if (body === 'aborted') return smdp.log.drop('request cut short');
  if (body === 'too large') {
    smdp.log.drop('body too large');
    response.writeHead(413, { Connection: 'close' }).end();
    return;
  }
  const call: Call = {};
  const peer = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
  const fault = smdp.faults.take(name, 'down', 'status', 'nonsense', 'slow', 'stall', 'cut');
  const answer = answerOf(smdp, name, request, body, call, fault);
  const sent = fault?.kind === 'down' ? 0 : (answer.body?.length ?? 0);
  onStep({
    function: name,
    who: call.eid ?? peer,
    outcome: answer.outcome,
    received: body.length,
    sent,
  });
  if (fault?.kind === 'slow') {
    await later(smdp, fault.milliseconds ?? 60_000, waiting);
  }
  send(response, answer, fault);
}

function functionOf(url: string | undefined): Es9Function | undefined {
  const name = path.exec(url ?? '')?.[1];
  return names.find((one) => one === name);
}

function answerOf(
  smdp: Smdp,
  name: Es9Function,
  request: IncomingMessage,
  body: Uint8Array,
  call: Call,
  fault: Fault | undefined,
): Answer {
  switch (fault?.kind) {
    case 'down':
      return { status: 0, outcome: 'fault down' };
    case 'status':
      return { status: 500, outcome: 'fault status' };
    case 'nonsense':
      return { status: 200, body: utf8('<html>It works!</html>'), outcome: 'fault nonsense' };
  }
  const answer =
    name === 'handleNotification'
      ? notificationAnswer(smdp, body, call)
      : functionAnswer(smdp, name, request, body, call);
  return fault === undefined
    ? answer
    : { ...answer, outcome: `${answer.outcome}, fault ${fault.kind}` };
}

/** 204 whatever came: a refused notification would only come again. */
function notificationAnswer(smdp: Smdp, body: Uint8Array, call: Call): Answer {
  const taken = takeNotification(smdp, body, call);
  if (taken === undefined) return { status: 204, outcome: 'not believed: no notification' };
  if (!taken.verified) return { status: 204, outcome: `not believed: ${taken.complaint ?? ''}` };
  return { status: 204, outcome: taken.times > 1 ? 'duplicate' : 'ok' };
}

function functionAnswer(
  smdp: Smdp,
  name: Exclude<Es9Function, 'handleNotification'>,
  request: IncomingMessage,
  body: Uint8Array,
  call: Call,
): Answer {
  try {
    const refuse = smdp.faults.take(name, 'refuse');
    if (refuse !== undefined) {
      throw new ForcedRefusal(refuse.subjectCode ?? '8.8', refuse.reasonCode ?? '4.2');
    }
    checkHeaders(request);
    const answer = functions[name](smdp, new JsonRequest(body), call);
    const broken = smdp.faults.take(name, 'line-broken') !== undefined;
    return {
      status: 200,
      body: json({ status: 'Executed-Success' }, broken ? withLineBreaks(answer) : answer),
      outcome: 'ok',
    };
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof ForcedRefusal)) throw error;
    const { subjectCode, reasonCode, message } = error;
    smdp.log.info('refused', { function: name, subjectCode, reasonCode, message });
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
      name === 'transactionId' ? value : value.replace(/(.{64})/g, '$1\n'),
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

function later(smdp: Smdp, milliseconds: number, waiting: Waiting): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      waiting.delete(end);
      resolve();
    };
    const cancel = smdp.clock.after(milliseconds, done);
    const end = () => {
      cancel();
      done();
    };
    waiting.add(end);
  });
}
