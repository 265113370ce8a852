/** The handshakes of libcoap's clients with our server, counted by a relay between the two. */
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { loadLabPki } from '../lab/pki/lab-pki.ts';
import { boundSocket, type Row, type Wire, WireServer } from './wire-server.ts';

const programs = ['coap-client-openssl', 'coap-client-gnutls'] as const;
const key = '0123456789abcdef';

/** Of the programs that are installed. */
export async function strangersHandshakes(): Promise<readonly Row[]> {
  const { certificate, key: privateKey } = loadLabPki().eimTls;
  const credentials = {
    psk: () => [new Uint8Array(Buffer.from(key))],
    certificates: [{ chain: [certificate], key: privateKey }],
  };
  const rows: Row[] = [];
  for (const program of programs) {
    if (spawnSync(program, ['-?'], { stdio: 'ignore' }).error !== undefined) continue;
    for (const [how, args] of [
      ['PSK', ['-u', 'lab-device', '-k', key]],
      ['certificate', ['-n']],
    ] as const) {
      const server = await WireServer.start({ credentials });
      rows.push({ name: `${program}, ${how}`, ...(await shakesHands(program, args, server)) });
      await server.close();
    }
  }
  return rows;
}

/** Records of data, without a connection ID and with one. */
const dataTypes: readonly (number | undefined)[] = [23, 25];

async function shakesHands(
  program: string,
  args: readonly string[],
  server: WireServer,
): Promise<Wire> {
  const [front, back] = [await boundSocket(), createSocket('udp4')];
  const wire: Wire = {
    datagramsUp: 0,
    datagramsDown: 0,
    octetsUp: 0,
    octetsDown: 0,
    roundTrips: 0,
  };
  let client = 0;
  let waits = false;
  const done = new Promise<void>((resolve) => {
    front.on('message', (datagram, { port }) => {
      if (dataTypes.includes(datagram[0])) {
        resolve(); // its handshake is done, and it goes on
        return;
      }
      client = port;
      waits = true;
      wire.datagramsUp++;
      wire.octetsUp += datagram.length;
      back.send(datagram, server.port, '127.0.0.1');
    });
  });
  back.on('message', (datagram) => {
    wire.datagramsDown++;
    wire.octetsDown += datagram.length;
    if (waits) wire.roundTrips++;
    waits = false;
    front.send(datagram, client, '127.0.0.1');
  });
  const url = `coaps://127.0.0.1:${front.address().port}/`;
  const child = spawn(program, ['-m', 'get', '-B', '30', ...args, url], { stdio: 'ignore' });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${program} did not connect`);
  });
  try {
    await Promise.race([done, ended]);
  } finally {
    ended.catch(() => {});
    child.kill('SIGKILL');
    front.close();
    back.close();
  }
  return wire;
}
