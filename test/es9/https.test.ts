import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { fromUtf8, utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { type LogLine, makeLog, silentLog } from '../../src/base/log.ts';
import type { Es9Failure } from '../../src/es9/errors.ts';
import { Https, type HttpsOptions } from '../../src/es9/https.ts';
import { parseSmdpAddress } from '../../src/messages/smdp-address.ts';
import { issueTls, type LabCredential, makeLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { expiredTls, otherCi, wrongUsageTls } from '../../tools/lab/pki/wrong-twins.ts';
import { HandClock } from '../support/hand-clock.ts';
import { type Answer, type FakeSmdp, startFakeSmdp } from './fake-smdp.ts';

const pki = makeLabPki();
const ca = pki.ci.certificate;

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

async function smdp(answer: Answer, credential: LabCredential = pki.dpTls): Promise<FakeSmdp> {
  const server = await startFakeSmdp(credential, answer);
  cleanUp.push(() => server.close());
  return server;
}

/** A TCP server that does what `connected` says, for what no HTTPS server does. */
async function tcp(connected: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    connected(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function https(options: Partial<HttpsOptions> = {}): Https {
  const made = new Https({ roots: [ca], clock: systemClock, log: silentLog(), ...options });
  cleanUp.push(() => made.close());
  return made;
}

const request = {
  path: '/path',
  headers: { 'X-Admin-Protocol': 'gsma/rsp/v2.1.0' },
  body: utf8('body'),
};

function post(connect: Https, address: string) {
  return connect.post(parseSmdpAddress(address), request);
}

function fails(posted: Promise<unknown>, kind: Es9Failure, message = /./) {
  return assert.rejects(posted, { name: 'Es9TransportError', kind, message });
}

/** Something to wait for. */
function signal(): { readonly given: Promise<void>; give(): void } {
  let give = () => {};
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give: () => give() };
}

const hello: Answer = (_, response) => response.end('hello');

describe('Https', () => {
  it('posts and gives the answer', async () => {
    const server = await smdp((_, response) => response.writeHead(201).end('made'));
    const answer = await post(https(), server.address);
    assert.equal(answer.status, 201);
    assert.equal(fromUtf8(answer.body), 'made');
    const [received] = server.received;
    assert.ok(received);
    assert.equal(`${received.method} ${received.path} ${received.body}`, 'POST /path body');
    assert.equal(received.headers.host, server.address);
    assert.equal(received.headers['x-admin-protocol'], 'gsma/rsp/v2.1.0');
    assert.equal(received.headers['content-length'], '4');
    assert.equal(received.servername, 'localhost');
  });

  it('gives any status and follows no redirect', async () => {
    const server = await smdp((_, response) => response.writeHead(307, { Location: '/x' }).end());
    const answer = await post(https(), server.address);
    assert.deepEqual([answer.status, answer.location], [307, '/x']);
    assert.equal(server.received.length, 1);
  });

  it('keeps the connection for the next request', async () => {
    const server = await smdp(hello);
    const connect = https();
    for (let i = 0; i < 4; i++) await post(connect, server.address);
    assert.equal(server.connections(), 1);
  });

  it('opens another where the kept one was closed meanwhile', async () => {
    const server = await smdp(hello);
    const connect = https();
    await post(connect, server.address);
    server.hangUp();
    assert.equal((await post(connect, server.address)).status, 200);
    assert.equal(server.connections(), 2);
  });

  it('tries once more where a kept connection closes upon the request, not where a new one does', async () => {
    let hangUps = 0;
    const server = await smdp((_, response) => {
      if (server.received.length === 1) return void response.end('first');
      if (hangUps-- > 0) return void response.socket?.destroy();
      response.end('again');
    });
    const connect = https();
    await post(connect, server.address);
    hangUps = 1;
    assert.equal(fromUtf8((await post(connect, server.address)).body), 'again');
    assert.equal(server.received.length, 3);
    hangUps = 5;
    await fails(post(connect, server.address), 'unreachable');
    assert.equal(server.received.length, 5);
  });
});

describe('whom Https believes', () => {
  it('a chain to a configured root, as DER or PEM, one among several', async () => {
    const server = await smdp(hello);
    const pem = (der: Uint8Array) => utf8(`some text\n${new X509Certificate(der).toString()}`);
    const other = otherCi().ci.certificate;
    const both = utf8(fromUtf8(pem(other)) + fromUtf8(pem(ca)));
    for (const roots of [[pem(ca)], [other, ca], [both]]) {
      assert.equal((await post(https({ roots }), server.address)).status, 200);
    }
  });

  it('no other CI, and nobody where no root is configured', async () => {
    const server = await smdp(hello);
    const advice = /; name its root in es9\.roots or es9\.hosts\.localhost\.ca$/;
    await fails(post(https({ roots: [otherCi().ci.certificate] }), server.address), 'tls', advice);
    await fails(post(https({ roots: [] }), server.address), 'tls', advice);
    assert.equal(server.received.length, 0);
  });

  it('no certificate for another host', async () => {
    const server = await smdp(hello, issueTls(pki, ['smdp.example.com']));
    await fails(post(https(), server.address), 'tls', /altnames|does not match/i);
    await fails(post(https(), `127.0.0.1:${server.port}`), 'tls');
  });

  it('a certificate for the address where the address is an IP address', async () => {
    const server = await smdp(hello);
    assert.equal((await post(https(), `127.0.0.1:${server.port}`)).status, 200);
    assert.equal(server.received[0]?.servername, '');
  });

  it('no expired certificate, and none that is not for servers', async () => {
    const expired = await smdp(hello, expiredTls(pki, ['localhost']));
    // Another root would not help: that advice is for certificates that lead to none.
    await fails(post(https(), expired.address), 'tls', /expired$/);
    const unusable = await smdp(hello, wrongUsageTls(pki, ['localhost']));
    await fails(post(https(), unusable.address), 'tls');
  });

  it('anybody, with a warning, where it is told to be insecure', async () => {
    const server = await smdp(hello, otherCi().dpTls);
    const lines: LogLine[] = [];
    const log = makeLog('es9', (line) => lines.push(line));
    const connect = https({ insecure: true, log });
    assert.equal((await post(connect, server.address)).status, 200);
    assert.deepEqual(
      lines.map(({ level }) => level),
      ['warn'],
    );
  });

  it('nobody below TLS 1.2', async () => {
    const server = await startFakeSmdp(pki.dpTls, hello, {
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    cleanUp.push(() => server.close());
    await fails(post(https(), server.address), 'tls');
  });

  it('is refused a root that is no certificate', () => {
    assert.throws(() => https({ roots: [utf8('nonsense')] }), TypeError);
    assert.throws(() => https({ roots: [Uint8Array.of(0x30, 0)] }));
  });
});

describe('where a host name leads', () => {
  it('is the address, port and CA of its route; the name stays in SNI, Host and certificate', async () => {
    const other = otherCi();
    const server = await smdp(hello, issueTls(other, ['smdp.example.com']));
    const route = { address: '127.0.0.1', port: server.port, ca: [other.ci.certificate] };
    const connect = https({ hosts: { 'SMDP.example.com': route } });
    assert.equal((await post(connect, 'smdp.Example.com')).status, 200);
    assert.equal(server.received[0]?.servername, 'smdp.example.com');
    assert.equal(server.received[0]?.headers.host, 'smdp.Example.com');
  });

  it('has its CA instead of the roots, and for itself alone', async () => {
    const server = await smdp(hello);
    const only = { ca: [otherCi().ci.certificate] };
    await fails(post(https({ hosts: { localhost: only } }), server.address), 'tls');
    const another = https({ hosts: { 'smdp.example.com': only } });
    assert.equal((await post(another, server.address)).status, 200);
  });

  it('may be given by the port of the address', async () => {
    const server = await smdp(hello, issueTls(pki, ['smdp.example.com']));
    const connect = https({ hosts: { 'smdp.example.com': { address: '127.0.0.1' } } });
    assert.equal((await post(connect, `smdp.example.com:${server.port}`)).status, 200);
  });
});

describe('what Https does not wait for or swallow', () => {
  it('a connection refused', async () => {
    const address = await tcp(() => {});
    const server = cleanUp.pop();
    await server?.();
    await fails(post(https(), address), 'unreachable', /ECONNREFUSED/);
  });

  it('a server that never shakes hands', async () => {
    const clock = new HandClock();
    const connected = signal();
    const address = await tcp((socket) => socket.once('data', () => connected.give()));
    const posted = fails(post(https({ clock }), address), 'timeout', /no connection within 10 s/);
    await connected.given;
    await clock.turn(10_000);
    await posted;
    assert.equal(clock.pending, 0);
  });

  it('a server that never answers', async () => {
    const clock = new HandClock();
    const asked = signal();
    const server = await smdp(() => asked.give());
    const connect = https({ clock, answerTimeout: 5_000 });
    const posted = fails(post(connect, server.address), 'timeout', /no whole answer within 5 s/);
    await asked.given;
    await clock.turn(5_000);
    await posted;
  });

  it('a server that never finishes its answer', async () => {
    const clock = new HandClock();
    const begun = signal();
    const server = await smdp((_, response) => {
      response.write('{', () => begun.give());
    });
    const posted = fails(post(https({ clock }), server.address), 'timeout');
    await begun.given;
    await clock.turn(30_000);
    await posted;
  });

  it('a server slower than the connection time-out, as long as it answers in time', async () => {
    const clock = new HandClock();
    let answer = () => {};
    const asked = signal();
    const server = await smdp((_, response) => {
      answer = () => response.end('late');
      asked.give();
    });
    const posted = post(https({ clock }), server.address);
    await asked.given;
    await clock.turn(29_999);
    answer();
    assert.equal(fromUtf8((await posted).body), 'late');
    assert.equal(clock.pending, 0);
  });

  it('a server that breaks off in the middle', async () => {
    const server = await smdp((_, response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('half', () => response.socket?.destroy());
    });
    await fails(post(https(), server.address), 'unreachable', /broke off/);
  });

  it('an answer that is, or says it is, larger than the limit', async () => {
    const connect = https({ bodyLimit: 1000 });
    const said = await smdp((_, response) => {
      response.writeHead(200, { 'Content-Length': '1001' });
      response.write('x');
    });
    await fails(post(connect, said.address), 'too large');
    const streams = await smdp((_, response) => {
      const more = () => response.writable && response.write('x'.repeat(400), more);
      more();
    });
    await fails(post(connect, streams.address), 'too large');
    const exact = await smdp((_, response) => response.end('x'.repeat(1000)));
    assert.equal((await post(connect, exact.address)).body.length, 1000);
  });

  it('headers without end', async () => {
    const server = await smdp((_, response) => {
      response.writeHead(200, { 'X-Long': 'x'.repeat(100_000) }).end();
    });
    await fails(post(https(), server.address), 'malformed');
  });

  it('what is not HTTP inside TLS', async () => {
    const server = await smdp((_, response) => response.socket?.end('nonsense\r\n\r\n'));
    await fails(post(https(), server.address), 'malformed');
  });

  it('what is not TLS', async () => {
    const address = await tcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await fails(post(https(), address), 'tls');
    const closes = await tcp((socket) => socket.destroy());
    await fails(post(https(), closes), 'tls');
  });

  it('an answer after close', async () => {
    const connect = https();
    const server = await smdp(() => connect.close());
    await fails(post(connect, server.address), 'unreachable');
  });
});
