/**
 * The devices' TCP socket: connections, TLS, HTTP requests with their bodies, each within limits. It knows who a peer is
 * and nothing of ESipa: `handle` does.
 *
 * Requests of one connection are handled one after the other, in their order (RFC 9112 9.3.2). Whatever a peer sends, or
 * leaves out, ends its own connection at most.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { concat } from './base/bytes.ts';
import type { Clock } from './base/clock.ts';
import { listenFailure } from './base/listen-failure.ts';
import type { Log } from './base/log.ts';
import { addressGroup } from './dtls/ip.ts';
import { namedGroups } from './dtls/named-groups.ts';
import { WorkBudget } from './dtls/work-budget.ts';
import type { PeerIdentity } from './fleet/device.ts';
import type { ClientOffer, ClientVerdict } from './fleet/offers.ts';
import { contextOf, serverNameMatches } from './https-context.ts';
import type { ServerIdentity } from './identity.ts';

/** Who sends requests over one connection. */
export interface HttpsPeer {
  /** Of the connection. */
  readonly id: string;
  /** IP address. */
  readonly address: string;
  /** Who it proved to be by its certificate. */
  readonly identity?: PeerIdentity;
}

export interface HttpsHead {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly contentType: string | undefined;
  readonly adminProtocol: string | undefined;
}

export interface HttpsAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** What answers requests. */
export interface HttpsHandler {
  /** What a request is answered without a look at its body; undefined: the body is to be read. */
  refusal(head: HttpsHead): HttpsAnswer | undefined;
  answer(head: HttpsHead, body: Uint8Array, peer: HttpsPeer): Promise<HttpsAnswer>;
  /** What the door itself refuses: 403, 413. */
  refused(head: HttpsHead, status: number, reason: string): HttpsAnswer;
}

export interface HttpsLimits {
  /** Octets. */
  readonly body: number;
  readonly headers: number;
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** TLS handshakes a second of one IPv4 address or IPv6 /64; five times as many may come at once. */
  readonly handshakesPerAddress: number;
  readonly requestsPerConnection: number;
}

/** Milliseconds. */
export interface HttpsTimes {
  /** A TLS handshake; a request from its first octet to its last. */
  readonly request: number;
  /** Without a request. */
  readonly idle: number;
  /** Without a single octet either way while an answer is due or on its way: longer than any answer takes. */
  readonly silence: number;
  /** What is under way may take so long once the server closes. */
  readonly grace: number;
}

export interface TlsOptions {
  /** The first is for server names that no other is for. */
  readonly identities: readonly ServerIdentity[];
  readonly clientAuthentication: 'none' | 'optional' | 'required';
  /** Whose certificate this is, whose key the peer has proved to have. */
  check(offer: ClientOffer): ClientVerdict;
}

export interface HttpsServerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Absent: plain HTTP. */
  readonly tls?: TlsOptions;
  readonly limits: HttpsLimits;
  readonly times: HttpsTimes;
  readonly handler: HttpsHandler;
  readonly clock: Clock;
  readonly log: Log;
}

/** Nothing can be listened for at this host and port; the message says why and what to do. */
export class HttpsServerError extends Error {
  override readonly name = 'HttpsServerError';
}

/** Requests of one connection that wait for the one before: more are no device's. */
const mostPipelined = 8;
/** How often Node looks for requests that take too long, in milliseconds. */
const lookEvery = 1000;

interface Connection {
  readonly peer: HttpsPeer;
  readonly socket: Socket;
  /** Why the certificate that it showed, or did not show, lets it do nothing. */
  readonly refused?: string;
  /** The requests so far, one after the other. */
  turn: Promise<void>;
  /** Requests that are not answered yet. */
  due: number;
}

export class HttpsServer {
  readonly #options: HttpsServerOptions;
  readonly #server: Server | ReturnType<typeof createHttpServer>;
  readonly #connections = new Map<Socket, Connection>();
  /** TCP connections by where they come from; those whose TLS handshake is under way with the others. */
  readonly #places = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  /** Those whose TLS handshake is under way, by their address and port. */
  readonly #shaking = new Map<string, Socket>();
  readonly #work: WorkBudget;
  /** How many requests were answered with each status. */
  readonly #answered = new Map<number, number>();
  #names: readonly { readonly names: readonly string[]; readonly context: SecureContext }[] = [];
  #count = 0;
  #closing = false;

  private constructor(options: HttpsServerOptions) {
    this.#options = options;
    const { limits, times, tls, clock } = options;
    this.#work = new WorkBudget({ clock, perSecond: limits.handshakesPerAddress });
    const http = {
      maxHeaderSize: limits.headers,
      headersTimeout: times.request,
      requestTimeout: times.request,
      keepAliveTimeout: times.idle,
      connectionsCheckingInterval: Math.min(lookEvery, times.request),
    };
    const onRequest = (request: IncomingMessage, response: ServerResponse) =>
      this.#queue(request, response);
    if (tls === undefined) {
      this.#server = createHttpServer(http, onRequest);
      this.#server.on('connection', (socket: Socket) => {
        if (this.#enter(socket)) this.#add(socket, {});
      });
    } else {
      const [own] = tls.identities;
      if (own === undefined) throw new HttpsServerError('HTTPS needs a certificate');
      const asks = tls.clientAuthentication !== 'none';
      const server = createHttpsServer(
        {
          ...http,
          ...contextOf(own, asks),
          handshakeTimeout: times.request,
          requestCert: asks,
          // What a certificate is worth is looked up among the devices, not among CAs.
          rejectUnauthorized: false,
          SNICallback: (name, done) => done(null, this.#contextFor(name)),
        },
        onRequest,
      );
      this.#server = server;
      this.#names = named(tls.identities, asks);
      server.on('connection', (socket: Socket) => this.#enter(socket));
      server.on('secureConnection', (socket) => this.#add(socket, this.#verdict(socket, tls)));
      server.on('tlsClientError', (error, socket) => {
        options.log.drop('TLS handshake failed', { why: error.message });
        socket.destroy();
      });
    }
    const server = this.#server;
    server.maxConnections = limits.connections;
    server.maxRequestsPerSocket = limits.requestsPerConnection;
    server.maxHeadersCount = 100;
    server.timeout = times.silence;
    // Node takes for idle who has yet to read the end of an answer, and would cut that off.
    server.closeIdleConnections = () => {};
    server.on('drop', () => options.log.drop('too many connections'));
    server.on('checkContinue', onRequest);
    server.on('checkExpectation', onRequest);
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      options.log.drop('no HTTP request', { why: error.code ?? error.message });
      refuseSocket(error, socket);
    });
  }

  /** Listens. Throws HttpsServerError. */
  static async listen(options: HttpsServerOptions): Promise<HttpsServer> {
    const server = new HttpsServer(options);
    await server.#listen();
    return server;
  }

  /** Where it listens, the port as bound. */
  get address(): { readonly host: string; readonly port: number } {
    const bound = this.#server.address();
    const { host, port } = this.#options;
    return typeof bound === 'object' && bound !== null
      ? { host: bound.address, port: bound.port }
      : { host, port };
  }

  /** Connections, and requests answered so far by status. */
  get holds(): { readonly connections: number; readonly answered: ReadonlyMap<number, number> } {
    return { connections: this.#sockets.size, answered: this.#answered };
  }

  /**
   * Shows other certificates from the next handshake on; connections stay. Throws what node:tls throws for a key or
   * certificate that it does not take, and then shows those of before.
   */
  setSecureContext(identities: readonly ServerIdentity[]): void {
    const { tls } = this.#options;
    const [own] = identities;
    if (tls === undefined || own === undefined || !('setSecureContext' in this.#server)) return;
    const asks = tls.clientAuthentication !== 'none';
    const names = named(identities, asks);
    this.#server.setSecureContext(contextOf(own, asks));
    this.#names = names;
  }

  /** Ends the connections of those that match, at once; gives how many. */
  end(match: (identity: PeerIdentity) => boolean): number {
    let ended = 0;
    for (const { peer, socket } of this.#connections.values()) {
      if (peer.identity === undefined || !match(peer.identity)) continue;
      socket.destroy();
      ended++;
    }
    return ended;
  }

  /** Takes no more connections and no more requests; answers what is under way, for `grace` at most. */
  async close(): Promise<void> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#shaking.values()) socket.destroy();
    for (const { due, socket } of this.#connections.values()) if (due === 0) leave(socket);
    const { clock, times } = this.#options;
    const cancel = clock.after(times.grace, () => {
      for (const socket of this.#sockets) socket.destroy();
    });
    await closed;
    cancel();
  }

  #listen(): Promise<void> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => {
        const where = { protocol: 'TCP', host, port } as const;
        const complaint = listenFailure(where, error.code, 'https');
        reject(new HttpsServerError(complaint, { cause: error }));
      };
      this.#server.once('error', failed);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', failed);
        this.#server.on('error', (error) => {
          this.#options.log.error('the HTTPS server failed', { why: error.message });
        });
        resolve();
      });
    });
  }

  /** Counts a TCP connection; false where its address has too many already. */
  #enter(socket: Socket): boolean {
    const { limits, log, tls } = this.#options;
    const address = socket.remoteAddress ?? '';
    const place = addressGroup(address);
    const others = this.#places.get(place) ?? 0;
    if (others >= limits.connectionsPerAddress || this.#closing) {
      log.drop('too many connections from one address', { place });
      socket.destroy();
      return false;
    }
    if (tls !== undefined && !this.#work.take(address, namedGroups.secp256r1)) {
      log.drop('too many handshakes from one address', { place });
      socket.destroy();
      return false;
    }
    this.#places.set(place, others + 1);
    this.#sockets.add(socket);
    const end = endOf(socket);
    this.#shaking.set(end, socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#shaking.get(end) === socket) this.#shaking.delete(end);
      const left = (this.#places.get(place) ?? 1) - 1;
      if (left > 0) this.#places.set(place, left);
      else this.#places.delete(place);
    });
    return true;
  }

  #add(socket: Socket, verdict: Pick<Connection, 'refused'> & Pick<HttpsPeer, 'identity'>): void {
    const { identity, refused } = verdict;
    const peer: HttpsPeer = {
      id: `https ${++this.#count}`,
      address: socket.remoteAddress ?? '',
      ...(identity === undefined ? {} : { identity }),
    };
    this.#shaking.delete(endOf(socket));
    this.#connections.set(socket, {
      peer,
      socket,
      ...(refused === undefined ? {} : { refused }),
      turn: Promise.resolve(),
      due: 0,
    });
    socket.once('close', () => this.#connections.delete(socket));
    // What goes wrong with it ends it, which is heard of elsewhere.
    socket.on('error', () => {});
  }

  #verdict(
    socket: TLSSocket,
    { clientAuthentication, check }: TlsOptions,
  ): Pick<Connection, 'refused'> & Pick<HttpsPeer, 'identity'> {
    if (clientAuthentication === 'none') return {};
    const chain = chainOf(socket);
    if (chain.length === 0) {
      return clientAuthentication === 'optional' ? {} : { refused: 'a certificate is needed' };
    }
    const verdict = check({ type: 'certificate', chain });
    return 'identity' in verdict ? { identity: verdict.identity } : { refused: verdict.why };
  }

  #contextFor(name: string): SecureContext | undefined {
    return this.#names.find(({ names }) => names.some((one) => serverNameMatches(one, name)))
      ?.context;
  }

  #queue(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket);
    request.on('error', () => {});
    response.on('error', () => {});
    if (connection === undefined || connection.due >= mostPipelined) {
      this.#options.log.drop('too many requests at a time');
      request.socket.destroy();
      return;
    }
    connection.due++;
    connection.turn = connection.turn.then(async () => {
      try {
        await this.#serve(connection, request, response);
      } catch (error) {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.#options.log.error('request failed', { error: text });
        request.socket.destroy();
      } finally {
        connection.due--;
        // An answer that was on its way as the close began did not say that it was the last.
        if (this.#closing && connection.due === 0) leave(connection.socket);
      }
    });
  }

  async #serve(
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { handler, limits, log } = this.#options;
    const head = headOf(request);
    if (connection.refused !== undefined) {
      log.drop('certificate refused', {
        why: connection.refused,
        address: connection.peer.address,
      });
      return this.#refuse(
        request,
        response,
        handler.refused(head, 403, 'this certificate opens nothing'),
      );
    }
    const refusal = handler.refusal(head);
    if (refusal !== undefined) {
      log.drop('request refused', { status: refusal.status });
      return this.#refuse(request, response, refusal);
    }
    if (Number(request.headers['content-length'] ?? 0) > limits.body) {
      return this.#tooLarge(head, request, response);
    }
    if (/^100-continue$/i.test(request.headers.expect ?? '')) response.writeContinue();
    const body = await bodyOf(request, limits.body);
    if (body === 'too large') return this.#tooLarge(head, request, response);
    if (body === 'cut off') return log.drop('request cut off');
    const answer = await handler.answer(head, body, connection.peer);
    await this.#send(response, answer, this.#closing);
  }

  #tooLarge(head: HttpsHead, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { handler, limits, log } = this.#options;
    log.drop('request too large');
    const answer = handler.refused(head, 413, `a request has at most ${limits.body} octets`);
    return this.#refuse(request, response, answer);
  }

  /** A body that was not read is read off where it is short; else the connection ends with the answer. */
  async #refuse(
    request: IncomingMessage,
    response: ServerResponse,
    answer: HttpsAnswer,
  ): Promise<void> {
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
    const short = coding === undefined && Number(length ?? 0) <= this.#options.limits.body;
    const stays = short && answer.status !== 403 && !request.headers.expect;
    if (stays) request.resume();
    await this.#send(response, answer, !stays || this.#closing);
  }

  /** Resolves once the answer is with the system, or the connection is gone. */
  #send(
    response: ServerResponse,
    { status, headers, body }: HttpsAnswer,
    last: boolean,
  ): Promise<void> {
    this.#answered.set(status, (this.#answered.get(status) ?? 0) + 1);
    return new Promise((resolve) => {
      response.once('close', resolve);
      if (response.destroyed || response.socket === null) return resolve();
      if (last) response.setHeader('Connection', 'close');
      const length = status === 204 ? {} : { 'Content-Length': body.length };
      response.writeHead(status, { ...headers, ...length });
      response.end(body, () => resolve());
    });
  }
}

function named(identities: readonly ServerIdentity[], asks: boolean) {
  return identities.flatMap((identity) =>
    identity.serverNames === undefined
      ? []
      : [{ names: identity.serverNames, context: createSecureContext(contextOf(identity, asks)) }],
  );
}

/** The peer's end of a connection. */
function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function headOf({ method = '', url = '', headers }: IncomingMessage): HttpsHead {
  const [path = ''] = url.split('?');
  const { 'content-type': contentType, 'x-admin-protocol': adminProtocol } = headers;
  return {
    method,
    path,
    contentType,
    adminProtocol: Array.isArray(adminProtocol) ? adminProtocol.join(', ') : adminProtocol,
  };
}

function bodyOf(
  request: IncomingMessage,
  limit: number,
): Promise<Uint8Array | 'too large' | 'cut off'> {
  return new Promise((resolve) => {
    const parts: Uint8Array[] = [];
    let length = 0;
    request.on('data', (part: Uint8Array) => {
      length += part.length;
      if (length <= limit) parts.push(part);
      else {
        resolve('too large');
        request.pause();
      }
    });
    if (request.destroyed) resolve('cut off');
    request.once('end', () => resolve(concat(...parts)));
    request.once('close', () => resolve('cut off'));
  });
}

/** The certificates that a peer has shown, its own first. */
function chainOf(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate = socket.getPeerCertificate(true);
  while (chain.length < longestChain && certificate?.raw !== undefined) {
    chain.push(new Uint8Array(certificate.raw));
    if (certificate.issuerCertificate === certificate) break;
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

const longestChain = 6;

/** Says goodbye: with TLS, by close_notify. */
function leave(socket: Socket): void {
  socket.end();
  socket.destroySoon();
}

/** What is no request is answered before the connection ends, where that can be. */
function refuseSocket(
  { code }: NodeJS.ErrnoException,
  socket: { readonly writable: boolean; end(text?: string): unknown; destroy(): unknown },
): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
