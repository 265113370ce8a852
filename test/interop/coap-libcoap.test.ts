/** libcoap's coap-client over plain UDP: the messages and blocks of someone else. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fromUtf8, hex, utf8 } from '../../src/base/bytes.ts';
import { blockOf, sizeOf } from '../../src/coap/block.ts';
import { decode } from '../../src/coap/message.ts';
import { bodyOf } from '../coap/conversation.ts';
import { newFolder } from '../support/folders.ts';
import { big, receipt, serveUdp, type UdpServer, type UdpServerOptions } from './coap-udp.ts';

const programs = ['coap-client-notls', 'coap-client-openssl', 'coap-client-gnutls', 'coap-client'];
const program = programs.find((name) => spawnSync(name, ['-?']).error === undefined);

/** Under CI a missing program fails the tests, elsewhere it skips them. */
const skip =
  program === undefined && process.env.CI === undefined
    ? `none of ${programs.join(', ')} is installed (Debian: libcoap3-bin)`
    : false;

/** Runs coap-client against the server; what it printed. */
async function coapClient(
  server: UdpServer,
  path: string,
  args: readonly string[],
  input?: Uint8Array,
): Promise<{ readonly output: Buffer; readonly errors: string }> {
  assert.ok(program, 'coap-client is missing: install libcoap3-bin');
  const uri = `coap://127.0.0.1:${server.port}/${path}`;
  const child = spawn(program, ['-B', '20', ...args, uri], { timeout: 30_000 });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (data: Buffer) => output.push(data));
  child.stderr.on('data', (data: Buffer) => errors.push(data));
  child.stdin.on('error', () => {}); // a client that has enough closes its input
  child.stdin.end(input);
  await once(child, 'close');
  return { output: Buffer.concat(output), errors: Buffer.concat(errors).toString() };
}

/** A test with a server of its own. */
function served(
  name: string,
  run: (server: UdpServer) => Promise<void>,
  options?: UdpServerOptions,
) {
  it(name, { skip, timeout: 120_000 }, async () => {
    const server = await serveUdp(options);
    try {
      await run(server);
    } finally {
      await server.close();
    }
  });
}

describe('libcoap coap-client', () => {
  served('gets a piggybacked answer', async (server) => {
    const { output } = await coapClient(server, 'hello', ['-m', 'get']);
    assert.match(output.toString(), /hello/);
  });

  served('C09 asks with a NON', async (server) => {
    const { output } = await coapClient(server, 'hello', ['-N', '-m', 'get']);
    assert.match(output.toString(), /hello/);
    assert.equal(server.requests.length, 1);
  });

  served('C04 sees its token again', async (server) => {
    const { output } = await coapClient(server, 'hello', ['-T', 'abcdefgh', '-m', 'get']);
    assert.match(output.toString(), /hello/); // it takes no answer under another token
    assert.deepEqual(
      server.messages.map((message) => fromUtf8(decode(message).token)),
      ['abcdefgi'], // it counts on from there
    );
  });

  served(
    'C07 gets a separate answer',
    async (server) => {
      const { output } = await coapClient(server, 'late', ['-m', 'get']);
      assert.match(output.toString(), /late/);
      assert.equal(server.requests.length, 1);
      assert.equal(server.drops.of('coap: duplicate'), 0);
    },
    { parameters: { emptyAckAfter: 50 } },
  );

  served(
    'C05 repeats a request whose answer was lost, and it is not run again',
    async (server) => {
      const { output } = await coapClient(server, 'post', ['-m', 'post', '-e', 'once']);
      assert.match(output.toString(), /^4 /);
      assert.equal(server.requests.length, 1);
      assert.equal(server.drops.of('coap: duplicate'), 1);
    },
    { loses: (n) => n === 0 },
  );

  for (const size of [1024, 256, 64]) {
    served(`B01 B02 posts 3,000 bytes in blocks of ${size}`, async (server) => {
      const body = bodyOf(3_000);
      const args = ['-m', 'post', '-b', String(size), '-f', '-'];
      const { output } = await coapClient(server, 'post', args, body);
      assert.equal(output.toString().trim(), receipt(body));
      assert.deepEqual(
        server.requests.map((request) => Buffer.compare(request.body, body)),
        [0],
      );
    });
  }

  served(
    'B03 goes on in smaller blocks when asked to',
    async (server) => {
      const body = bodyOf(3_000);
      const { output } = await coapClient(server, 'post', ['-m', 'post', '-f', '-'], body);
      assert.equal(output.toString().trim(), receipt(body));
      assert.equal(server.requests.length, 1);
      const blocks = server.messages.map((message) => blockOf(decode(message).options, 27));
      assert.deepEqual(
        blocks.map((block) => block && [block.number, sizeOf(block.szx)]),
        [[0, 1024], ...[4, 5, 6, 7, 8, 9, 10, 11].map((number) => [number, 256])],
      );
    },
    { parameters: { blockSize: 256 } },
  );

  for (const args of [[], ['-N'], ['-b', '0,256']]) {
    served(`B09 reads 60,000 bytes that one POST is answered with ${args}`, async (server) => {
      const { output } = await coapClient(server, 'big', [...args, '-m', 'post', '-e', 'poll']);
      assert.equal(Buffer.compare(output.subarray(0, big.length), big), 0);
      assert.equal(server.requests.length, 1);
    });
  }

  served('posts 3,000 bytes and reads 60,000, in one exchange', async (server) => {
    const body = bodyOf(3_000);
    const { output } = await coapClient(server, 'big', ['-m', 'post', '-f', '-'], body);
    assert.equal(Buffer.compare(output.subarray(0, big.length), big), 0);
    assert.deepEqual(
      server.requests.map((request) => Buffer.compare(request.body, body)),
      [0],
    );
  });

  served(
    'B06 is told 4.13 for a body over the limit',
    async (server) => {
      const args = ['-m', 'post', '-f', '-'];
      const { errors } = await coapClient(server, 'post', args, bodyOf(3_000));
      assert.match(errors, /4\.13/);
      assert.equal(server.requests.length, 0);
    },
    { limits: { requestBody: 2_999 } },
  );

  for (const [name, option, code] of [
    ['C13 an unknown critical option', '9,0x00', '4.02'],
    ['C14 Proxy-Uri', '35,coap', '5.05'],
  ] as const) {
    served(`${name} gets ${code}`, async (server) => {
      const { errors } = await coapClient(server, 'hello', ['-O', option, '-m', 'get']);
      assert.ok(errors.includes(code), errors);
      assert.equal(server.requests.length, 0);
    });
  }

  served(
    'B16 Q-Block1 gets 4.02 where it is switched off',
    async (server) => {
      const { errors } = await coapClient(server, 'hello', ['-O', '19,0x08', '-m', 'get']);
      assert.ok(errors.includes('4.02'), errors);
      assert.equal(server.requests.length, 0);
    },
    { parameters: { qBlock: false } },
  );

  // 4.3.1 takes no mode without 1, and knows no Q-Block (4).
  for (const mode of ['1', '3']) {
    for (const type of [[], ['-N']]) {
      served(`posts 2,000 bytes and reads as many, -L ${mode} ${type}`, async (server) => {
        const body = bodyOf(2_000);
        const args = ['-L', mode, ...type, '-m', 'post', '-b', '512', '-f', '-'];
        const { output } = await coapClient(server, 'post', args, body);
        assert.equal(output.toString().trim(), receipt(body));
        assert.equal(server.requests.length, 1);
      });
    }
  }

  // 60,000 octets each way: 59 blocks up, then as many down (the answer to the last of them).
  for (const args of [[], ['-b', '512'], ['-N'], ['-T', 'token'], ['-N', '-T', 'tokens12']]) {
    served(`B01 B07 B09 uploads 60,000 bytes and reads 60,000 ${args}`, async (server) => {
      const body = bodyOf(60_000).reverse();
      const file = join(newFolder(), 'body'); // of `-f -` it reads less than that
      writeFileSync(file, body);
      const { output } = await coapClient(server, 'big', [...args, '-m', 'post', '-f', file]);
      assert.equal(Buffer.compare(output.subarray(0, big.length), big), 0);
      assert.deepEqual(
        server.requests.map((request) => Buffer.compare(request.body, body)),
        [0],
      );
    });
  }

  served('reads the one block that it names, -b 1,256', async (server) => {
    const { output } = await coapClient(server, 'file', ['-b', '1,256', '-m', 'get']);
    assert.deepEqual(new Uint8Array(output.subarray(0, 256)), big.slice(256, 512));
    assert.ok(output.length <= 257, 'a line end follows');
  });

  served('C13 is answered once where it would observe, -s', async (server) => {
    const { output } = await coapClient(server, 'hello', ['-s', '1', '-m', 'get']);
    assert.match(output.toString(), /^hello/);
  });

  served('asks three times, -G 3, and is answered each time', async (server) => {
    const { output } = await coapClient(server, 'post', ['-G', '3', '-m', 'post', '-e', 'again']);
    assert.equal(output.toString().trim(), receipt(utf8('again')).repeat(3));
    assert.equal(server.requests.length, 3);
  });

  served('C14 is told that there is no proxy, -P', async (server) => {
    const proxy = `coap://127.0.0.1:${server.port}`;
    const { errors } = await coapClient(server, 'hello', ['-P', proxy, '-m', 'get']);
    assert.match(errors, /5\.05/);
    assert.equal(server.requests.length, 0);
  });

  served('C05 gets 5,000 bytes up where 10 % of its datagrams are lost', async (server) => {
    const body = bodyOf(5_000);
    const args = ['-l', '10%', '-b', '1024', '-m', 'post', '-f', '-'];
    const { output } = await coapClient(server, 'post', args, body);
    assert.equal(output.toString().trim(), receipt(body));
    assert.equal(server.requests.length, 1);
  });

  for (const list of ['1', '2', '3-4', '5']) {
    served(`B02 gets through where its datagrams ${list} are lost`, async (server) => {
      const body = bodyOf(3_000);
      const args = ['-l', list, '-m', 'post', '-f', '-'];
      const { output } = await coapClient(server, 'post', args, body);
      assert.equal(output.toString().trim(), receipt(body));
      assert.equal(server.requests.length, 1);
    });
  }

  served('C05 B09 gets through where 20 % of its datagrams are lost', async (server) => {
    // Which are lost is libcoap's own chance, and so is now and then the same one each time until it gives up.
    const args = ['-l', '20%', '-b', '1024', '-m', 'post', '-e', 'poll'];
    let wholly = false;
    for (let tries = 0; tries < 5 && !wholly; tries++) {
      const before = server.requests.length;
      const { output } = await coapClient(server, 'some', args);
      wholly = Buffer.compare(output.subarray(0, 6_000), Buffer.from(big.subarray(0, 6_000))) === 0;
      assert.ok(server.requests.length - before <= 1);
    }
    assert.ok(wholly);
  });

  served('C13 is served in spite of an unknown elective option', async (server) => {
    const { output } = await coapClient(server, 'hello', ['-O', '2050,x', '-m', 'get']);
    assert.match(output.toString(), /hello/);
  });

  served('C14 gets the handler’s own codes', async (server) => {
    const missing = await coapClient(server, 'nowhere', ['-m', 'post']);
    assert.match(missing.errors, /4\.04/);
    const wrong = await coapClient(server, 'post', ['-m', 'delete']);
    assert.match(wrong.errors, /4\.05/);
  });
});

describe('a raw UDP socket', () => {
  it('C03 C02 is answered RST to a ping and to malformed CONs', { timeout: 10_000 }, async () => {
    const server = await serveUdp();
    const socket = createSocket('udp4');
    try {
      for (const [message, answer] of [
        ['40001234', '70001234'],
        ['40011235ff', '70001235'],
      ] as const) {
        const heard = once(socket, 'message') as Promise<[Buffer]>;
        socket.send(hex(message), server.port, '127.0.0.1');
        assert.equal((await heard)[0].toString('hex'), answer);
      }
    } finally {
      socket.close();
      await server.close();
    }
  });
});
