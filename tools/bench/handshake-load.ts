/** Clients that do nothing but shake hands: each connects, leaves and connects again, from a port of its own. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { DtlsClient } from '../../src/dtls/client.ts';
import type { ClientSession } from '../../src/dtls/client-resumption.ts';
import { built } from './built.ts';
import { type HandshakeKind, handshakeKinds } from './handshake-kinds.ts';

export interface Work {
  readonly handshakes: number;
  readonly failures: number;
  /** From the first hello to the last answer. */
  readonly seconds: number;
  /** What the last failure said. */
  readonly why?: string;
}

const { DtlsClient: BuiltClient } =
  await built<typeof import('../../src/dtls/client.ts')>('dtls/client.js');

/** So many failures, with no handshake between them, end a client's turn. */
const mostFailures = 2;
/** Of a datagram in a handshake, roughly; the length hardly counts. */
const echoOctets = 100;

/** What clients do: shake hands, or send what is said back. */
export type LoadKind = HandshakeKind | 'echo';

/** Clients of one server. */
export class Load {
  readonly #sockets: readonly Socket[];
  readonly #kind: LoadKind;
  readonly #sessions = new Map<Socket, ClientSession>();

  private constructor(kind: LoadKind, sockets: readonly Socket[]) {
    this.#kind = kind;
    this.#sockets = sockets;
  }

  static async open(kind: LoadKind, port: number, clients: number): Promise<Load> {
    const open = async () => {
      const socket = createSocket('udp4');
      socket.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.on('error', () => {}); // a server that is not there is met as silence
      return socket;
    };
    return new Load(kind, await Promise.all(Array.from({ length: clients }, open)));
  }

  /** Has all of them at work for so long. */
  async work(seconds: number): Promise<Work> {
    const started = process.hrtime.bigint();
    const elapsed = () => Number(process.hrtime.bigint() - started) / 1e9;
    let handshakes = 0;
    let failures = 0;
    let why: string | undefined;
    const one = async (socket: Socket) => {
      for (let vain = 0; elapsed() < seconds && vain < mostFailures; ) {
        try {
          if (this.#kind === 'echo') await echo(socket);
          else await this.#shake(socket, this.#kind);
          handshakes++;
          vain = 0;
        } catch (error) {
          failures++;
          vain++;
          why = error instanceof Error ? error.message : String(error);
        }
      }
    };
    await Promise.all(this.#sockets.map(one));
    return { handshakes, failures, seconds: elapsed(), ...(why === undefined ? {} : { why }) };
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  async #shake(socket: Socket, kind: HandshakeKind): Promise<void> {
    const { suite, credential, resumed } = handshakeKinds[kind];
    const session = resumed ? this.#sessions.get(socket) : undefined;
    const client: DtlsClient = new BuiltClient({
      credential,
      suites: [suite],
      clock: systemClock,
      random: systemRandom,
      log: silentLog(),
      times: { handshake: 5000 },
      ...(session === undefined ? {} : { resume: session }),
      send: (datagram) => socket.send(datagram),
      deliver: () => {},
    });
    const listener = (datagram: Uint8Array) => client.receive(datagram);
    socket.on('message', listener);
    try {
      await client.connect();
    } finally {
      client.close();
      socket.off('message', listener);
    }
    if (session !== undefined && !client.resumed) {
      throw new Error('the server did not resume the session');
    }
    if (resumed && client.session === undefined) throw new Error('the server gave no session');
    if (client.session !== undefined) this.#sessions.set(socket, client.session);
  }
}

async function echo(socket: Socket): Promise<void> {
  socket.send(new Uint8Array(echoOctets));
  await once(socket, 'message');
}
