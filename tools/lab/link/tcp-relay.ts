/** A way to the eIM over TCP, on which what passes is counted: what TCP carries, without what it adds itself. */
import { connect, createServer, type Socket } from 'node:net';
import type { Address } from '../../../src/base/address.ts';
import type { WireCount } from '../ipa/steps.ts';

export interface TcpRelay {
  /** Where the device connects. */
  readonly address: Address;
  readonly counts: Readonly<WireCount>;
  close(): Promise<void>;
}

/** Octets in one segment: an Ethernet's 1500 without the headers of IPv4 and TCP, and room for options. */
const segment = 1400;

/** Relays to the server. `datagrams` are segments: as many as what goes one way at a time takes. */
export async function startTcpRelay(server: Address): Promise<TcpRelay> {
  const counts = { datagramsUp: 0, datagramsDown: 0, bytesUp: 0, bytesDown: 0, roundTrips: 0 };
  /** What goes one way until something comes the other. */
  const run = { up: false, octets: 0 };
  const count = (up: boolean, octets: number): void => {
    if (up !== run.up) {
      if (run.up) counts.roundTrips++;
      run.up = up;
      run.octets = 0;
    }
    const segments = Math.ceil((run.octets + octets) / segment) - Math.ceil(run.octets / segment);
    run.octets += octets;
    if (up) {
      counts.bytesUp += octets;
      counts.datagramsUp += segments;
    } else {
      counts.bytesDown += octets;
      counts.datagramsDown += segments;
    }
  };
  const open = new Set<Socket>();
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => {}); // its end closes the other
  };
  const front = createServer((device) => {
    const eim = connect(server.port, server.address);
    for (const socket of [device, eim]) keep(socket);
    device.on('data', (part: Uint8Array) => {
      count(true, part.length);
      eim.write(part);
    });
    eim.on('data', (part: Uint8Array) => {
      count(false, part.length);
      device.write(part);
    });
    device.once('close', () => eim.destroy());
    eim.once('close', () => device.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    front.once('error', reject);
    front.listen(0, '127.0.0.1', resolve);
  });
  const bound = front.address();
  if (typeof bound !== 'object' || bound === null) throw new Error('the relay does not listen');
  return {
    address: { address: '127.0.0.1', port: bound.port },
    counts,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => front.close(() => resolve()));
    },
  };
}
