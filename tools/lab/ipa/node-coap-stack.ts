/** A stranger's stack: the `coap` client (node-coap) over `node-dtls-client`, both as published. PSK only. */

import type { Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { Agent, request as coapRequest } from 'coap';
import { dtls } from 'node-dtls-client';
import type { Address } from '../../../src/base/address.ts';
import { fromUtf8 } from '../../../src/base/bytes.ts';
import { esipaPath, octetStream, type Stack, StackError, type StackOptions } from './stack.ts';

/** Milliseconds that node-dtls-client may take for its handshake; it repeats nothing itself. */
const handshakeTimeout = 20_000;

export async function openNodeCoapStack({ eim, credential }: StackOptions): Promise<Stack> {
  if (credential.type !== 'psk') {
    throw new StackError('node-dtls-client knows PSK only: use --auth psk with --stack node-coap');
  }
  const socket = dtls.createSocket({
    type: 'udp4',
    address: eim.address,
    port: eim.port,
    psk: { [credential.identity]: fromUtf8(credential.key) },
    timeout: handshakeTimeout,
    ciphers: ['TLS_PSK_WITH_AES_128_CCM_8'],
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connected', () => resolve());
    socket.once('error', reject);
  });
  const datagrams = asDatagramSocket(socket, eim);
  const agent = new Agent({ socket: datagrams });
  return {
    exchange: (request) => exchange(agent, eim, request),
    async close() {
      agent.close();
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}

function exchange(agent: Agent, eim: Address, request: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const sent = coapRequest({
      agent,
      hostname: eim.address,
      port: eim.port,
      method: 'POST',
      pathname: `/${esipaPath.join('/')}`,
      confirmable: true,
    });
    sent.setOption('Content-Format', octetStream);
    // Block1 from 1024 octets on; node-coap follows Block2 by itself.
    if (request.length > 1024) sent.setOption('Block1', Buffer.of(0x06));
    sent.on('response', (answer) => {
      if (answer.code.startsWith('2.')) resolve(new Uint8Array(answer.payload));
      else reject(new StackError(`the eIM answers ${answer.code} ${answer.payload.toString()}`));
    });
    sent.on('error', reject);
    sent.end(Buffer.from(request));
  });
}

/** node-coap wants a datagram socket; node-dtls-client's has other signatures. These are the parts that are used. */
function asDatagramSocket(socket: dtls.Socket, eim: Address): Socket {
  const adapter = Object.assign(new EventEmitter(), {
    type: 'udp4',
    send(
      message: Buffer,
      offset: number,
      length: number,
      _port: number,
      _address: string,
      done?: (error: Error | null, bytes: number) => void,
    ) {
      const part = message.subarray(offset, offset + length);
      socket.send(part, (error, bytes) => done?.(error ?? null, bytes));
    },
    address: () => ({ address: '127.0.0.1', port: 0, family: 'IPv4' }),
    close: (done?: () => void) => done?.(),
  });
  socket.on('message', (message: Buffer) =>
    adapter.emit('message', message, { ...eim, family: 'IPv4', size: message.length }),
  );
  return adapter as unknown as Socket;
}
