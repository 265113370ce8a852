/**
 * The one place that opens a connection outward: HTTPS to SM-DP+s and SM-DSs (SGP.22 2.6.6, 5.2; TLS 1.2 or newer, the
 * server authenticated against configured roots). It knows of addresses, bytes, time and size, and nothing of ES9+.
 */

import { Agent, type AgentOptions, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { addressText } from '../base/address.ts';
import { concat } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { SmdpAddress } from '../messages/smdp-address.ts';
import { type Es9Failure, Es9TransportError } from './errors.ts';
import { pemCertificates, pemCrls } from './pem.ts';
import { parseRetryAfter } from './retry-after.ts';
import { identityCheck } from './server-identity.ts';

/** Where a host name leads in place of DNS, and whom to believe there. */
export interface HttpsRoute {
  readonly address?: string;
  readonly port?: number;
  /** Certificates to trust for this host, instead of `roots` and `crls`: PEM (one or several) or DER. */
  readonly ca?: readonly Uint8Array[];
  /** CRLs for what leads to `ca`, or to the public roots. */
  readonly crls?: readonly Uint8Array[];
  /** The public roots that Node.js carries are trusted for this host, instead of `roots` and `crls`. */
  readonly publicRoots?: boolean;
  /** SHA-256 of keys (SubjectPublicKeyInfo), in upper-case hex: the server must have one of them besides all else. */
  readonly pins?: readonly string[];
}

export interface HttpsOptions {
  /** The trust store: PEM (one certificate or several) or DER each. The web PKI is never trusted unless named here. */
  readonly roots: readonly Uint8Array[];
  /**
   * CRLs, PEM or DER each, for what leads to `roots`. Where there are any, every issuer of a chain must have one that is
   * in force: what cannot be looked up counts as revoked.
   */
  readonly crls?: readonly Uint8Array[];
  /** Believe any certificate, whatever pins say. For a lab alone: it is logged as a warning. Default false. */
  readonly insecure?: boolean;
  /** By host name, in lower case. */
  readonly hosts?: Readonly<Record<string, HttpsRoute>>;
  /** Longest wait for a connection, TLS included, in milliseconds. Default 10,000. */
  readonly connectTimeout?: number;
  /** Longest wait from there to the end of the answer, in milliseconds. Default 30,000. */
  readonly answerTimeout?: number;
  /** Largest body of an answer, in octets. Default 4 MiB: a profile of 2 MiB in base64, and room. */
  readonly bodyLimit?: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface HttpsRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Without a body: GET. */
type Question = Omit<HttpsRequest, 'body'> & { readonly body?: Uint8Array };

export interface HttpsAnswer {
  readonly status: number;
  /** Where a redirect would lead; none is followed. */
  readonly location?: string;
  /** Content-Type as it came; absent where there was none. */
  readonly contentType?: string;
  /** What time it is there, in milliseconds since 1970: Date, to the second. */
  readonly date?: number;
  /** How long the server asks to be left alone, in milliseconds. */
  readonly retryAfter?: number;
  readonly body: Uint8Array;
}

/**
 * Most connections to one SM-DP+ at a time. Further requests wait, and their wait counts as connecting (connectTimeout),
 * so there is room for a fleet that wakes at once while the SM-DP+ is slow.
 */
const maxSockets = 256;
/** How long an unused connection is kept, in milliseconds. */
const idleTimeout = 30_000;

/** Where a request goes, after routes. */
interface Target {
  readonly host: string;
  readonly port: number;
  /** Server name for SNI and the certificate; absent where the address is an IP address. */
  readonly servername?: string;
  /** Whose connections it may use: those of whom it believes. */
  readonly agent: Agent;
  readonly text: string;
  /** The name that routes are found by. */
  readonly name: string;
}

/** Whom to believe, and where hosts are: what may change while it runs. */
export type HttpsTrust = Pick<HttpsOptions, 'roots' | 'crls' | 'hosts'>;

/** The connections to each host, by whom they believe. */
interface Doors {
  /** Of hosts that have no route. */
  readonly agent: Agent;
  readonly routes: ReadonlyMap<string, { readonly route: HttpsRoute; readonly agent: Agent }>;
}

export class Https {
  #doors: Doors;
  readonly #insecure: boolean;
  readonly #connectTimeout: number;
  readonly #answerTimeout: number;
  readonly #bodyLimit: number;
  readonly #clock: Clock;

  /** Throws TypeError, or what node:crypto throws, for a root or CRL that is none. */
  constructor(options: HttpsOptions) {
    this.#insecure = options.insecure ?? false;
    this.#doors = doorsOf(options, this.#insecure);
    this.#connectTimeout = options.connectTimeout ?? 10_000;
    this.#answerTimeout = options.answerTimeout ?? 30_000;
    this.#bodyLimit = options.bodyLimit ?? 4 * 2 ** 20;
    this.#clock = options.clock;
    if (this.#insecure) options.log.warn('certificates of SM-DP+s and SM-DSs are not checked');
  }

  /**
   * Believes these from here on. Requests under way go on as they began; connections that wait for another one are not
   * used again. Throws as the constructor does, and then all is as before.
   */
  renew(trust: HttpsTrust): void {
    const before = this.#doors;
    this.#doors = doorsOf(trust, this.#insecure);
    for (const agent of agentsOf(before)) {
      // What is in use now closes after its answer.
      agent.maxFreeSockets = 0;
      for (const sockets of Object.values(agent.freeSockets)) {
        for (const socket of sockets ?? []) socket.destroy();
      }
    }
  }

  /** Posts, and gives the whole answer whatever its status. Throws Es9TransportError (not of kind `status`). */
  post(address: SmdpAddress, request: HttpsRequest): Promise<HttpsAnswer> {
    return this.#ask(address, request);
  }

  /** Gets, and throws, as `post`: a revocation list, say. */
  get(address: SmdpAddress, request: Omit<HttpsRequest, 'body'>): Promise<HttpsAnswer> {
    const { path, headers } = request;
    return this.#ask(address, { path, headers });
  }

  async #ask(address: SmdpAddress, request: Question): Promise<HttpsAnswer> {
    const target = this.#target(address);
    // A kept connection may have been closed by the other side at the very moment of its use: once more, on
    // another one. What else goes wrong is not tried again here.
    for (;;) {
      const answer = await this.#exchange(target, request);
      if (answer !== 'stale') return answer;
    }
  }

  /** Closes every connection; requests that run fail as unreachable. */
  close(): void {
    for (const agent of agentsOf(this.#doors)) agent.destroy();
  }

  #target(address: SmdpAddress): Target {
    const { routes, agent } = this.#doors;
    const named = routes.get(address.host);
    const isAddress = /^[0-9.]+$/.test(address.host) || address.host.includes(':');
    return {
      host: named?.route.address ?? address.host,
      port: named?.route.port ?? address.port,
      ...(!isAddress && { servername: address.host }),
      agent: named?.agent ?? agent,
      text: address.text,
      name: address.host,
    };
  }

  #exchange(target: Target, request: Question): Promise<HttpsAnswer | 'stale'> {
    return new Promise((resolve, reject) => {
      let phase: 'connecting' | 'securing' | 'waiting' | 'reading' = 'connecting';
      const outgoing = httpsRequest({
        agent: target.agent,
        method: request.body === undefined ? 'GET' : 'POST',
        host: target.host,
        port: target.port,
        path: request.path,
        headers: {
          ...request.headers,
          Host: target.text,
          ...(request.body !== undefined && { 'Content-Length': request.body.length }),
        },
        ...(target.servername !== undefined && { servername: target.servername }),
      });
      const fail = (kind: Es9Failure, complaint: string, cause?: unknown): void => {
        cancel();
        reject(new Es9TransportError(kind, complaint, { cause }));
        outgoing.destroy();
      };
      const late = (what: string, milliseconds: number) => () =>
        fail('timeout', `${what} within ${milliseconds / 1000} s`);
      let cancel = this.#clock.after(
        this.#connectTimeout,
        late('no connection', this.#connectTimeout),
      );
      const connected = (): void => {
        phase = 'waiting';
        cancel();
        cancel = this.#clock.after(
          this.#answerTimeout,
          late('no whole answer', this.#answerTimeout),
        );
      };
      outgoing.on('socket', (socket) => {
        if (outgoing.reusedSocket) return connected();
        socket.once('connect', () => {
          phase = 'securing';
        });
        socket.once('secureConnect', connected);
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        if (phase === 'waiting' && isStale(outgoing, error)) {
          cancel();
          return resolve('stale');
        }
        const { kind, complaint } = failure(phase, error, target);
        fail(kind, complaint, error);
      });
      outgoing.on('response', (incoming) => {
        phase = 'reading';
        collect(
          incoming,
          Number(incoming.headers['content-length'] ?? 0),
          this.#bodyLimit,
          fail,
          (body) => {
            cancel();
            resolve({ ...factsOf(incoming, this.#clock.now()), body });
          },
        );
      });
      outgoing.end(request.body);
    });
  }
}

function doorsOf({ roots, crls = [], hosts = {} }: HttpsTrust, insecure: boolean): Doors {
  const agent = (tls: AgentOptions) =>
    new Agent({
      keepAlive: true,
      maxSockets,
      maxFreeSockets: 8,
      timeout: idleTimeout,
      scheduling: 'lifo',
      minVersion: 'TLSv1.2',
      rejectUnauthorized: !insecure,
      ...tls,
    });
  const own = { ca: roots.flatMap(pemCertificates), ...crlOption(crls) };
  const routes = Object.entries(hosts).map(([name, route]) => {
    const lower = name.toLowerCase();
    const trusted = trustOf(route) ?? own;
    const checkServerIdentity = identityCheck(lower, route.pins ?? []);
    return [lower, { route, agent: agent({ ...trusted, checkServerIdentity }) }] as const;
  });
  return { agent: agent(own), routes: new Map(routes) };
}

function agentsOf({ agent, routes }: Doors): readonly Agent[] {
  return [agent, ...[...routes.values()].map((one) => one.agent)];
}

/** Whom a route believes in place of the roots; undefined: nobody else. */
function trustOf({ ca, publicRoots = false, crls = [] }: HttpsRoute): AgentOptions | undefined {
  // Without a ca, node:https trusts the public roots that it carries.
  if (publicRoots) return crlOption(crls);
  return ca && { ca: ca.flatMap(pemCertificates), ...crlOption(crls) };
}

/** Only where there are CRLs: OpenSSL looks for those of every issuer then. */
function crlOption(crls: readonly Uint8Array[]): AgentOptions {
  return crls.length === 0 ? {} : { crl: crls.flatMap(pemCrls) };
}

/** An answer as node:https has it, without its body. */
interface Head {
  readonly statusCode?: number | undefined;
  readonly headers: {
    readonly location?: string | undefined;
    readonly 'content-type'?: string | undefined;
    readonly 'retry-after'?: string | undefined;
    readonly date?: string | undefined;
  };
}

function factsOf({ statusCode, headers }: Head, now: number): Omit<HttpsAnswer, 'body'> {
  const { location, 'content-type': contentType, 'retry-after': asked, date = '' } = headers;
  const there = Date.parse(date);
  const retryAfter = asked === undefined ? undefined : parseRetryAfter(asked, now);
  return {
    status: statusCode ?? 0,
    ...(location !== undefined && { location }),
    ...(contentType !== undefined && { contentType }),
    ...(retryAfter !== undefined && { retryAfter }),
    ...(Number.isFinite(there) && { date: there }),
  };
}

/** Hands on the whole body, or fails where it is, or is announced to be, larger than `limit`, or breaks off. */
function collect(
  incoming: Readable,
  announced: number,
  limit: number,
  fail: (kind: Es9Failure, complaint: string, cause?: unknown) => void,
  done: (body: Uint8Array) => void,
): void {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const tooLarge = () => fail('too large', `the answer has more than ${limit} octets`);
  incoming.on('error', (error) => fail('unreachable', 'the connection broke off', error));
  if (announced > limit) tooLarge();
  incoming.on('data', (chunk: Uint8Array) => {
    length += chunk.length;
    if (length > limit) tooLarge();
    else chunks.push(chunk);
  });
  incoming.on('end', () => done(concat(...chunks)));
}

/** What OpenSSL calls a certificate that leads to none of the roots. */
const untrusted: readonly string[] = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** Whether a kept connection turned out to be closed before anything came back on it. */
function isStale(
  outgoing: { readonly reusedSocket: boolean },
  error: NodeJS.ErrnoException,
): boolean {
  return outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

function failure(
  phase: 'connecting' | 'securing' | 'waiting' | 'reading',
  error: NodeJS.ErrnoException,
  target: Target,
): { kind: Es9Failure; complaint: string } {
  const why = error.message || error.code || 'no reason given';
  if (phase === 'connecting') {
    const where = addressText({ address: target.host, port: target.port });
    return { kind: 'unreachable', complaint: `no connection to ${where}: ${why}` };
  }
  if (phase === 'securing') {
    const advice = adviceFor(error.code ?? '', target.name);
    return { kind: 'tls', complaint: `no TLS connection: ${why}${advice}` };
  }
  if (error.code?.startsWith('HPE_')) return { kind: 'malformed', complaint: `not HTTP: ${why}` };
  return { kind: 'unreachable', complaint: `the connection broke off: ${why}` };
}

function adviceFor(code: string, host: string): string {
  if (untrusted.includes(code)) return `; name its root in es9.roots or es9.hosts.${host}.ca`;
  if (code === 'UNABLE_TO_GET_CRL') {
    return `; each issuer needs a CRL in es9.crls, or in es9.hosts.${host}.crls`;
  }
  return code === 'CRL_HAS_EXPIRED' ? '; fetch its next one, and start again' : '';
}
