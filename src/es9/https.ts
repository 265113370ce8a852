/**
 * The one place that opens a connection outward: HTTPS to SM-DP+s (SGP.22 2.6.6, 5.2; TLS 1.2 or newer, the server
 * authenticated against configured roots). It knows of addresses, bytes, time and size, and nothing of ES9+.
 */
import { X509Certificate } from 'node:crypto';
import { Agent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { addressText } from '../base/address.ts';
import { concat } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { SmdpAddress } from '../messages/smdp-address.ts';
import { type Es9Failure, Es9TransportError } from './errors.ts';

/** Where a host name leads in place of DNS, and whom to believe there. */
export interface HttpsRoute {
  readonly address?: string;
  readonly port?: number;
  /** Certificates to trust for this host, instead of `roots`: PEM (one or several) or DER. */
  readonly ca?: readonly Uint8Array[];
}

export interface HttpsOptions {
  /** The trust store: PEM (one certificate or several) or DER each. The web PKI is never trusted unless named here. */
  readonly roots: readonly Uint8Array[];
  /** Believe any certificate. For a lab alone: it is logged as a warning. Default false. */
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

export interface HttpsAnswer {
  readonly status: number;
  /** Where a redirect would lead; none is followed. */
  readonly location?: string;
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
  readonly ca: string[];
  readonly text: string;
  /** The name that routes are found by. */
  readonly name: string;
}

export class Https {
  readonly #agent: Agent;
  readonly #roots: string[];
  readonly #routes: ReadonlyMap<string, { route: HttpsRoute; ca?: string[] }>;
  readonly #insecure: boolean;
  readonly #connectTimeout: number;
  readonly #answerTimeout: number;
  readonly #bodyLimit: number;
  readonly #clock: Clock;

  /** Throws what node:crypto throws for a root that is no certificate. */
  constructor(options: HttpsOptions) {
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets,
      maxFreeSockets: 8,
      timeout: idleTimeout,
      scheduling: 'lifo',
    });
    this.#roots = options.roots.flatMap(pemCertificates);
    this.#routes = new Map(
      Object.entries(options.hosts ?? {}).map(([name, route]) => [
        name.toLowerCase(),
        { route, ...(route.ca && { ca: route.ca.flatMap(pemCertificates) }) },
      ]),
    );
    this.#insecure = options.insecure ?? false;
    this.#connectTimeout = options.connectTimeout ?? 10_000;
    this.#answerTimeout = options.answerTimeout ?? 30_000;
    this.#bodyLimit = options.bodyLimit ?? 4 * 2 ** 20;
    this.#clock = options.clock;
    if (this.#insecure) options.log.warn('certificates of SM-DP+s are not checked');
  }

  /** Posts, and gives the whole answer whatever its status. Throws Es9TransportError (not of kind `status`). */
  async post(address: SmdpAddress, request: HttpsRequest): Promise<HttpsAnswer> {
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
    this.#agent.destroy();
  }

  #target(address: SmdpAddress): Target {
    const named = this.#routes.get(address.host);
    const isAddress = /^[0-9.]+$/.test(address.host) || address.host.includes(':');
    return {
      host: named?.route.address ?? address.host,
      port: named?.route.port ?? address.port,
      ...(!isAddress && { servername: address.host }),
      ca: named?.ca ?? this.#roots,
      text: address.text,
      name: address.host,
    };
  }

  #exchange(target: Target, request: HttpsRequest): Promise<HttpsAnswer | 'stale'> {
    return new Promise((resolve, reject) => {
      let phase: 'connecting' | 'securing' | 'waiting' | 'reading' = 'connecting';
      const outgoing = httpsRequest({
        agent: this.#agent,
        method: 'POST',
        host: target.host,
        port: target.port,
        path: request.path,
        headers: {
          ...request.headers,
          Host: target.text,
          'Content-Length': request.body.length,
        },
        minVersion: 'TLSv1.2',
        rejectUnauthorized: !this.#insecure,
        ca: target.ca,
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
            const { location } = incoming.headers;
            resolve({
              status: incoming.statusCode ?? 0,
              ...(location !== undefined && { location }),
              body,
            });
          },
        );
      });
      outgoing.end(request.body);
    });
  }
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
    const advice = untrusted.includes(error.code ?? '')
      ? `; name its root in es9.roots or es9.hosts.${target.name}.ca`
      : '';
    return { kind: 'tls', complaint: `no TLS connection: ${why}${advice}` };
  }
  if (error.code?.startsWith('HPE_')) return { kind: 'malformed', complaint: `not HTTP: ${why}` };
  return { kind: 'unreachable', complaint: `the connection broke off: ${why}` };
}

/** The certificates of a PEM file or of DER, each as PEM, which is all that node:tls takes. */
function pemCertificates(bytes: Uint8Array): string[] {
  if (bytes[0] === 0x30) return [new X509Certificate(bytes).toString()];
  const blocks = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
  const found = Buffer.from(bytes).toString('latin1').match(blocks) ?? [];
  if (found.length === 0) throw new TypeError('a root is neither PEM nor DER of a certificate');
  return found.map((block) => new X509Certificate(block).toString());
}
