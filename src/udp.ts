/** The one UDP socket: datagrams in with their address, datagrams out. */
import { createSocket, type Socket } from 'node:dgram';
import type { Address } from './base/address.ts';
import { listenFailure } from './base/listen-failure.ts';
import type { Log } from './base/log.ts';
import { addressOctets } from './dtls/ip.ts';

export interface UdpSocket {
  /** Where it listens; the port is the one the system gave where 0 was asked for. */
  readonly address: Address;
  /** Sends one datagram; where the network refuses it, or the socket is closed, it counts as lost. */
  send(datagram: Uint8Array, to: Address): void;
  /** Nothing is received from here on; resolves once the port is free. A second call does nothing. */
  close(): Promise<void>;
}

export interface UdpOptions {
  readonly host: string;
  /** 0 asks the system for a free one. */
  readonly port: number;
  readonly log: Log;
  /** Octets of the socket's receive buffer; the system may give less (net.core.rmem_max). */
  readonly receiveBuffer?: number;
  receive(datagram: Uint8Array, from: Address): void;
}

/** The port is taken, or the address is not ours; the message says which and what to do. */
export class UdpError extends Error {
  override readonly name = 'UdpError';
}

export async function listenUdp(options: UdpOptions): Promise<UdpSocket> {
  const { log } = options;
  const type = options.host.includes(':') ? 'udp6' : 'udp4';
  const isName = addressOctets(options.host) === undefined;
  const socket = createSocket(isName ? { type } : { type, lookup: asItIs });
  await bound(socket, options);
  if (options.receiveBuffer !== undefined) {
    try {
      socket.setRecvBufferSize(options.receiveBuffer);
    } catch (error) {
      log.warn('receive buffer not set', { wanted: options.receiveBuffer, why: String(error) });
    }
  }
  socket.on('error', (error) => log.warn('socket error', { why: error.message }));
  socket.on('message', (datagram, from) => {
    if (from.port === 0) return log.drop('source port 0');
    // A Uint8Array proper: the slices of a Buffer share its memory.
    const octets = new Uint8Array(datagram.buffer, datagram.byteOffset, datagram.byteLength);
    options.receive(octets, { address: from.address, port: from.port });
  });
  const { address, port } = socket.address();
  const sent = (error: Error | null) => {
    if (error) log.drop('send refused', { why: error.message });
  };
  let closed: Promise<void> | undefined;
  return {
    address: { address, port },
    send(datagram, to) {
      if (closed !== undefined) return log.drop('send after close');
      socket.send(datagram, to.port, to.address, sent);
    },
    close() {
      closed ??= new Promise((resolve) => socket.close(() => resolve()));
      return closed;
    },
  };
}

/**
 * Node looks up where each datagram goes, an IP address too, and sends a turn of the event loop later. Peers are at IP
 * addresses; where we listen at one too, nothing is left to look up.
 */
function asItIs(
  host: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, host, host.includes(':') ? 6 : 4);
}

function bound(socket: Socket, { host, port }: UdpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      reject(new UdpError(listenFailure({ protocol: 'UDP', host, port }, error.code, 'coaps')));
    };
    socket.once('error', failed);
    socket.bind(port, host, () => {
      socket.off('error', failed);
      resolve();
    });
  });
}
