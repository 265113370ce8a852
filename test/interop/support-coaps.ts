/** CoapServer over DtlsServer over a loopback UDP socket, tied as in src/main.ts, with a handler that counts. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { CoapError } from '../../src/coap/codes.ts';
import type { CoapRequest, CoapResponse } from '../../src/coap/request.ts';
import { CoapServer } from '../../src/coap/server.ts';
import type { DtlsCredentials } from '../../src/dtls/credentials.ts';
import { type DtlsPeer, DtlsServer, type DtlsServerOptions } from '../../src/dtls/server.ts';
import { big, receipt } from './coap-udp.ts';

export interface CoapsServer {
  readonly port: number;
  /** Whole requests, as the handler had them. */
  readonly requests: readonly CoapRequest<DtlsPeer>[];
}

/** Serves POST post (answers what came: octets and SHA-256) and POST big (60,000 octets); ends with the test. */
export async function serveCoaps(
  test: TestContext,
  credentials: DtlsCredentials,
  options: Partial<DtlsServerOptions> = {},
): Promise<CoapsServer> {
  const common = { clock: systemClock, random: systemRandom, log: silentLog() };
  const socket = createSocket('udp4');
  const requests: CoapRequest<DtlsPeer>[] = [];
  const coap = new CoapServer<DtlsPeer>({
    ...common,
    handle: (request) => {
      requests.push(request);
      return answer(request);
    },
  });
  const dtls = new DtlsServer({
    ...common,
    credentials,
    deliver: (peer, data) => coap.receive(peer, data),
    closed: (peer) => coap.forget(peer),
    send: (datagram, { address, port }) => socket.send(datagram, port, address),
    ...options,
  });
  socket.on('message', (datagram, { address, port }) => dtls.receive(datagram, { address, port }));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  test.after(async () => {
    await dtls.close();
    coap.close();
    socket.close();
  });
  return { port: socket.address().port, requests };
}

function answer({ method, path, body }: CoapRequest): CoapResponse {
  if (method !== 'POST') throw new CoapError('4.05', 'POST only');
  if (path[0] === 'post') return { code: '2.04', contentFormat: 0, body: utf8(receipt(body)) };
  if (path[0] === 'big') return { code: '2.04', contentFormat: 42, body: big };
  throw new CoapError('4.04', 'no such resource');
}
