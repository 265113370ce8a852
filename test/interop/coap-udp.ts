/** A CoapServer on plain UDP (a peer is an address), for clients that we did not write. */
import { createHash } from 'node:crypto';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { addressText } from '../../src/base/address.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Drops, silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { CoapError } from '../../src/coap/codes.ts';
import type { CoapLimits, CoapParameters } from '../../src/coap/parameters.ts';
import type { CoapPeer, CoapRequest, CoapResponse } from '../../src/coap/request.ts';
import { CoapServer } from '../../src/coap/server.ts';
import { bodyOf } from '../coap/conversation.ts';

/** What POST big answers. */
export const big = bodyOf(60_000);

export interface UdpServer {
  readonly port: number;
  readonly requests: readonly CoapRequest[];
  /** Every message that came. */
  readonly messages: readonly Uint8Array[];
  readonly drops: Drops;
  close(): Promise<void>;
}

export interface UdpServerOptions {
  readonly parameters?: Partial<CoapParameters>;
  readonly limits?: Partial<CoapLimits>;
  /** Whether the n-th message (from 0) that the server sends is lost. */
  readonly loses?: (n: number) => boolean;
}

/**
 * Serves GET hello, late (after 200 ms) and file; POST post (answers what came: octets and SHA-256), big and some.
 */
export async function serveUdp(options: UdpServerOptions = {}): Promise<UdpServer> {
  const socket = createSocket('udp4');
  const requests: CoapRequest[] = [];
  const messages: Uint8Array[] = [];
  const drops = new Drops();
  const peers = new Map<string, CoapPeer>();
  let sent = 0;
  const server = new CoapServer<CoapPeer>({
    handle: (request) => {
      requests.push(request);
      return handle(request);
    },
    clock: systemClock,
    random: systemRandom,
    log: silentLog(drops, 'coap'),
    ...(options.parameters === undefined ? {} : { parameters: options.parameters }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  const peerOf = ({ address, port }: RemoteInfo): CoapPeer => {
    const id = addressText({ address, port });
    const known = peers.get(id);
    if (known !== undefined) return known;
    const peer: CoapPeer = {
      id,
      send: (message) => {
        if (options.loses?.(sent++)) return;
        socket.send(message, port, address);
      },
    };
    peers.set(id, peer);
    return peer;
  };
  socket.on('message', (message, from) => {
    messages.push(new Uint8Array(message));
    server.receive(peerOf(from), message);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    requests,
    messages,
    drops,
    close: async () => {
      server.close();
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** What POST post answers to a body. */
export function receipt(body: Uint8Array): string {
  return `${body.length} ${createHash('sha256').update(body).digest('hex')}`;
}

async function handle({ method, path, body }: CoapRequest): Promise<CoapResponse> {
  const [name] = path;
  if (name === 'late') {
    await new Promise((resolve) => setTimeout(resolve, 200));
    return { code: '2.05', body: utf8('late') };
  }
  if (name === 'hello') return { code: '2.05', contentFormat: 0, body: utf8('hello') };
  if (name === 'file' && method === 'GET') return { code: '2.05', contentFormat: 42, body: big };
  if (method !== 'POST') throw new CoapError('4.05', 'POST only');
  if (name === 'post') return { code: '2.04', contentFormat: 0, body: utf8(receipt(body)) };
  if (name === 'big') return { code: '2.04', contentFormat: 42, body: big };
  if (name === 'some') return { code: '2.04', contentFormat: 42, body: big.subarray(0, 6_000) };
  throw new CoapError('4.04', 'no such resource');
}
