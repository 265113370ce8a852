/** An HTTPS server on loopback that answers as a test tells it to. */

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { LabCredential } from '../../tools/lab/pki/issue.ts';

/** A request as it came. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** SNI; empty where the client sent none. */
  readonly servername: string;
}

export interface FakeSmdp {
  readonly port: number;
  /** `localhost:port`. */
  readonly address: string;
  readonly received: Received[];
  /** TLS connections so far. */
  connections(): number;
  /** Closes the connections that are kept open, and goes on listening. */
  hangUp(): void;
  close(): Promise<void>;
}

export type Answer = (request: Received, response: ServerResponse) => void;

export async function startFakeSmdp(
  credential: LabCredential,
  answer: Answer,
  options: ServerOptions = {},
): Promise<FakeSmdp> {
  const received: Received[] = [];
  let connections = 0;
  const server = createServer(
    {
      cert: new X509Certificate(credential.certificate).toString(),
      key: credential.key.export({ format: 'pem', type: 'pkcs8' }),
      ...options,
    },
    async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { servername } = request.socket as TLSSocket & { servername: string | false };
      const one: Received = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        servername: servername || '',
      };
      received.push(one);
      answer(one, response);
    },
  );
  server.on('secureConnection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    address: `localhost:${port}`,
    received,
    connections: () => connections,
    hangUp: () => server.closeAllConnections(),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers with a JSON document. */
export function json(document: object, status = 200): Answer {
  return (_, response) => {
    response.writeHead(status, { 'Content-Type': 'application/json;charset=UTF-8' });
    response.end(JSON.stringify(document));
  };
}
