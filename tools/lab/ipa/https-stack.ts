/**
 * The device's connection over HTTPS (SGP.32 6.1.1, 6.4.1), kept over requests: an HTTP client as small as a device's,
 * above node:tls. It believes what its eUICC was told of the eIM.
 */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import type { Address } from '../../../src/base/address.ts';
import { concat, fromUtf8, utf8 } from '../../../src/base/bytes.ts';
import { startTcpRelay, type TcpRelay } from '../link/tcp-relay.ts';
import { answerOfJson, jsonOfMessage } from './https-json.ts';
import { type Stack, StackError } from './stack.ts';
import type { WireCount } from './steps.ts';

/** How messages are dressed. */
export type Binding = 'coaps' | HttpsBinding;
export type HttpsBinding = 'https-asn1' | 'https-json';

export interface HttpsStackOptions {
  readonly eim: Address;
  readonly binding: HttpsBinding;
  /** Throws where the eIM's chain, DER, its own certificate first, is not to be believed. */
  trust(chain: readonly Uint8Array[]): void;
}

const common = 'X-Admin-Protocol: gsma/rsp/v2.1.0\r\nUser-Agent: gsma-rsp-ipad\r\n';

/** Connects. Rejects where there is no handshake, or the eIM is another. */
export async function openHttpsStack(options: HttpsStackOptions): Promise<HttpsStack> {
  const stack = new HttpsStack(options, await startTcpRelay(options.eim));
  try {
    await stack.connect();
  } catch (error) {
    await stack.close();
    throw error;
  }
  return stack;
}

export class HttpsStack implements Stack {
  readonly #options: HttpsStackOptions;
  readonly #relay: TcpRelay;
  #socket: TLSSocket | undefined;
  #heard: Uint8Array = new Uint8Array();
  /** Told that more was heard, or will never be. */
  #wake: () => void = () => {};
  /** Those that the device waited for; TCP's own handshake is one. */
  #roundTrips = 0;

  constructor(options: HttpsStackOptions, relay: TcpRelay) {
    this.#options = options;
    this.#relay = relay;
  }

  get counts(): WireCount {
    return { ...this.#relay.counts, roundTrips: this.#roundTrips };
  }

  async connect(): Promise<TLSSocket> {
    const { port, address: host } = this.#relay.address;
    this.#roundTrips++;
    // Whom to believe is for `trust` to say.
    const socket = connect({
      port,
      host,
      servername: 'eim.example.com',
      rejectUnauthorized: false,
    });
    socket.on('error', () => {}); // heard of by its close
    const sessions = once(socket, 'session');
    sessions.catch(() => {});
    await this.#waiting(async () => {
      await Promise.race([once(socket, 'secureConnect'), closed(socket)]);
    });
    if (socket.destroyed) throw new StackError('no TLS connection');
    try {
      this.#options.trust(chainOf(socket));
    } catch (error) {
      socket.destroy();
      throw error;
    }
    this.#heard = new Uint8Array();
    socket.on('data', (part: Uint8Array) => {
      this.#heard = concat(this.#heard, part);
      this.#wake();
    });
    socket.once('close', () => this.#wake());
    // TLS 1.3's tickets follow; nobody waits for them, but they are of the handshake.
    await Promise.race([sessions, new Promise((resolve) => setTimeout(resolve, 200))]);
    // Node tells of a ticket in the middle of a read: what is written before that is over stays where it is.
    await new Promise((resolve) => setImmediate(resolve));
    this.#socket = socket;
    return socket;
  }

  async exchange(message: Uint8Array): Promise<Uint8Array> {
    if (this.#options.binding === 'https-asn1') {
      const type = 'application/x-gsma-rsp-asn1';
      return this.#post('/gsma/rsp2/asn1', type, message);
    }
    const { function: name, body } = jsonOfMessage(message);
    const path = `/gsma/rsp2/esipa/${name}`;
    const type = 'application/json;charset=UTF-8';
    const answer = await this.#post(path, type, utf8(JSON.stringify(body)));
    return answer.length === 0 ? answer : answerOfJson(name, JSON.parse(fromUtf8(answer)));
  }

  async close(): Promise<void> {
    this.#socket?.end();
    this.#socket?.destroy();
    await this.#relay.close();
  }

  async #post(path: string, type: string, body: Uint8Array): Promise<Uint8Array> {
    const old = this.#socket;
    const socket = old === undefined || old.destroyed ? await this.connect() : old;
    const head = `POST ${path} HTTP/1.1\r\nHost: eim.example.com\r\n${common}Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
    return this.#waiting(async () => {
      socket.write(concat(utf8(head), body));
      const { status, body: answer } = await this.#answer(socket);
      if (status === 204) return new Uint8Array();
      if (status === 200) return answer;
      throw new StackError(`the eIM answers ${status} ${Buffer.from(answer).toString('utf8')}`);
    });
  }

  async #answer(socket: TLSSocket): Promise<{ status: number; body: Uint8Array }> {
    for (;;) {
      const end = Buffer.from(this.#heard).indexOf('\r\n\r\n');
      const head = end < 0 ? '' : Buffer.from(this.#heard.subarray(0, end)).toString('latin1');
      const length = Number(/\r\ncontent-length: *([0-9]+)/i.exec(head)?.[1] ?? 0);
      const whole = end + 4 + length;
      if (end >= 0 && this.#heard.length >= whole) {
        const body = this.#heard.slice(end + 4, whole);
        this.#heard = this.#heard.slice(whole);
        return { status: Number(head.split(' ')[1]), body };
      }
      if (socket.destroyed) throw new StackError('the connection ended before its answer');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async #waiting<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#relay.counts.roundTrips;
    try {
      return await work();
    } finally {
      this.#roundTrips += this.#relay.counts.roundTrips - before;
    }
  }
}

function closed(socket: TLSSocket): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** DER, the eIM's own first. */
function chainOf(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  for (let one = socket.getPeerCertificate(true); one?.raw !== undefined && chain.length < 8; ) {
    chain.push(new Uint8Array(one.raw));
    if (one.issuerCertificate === one) break;
    one = one.issuerCertificate;
  }
  return chain;
}
