/** The `coap` package's client (node-coap 1.5.0) over plain UDP. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Agent, type CoapRequestParams, type IncomingMessage } from 'coap';
import { bodyOf } from '../coap/conversation.ts';
import { big, receipt, serveUdp, type UdpServer, type UdpServerOptions } from './coap-udp.ts';

interface Heard {
  readonly code: string;
  readonly body: Buffer;
}

async function ask(
  server: UdpServer,
  params: CoapRequestParams,
  body?: Uint8Array,
): Promise<Heard> {
  const agent = new Agent({ type: 'udp4' });
  try {
    const request = agent.request({ host: '127.0.0.1', port: server.port, ...params });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    if (body !== undefined && body.length > 1024) {
      request.setOption('Block1', Buffer.of(0x06)); // its way of asking for blocks of 1,024
    }
    request.end(body === undefined ? undefined : Buffer.from(body));
    const [response] = await answered;
    return { code: response.code, body: response.payload };
  } finally {
    agent.close();
  }
}

function served(
  name: string,
  run: (server: UdpServer) => Promise<void>,
  options?: UdpServerOptions,
) {
  it(name, { timeout: 30_000 }, async () => {
    const server = await serveUdp(options);
    try {
      await run(server);
    } finally {
      await server.close();
    }
  });
}

describe('node-coap', () => {
  for (const confirmable of [true, false]) {
    served(`gets an answer, confirmable: ${confirmable}`, async (server) => {
      const { code, body } = await ask(server, { pathname: '/hello', confirmable });
      assert.deepEqual([code, body.toString()], ['2.05', 'hello']);
    });
  }

  served(
    'gets a separate answer',
    async (server) => {
      const { code, body } = await ask(server, { pathname: '/late' });
      assert.deepEqual([code, body.toString()], ['2.05', 'late']);
      assert.equal(server.requests.length, 1);
    },
    { parameters: { emptyAckAfter: 50 } },
  );

  served('posts 3,000 bytes in blocks, handled once', async (server) => {
    const body = bodyOf(3_000);
    const heard = await ask(server, { pathname: '/post', method: 'POST' }, body);
    assert.deepEqual([heard.code, heard.body.toString()], ['2.04', receipt(body)]);
    assert.equal(server.requests.length, 1);
  });

  served('posts 30,000 bytes and reads 60,000, in one exchange', async (server) => {
    const body = bodyOf(30_000).reverse();
    const heard = await ask(server, { pathname: '/big', method: 'POST' }, body);
    assert.equal(Buffer.compare(heard.body, big), 0);
    assert.deepEqual(
      server.requests.map((request) => Buffer.compare(request.body, body)),
      [0],
    );
  });

  served(
    'repeats a request whose answer was lost, and it is not run again',
    async (server) => {
      const poll = new TextEncoder().encode('poll');
      const heard = await ask(server, { pathname: '/some', method: 'POST' }, poll);
      assert.equal(Buffer.compare(heard.body, big.subarray(0, 6_000)), 0);
      assert.equal(server.requests.length, 1);
      assert.equal(server.drops.of('coap: duplicate'), 2);
    },
    { loses: (n) => n === 0 || n === 3 },
  );

  served('reads 60,000 bytes that one POST is answered with', async (server) => {
    const poll = new TextEncoder().encode('poll');
    const heard = await ask(server, { pathname: '/big', method: 'POST' }, poll);
    assert.equal(Buffer.compare(heard.body, big), 0);
    assert.equal(server.requests.length, 1);
  });

  served('gets error codes', async (server) => {
    assert.equal((await ask(server, { pathname: '/nowhere', method: 'POST' })).code, '4.04');
  });
});
