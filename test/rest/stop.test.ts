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

  /** A request whose answer waits for the store: `asked` once it is there, and what the store then gives. */
  function slowRequest(eim: Running) {
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
    return { asked, answered: fetch(`${eim.url}/v1/orders/x`), answer: () => answer() };
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

  it('waits for one for its grace, and no longer', async () => {
    const eim = await run({ grace: 50 });
    const { asked, answered } = slowRequest(eim);
    const cut = assert.rejects(answered, /fetch failed/);
    await asked;
    await eim.close();
    await cut;
  });
});
