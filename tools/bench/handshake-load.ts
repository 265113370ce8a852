/** Clients that do nothing but shake hands: each connects, leaves and connects again, from a port of its own. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { DtlsClient } from '../../src/dtls/client.ts';
import { built } from './built.ts';
import { type HandshakeKind, handshakeKinds } from './handshake-kinds.ts';

export interface LoadResult {
  readonly handshakes: number;
  readonly failures: number;
  /** From the first hello to the last answer. */
  readonly seconds: number;
  /** What the last failure said. */
  readonly why?: string;
}

const { DtlsClient: BuiltClient } =
  await built<typeof import('../../src/dtls/client.ts')>('dtls/client.js');

/** Of a datagram in a handshake, roughly; the length hardly counts. */
const echoOctets = 100;

/** So many failures, with no handshake between them, end a client's turn. */
const mostFailures = 2;

/** Has `clients` of them at work for so long. */
export async function load(
  kind: HandshakeKind,
  port: number,
  { clients, seconds }: { clients: number; seconds: number },
): Promise<LoadResult> {
  const started = process.hrtime.bigint();
  const elapsed = () => Number(process.hrtime.bigint() - started) / 1e9;
  let handshakes = 0;
  let failures = 0;
  let why: string | undefined;
  const one = async () => {
    const slot = await Slot.open(port);
    for (let vain = 0; elapsed() < seconds && vain < mostFailures; ) {
      try {
        await slot.shake(kind);
        handshakes++;
        vain = 0;
      } catch (error) {
        failures++;
        vain++;
        why = error instanceof Error ? error.message : String(error);
      }
    }
    slot.close();
  };
  await Promise.all(Array.from({ length: clients }, one));
  return { handshakes, failures, seconds: elapsed(), ...(why === undefined ? {} : { why }) };
}

/** Has `clients` sockets send a datagram each time the last was said back; `handshakes` counts exchanges. */
export async function loadEcho(
  port: number,
  { clients, seconds }: { clients: number; seconds: number },
): Promise<LoadResult> {
  const started = process.hrtime.bigint();
  const elapsed = () => Number(process.hrtime.bigint() - started) / 1e9;
  const datagram = new Uint8Array(echoOctets);
  let handshakes = 0;
  const one = async () => {
    const socket = createSocket('udp4');
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    await new Promise<void>((resolve) => {
      socket.on('message', () => {
        handshakes++;
        if (elapsed() < seconds) socket.send(datagram);
        else resolve();
      });
      socket.send(datagram);
    });
    socket.close();
  };
  await Promise.all(Array.from({ length: clients }, one));
  return { handshakes, failures: 0, seconds: elapsed() };
}

class Slot {
  readonly #socket: Socket;
  #client: DtlsClient | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (datagram) => this.#client?.receive(datagram));
  }

  static async open(port: number): Promise<Slot> {
    const socket = createSocket('udp4');
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.on('error', () => {}); // a server that has gone is met as silence
    return new Slot(socket);
  }

  async shake(kind: HandshakeKind): Promise<void> {
    const { suite, credential } = handshakeKinds[kind];
    const client = new BuiltClient({
      credential,
      suites: [suite],
      clock: systemClock,
      random: systemRandom,
      log: silentLog(),
      times: { handshake: 5000 },
      send: (datagram) => this.#socket.send(datagram),
      deliver: () => {},
    });
    this.#client = client;
    await client.connect();
    client.close();
  }

  close(): void {
    this.#socket.close();
  }
}
