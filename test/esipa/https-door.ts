/** ESipa over HTTPS on a socket of this machine, above an eIM in memory; and a client that says what a test has it say. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { concat, fromUtf8, utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Drops, type LogLine, makeLog } from '../../src/base/log.ts';
import { EsipaHttps, type HttpCaller, httpRefusal } from '../../src/esipa/https.ts';
import {
  type HttpsAnswer,
  type HttpsPeer,
  HttpsServer,
  type HttpsServerOptions,
  type TlsOptions,
} from '../../src/https-server.ts';
import type { Rig } from '../procedures/rig.ts';

export interface Door {
  readonly server: HttpsServer;
  readonly port: number;
  readonly drops: Drops;
  readonly lines: LogLine[];
  /** Who asked, for each request that was let pass. */
  readonly callers: HttpCaller[];
}

export interface DoorOptions {
  readonly tls?: Partial<TlsOptions> & Pick<TlsOptions, 'identities'>;
  readonly limits?: Partial<HttpsServerOptions['limits']>;
  readonly times?: Partial<HttpsServerOptions['times']>;
  /** Awaited before each request is answered. */
  readonly before?: () => Promise<void>;
  /** What every request is answered, in place of what ESipa has it answered. */
  readonly answer?: HttpsAnswer;
}

/** Plain HTTP where there is no `tls`; ends with the test. */
export async function openDoor(
  test: TestContext,
  rig: Rig,
  { tls, limits, times, before, answer }: DoorOptions = {},
): Promise<Door> {
  const drops = new Drops();
  const lines: LogLine[] = [];
  const callers: HttpCaller[] = [];
  const esipa = new EsipaHttps({ eim: rig.eim, reportKept: 600_000 });
  const server = await HttpsServer.listen({
    host: '127.0.0.1',
    port: 0,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            clientAuthentication: 'none',
            check: (offer) => rig.eim.devices.checkClient(offer),
            ...tls,
          },
        }),
    limits: {
      body: 20_000,
      headers: 4096,
      connections: 100,
      connectionsPerAddress: 100,
      handshakesPerAddress: 100,
      requestsPerConnection: 100,
      ...limits,
    },
    times: { request: 10_000, idle: 10_000, silence: 20_000, grace: 5000, ...times },
    handler: {
      refusal: (head) => esipa.refusal(head),
      async answer(head, body, peer) {
        const from = callerOf(peer);
        callers.push(from);
        await before?.();
        return answer ?? esipa.answer(head, body, from);
      },
      refused: httpRefusal,
    },
    clock: systemClock,
    log: makeLog('https', (line) => lines.push(line), drops),
  });
  test.after(() => server.close());
  return { server, port: server.address.port, drops, lines, callers };
}

function callerOf({ id: peerId, address, identity }: HttpsPeer): HttpCaller {
  return identity === undefined
    ? { caller: { peerId }, owner: `address ${address}` }
    : { caller: { peerId, identity }, owner: `${identity.kind} ${identity.name}` };
}

export interface Heard {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export const asn1Headers = {
  'Content-Type': 'application/x-gsma-rsp-asn1',
  'X-Admin-Protocol': 'gsma/rsp/v2.1.0',
};
export const jsonHeaders = {
  'Content-Type': 'application/json;charset=UTF-8',
  'X-Admin-Protocol': 'gsma/rsp/v2.1.0',
};

/** A request as it goes over the wire. */
export function request(
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array | string = new Uint8Array(),
  method = 'POST',
): Uint8Array {
  const octets = typeof body === 'string' ? utf8(body) : body;
  const lines = Object.entries({
    Host: 'eim',
    'Content-Length': String(octets.length),
    ...headers,
  });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return concat(utf8(`${method} ${path} HTTP/1.1\r\n${head}\r\n`), octets);
}

/** One connection, and what comes back on it. */
export class Line {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #heard: Uint8Array = new Uint8Array();
  #more: () => void = () => {};
  #over = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (part: Uint8Array) => {
      this.#heard = concat(this.#heard, part);
      this.#more();
    });
    socket.on('error', () => {}); // a connection that the server ends
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.#over = true;
        this.#more();
        resolve();
      }),
    );
  }

  static async open({ port }: Pick<Door, 'port'>, tls?: ConnectionOptions): Promise<Line> {
    if (tls === undefined) {
      const socket = connect(port, '127.0.0.1');
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      });
      return new Line(socket);
    }
    const socket = connectTls({ port, host: '127.0.0.1', ...tls });
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    return new Line(socket);
  }

  get tls(): TLSSocket {
    assert.ok('getCipher' in this.socket);
    return this.socket as TLSSocket;
  }

  say(octets: Uint8Array | string): void {
    this.socket.write(octets);
  }

  /** The next answer; undefined where the connection ends without one. */
  async hear(): Promise<Heard | undefined> {
    for (;;) {
      const answer = this.#take();
      if (answer !== undefined || this.#over) return answer;
      await new Promise<void>((resolve) => {
        this.#more = resolve;
      });
    }
  }

  async ask(octets: Uint8Array | string): Promise<Heard | undefined> {
    this.say(octets);
    return this.hear();
  }

  end(): void {
    this.socket.destroy();
  }

  #take(): Heard | undefined {
    const at = Buffer.from(this.#heard).indexOf('\r\n\r\n');
    if (at < 0) return undefined;
    const [first = '', ...lines] = fromUtf8(this.#heard.subarray(0, at)).split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => {
        const [name = '', ...value] = line.split(': ');
        return [name.toLowerCase(), value.join(': ')];
      }),
    );
    const end = at + 4 + Number(headers['content-length'] ?? 0);
    if (this.#heard.length < end) return undefined;
    const body = this.#heard.slice(at + 4, end);
    this.#heard = this.#heard.slice(end);
    return { status: Number(first.split(' ')[1]), headers, body };
  }
}
