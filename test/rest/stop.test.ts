/** The operator's side closes: what is under way is answered, and nobody can hold it up. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { labFolder } from '../../tools/lab/pki/lab-pki.ts';
import { type Running, run } from './running.ts';

/** Far longer than a test may take: nothing here ends by it but where it says so. */
const grace = 3_600_000;
const timeout = 30_000;

const tls = {
  certificate: readFileSync(join(labFolder, 'eim-tls.cert.pem'), 'utf8'),
  key: readFileSync(join(labFolder, 'eim-tls.key.pem'), 'utf8'),
};

async function connected(test: TestContext, { rest }: Running, first = ''): Promise<Socket> {
  const socket = connect(rest.port, '127.0.0.1').on('error', () => {});
  test.after(() => socket.destroy());
  await once(socket, 'connect');
  if (first !== '') await new Promise((resolve) => socket.write(first, resolve));
  return socket;
}

/** Resolves once it is closed, politely or not. */
function end(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** What was sent before it has been read when it is answered: the loop looks at every socket in a turn. */
async function readByNow({ url }: Running): Promise<void> {
  await (await fetch(`${url}/healthz`)).text();
}

const half = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n';
const tlsRecord = String.fromCharCode(22, 3, 1, 0, 200, 1);

describe('REST: a stop', { timeout }, () => {
  for (const [who, first] of [
    ['has asked nothing', ''],
    ['has sent half a head', half],
  ] as const) {
    it(`does not wait for who ${who}`, async (test) => {
      const eim = await run({ grace });
      const socket = await connected(test, eim, first);
      const gone = end(socket);
      await readByNow(eim);
      await eim.close();
      await gone;
    });

    it(`does not wait, with TLS, for who ${who}`, async (test) => {
      const eim = await run({ grace, tls });
      const socket = connectTls({ port: eim.rest.port, rejectUnauthorized: false });
      test.after(() => socket.destroy());
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      if (first !== '') socket.write(first);
      const gone = end(socket);
      await eim.close();
      await gone;
    });
  }

  it('does not wait for who has sent half a TLS record', async (test) => {
    const eim = await run({ grace, tls });
    const gone = end(await connected(test, eim, tlsRecord));
    await eim.close();
    await gone;
  });

  /** What comes until the connection ends. */
  async function textOf(socket: Socket): Promise<string> {
    let text = '';
    socket.on('data', (part: Uint8Array) => {
      text += Buffer.from(part).toString('latin1');
    });
    await end(socket);
    return text;
  }

  /** Answers to requests for orders wait for the store: `asked` once it is, and what has it answer. */
  function slowOrder(eim: Running) {
    let tell = (): void => {};
    let answer = (): void => {};
    const asked = new Promise<void>((resolve) => {
      tell = resolve;
    });
    eim.desk.orders.placed = () => {
      tell();
      return new Promise((resolve) => {
        answer = () => resolve(undefined);
      });
    };
    return { asked, answer: () => answer() };
  }

  /** One such request. */
  function slowRequest(eim: Running) {
    return { ...slowOrder(eim), answered: fetch(`${eim.url}/v1/orders/x`) };
  }

  it('answers a request that is under way', async () => {
    const eim = await run({ grace });
    const { asked, answered, answer } = slowRequest(eim);
    await asked;
    const closed = eim.close();
    answer();
    assert.equal((await answered).status, 404);
    await closed;
  });

  it('has an answer arrive whole that was on its way', async (test) => {
    const eim = await run({ grace });
    // More than fits between the two ends.
    const about = 'x'.repeat(16 * 2 ** 20);
    eim.desk.running.readiness = async () => ({
      ready: true,
      checks: { store: about, coaps: 'ok', stopping: 'ok' },
    });
    const ask = 'GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const socket = (await connected(test, eim)).pause();
    socket.write(ask);
    await once(socket, 'readable');
    const closed = eim.close();
    assert.ok((await textOf(socket.resume())).length > about.length);
    await closed;
  });

  it('does not wait for what the one that it answers may ask next', async (test) => {
    const eim = await run({ grace });
    const { asked, answer } = slowOrder(eim);
    const socket = await connected(
      test,
      eim,
      'GET /v1/orders/x HTTP/1.1\r\nHost: localhost\r\n\r\n',
    );
    await asked;
    const heard = textOf(socket);
    const closed = eim.close();
    answer();
    assert.match(await heard, /^HTTP\/1.1 404 [\s\S]*\r\nConnection: close\r\n/i);
    await closed;
  });

  for (const [how, more] of [
    ['', {}],
    [', with TLS', { tls }],
  ] as const) {
    it(`ends a stream of events and its connection${how}`, async (test) => {
      const eim = await run({ grace, ...more });
      const socket =
        how === ''
          ? await connected(test, eim)
          : connectTls({ port: eim.rest.port, rejectUnauthorized: false });
      test.after(() => socket.destroy());
      socket.write('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
      const heard = textOf(socket);
      await once(socket, 'data');
      const began = performance.now();
      await eim.close();
      assert.ok(performance.now() - began < 4000, 'not only once it has been idle for long');
      assert.match(await heard, /retry: [0-9]+\n\n\r\n0\r\n\r\n$/, 'the stream has its end');
    });
  }

  it('waits for one for its grace, and no longer', async () => {
    const eim = await run({ grace: 50 });
    const { asked, answered } = slowRequest(eim);
    const cut = assert.rejects(answered, /fetch failed/);
    await asked;
    await eim.close();
    await cut;
  });
});
