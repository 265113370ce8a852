import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fromUtf8, utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { type LogLine, makeLog, silentLog } from '../../src/base/log.ts';
import type { Es9Failure } from '../../src/es9/errors.ts';
import { Https, type HttpsOptions, type HttpsRoute } from '../../src/es9/https.ts';
import { parseSmdpAddress } from '../../src/messages/smdp-address.ts';
import { issueCrl } from '../../tools/lab/pki/crl.ts';
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

  it('tells what the answer says it is, and when to come again', async () => {
    const headers = { 'Content-Type': 'text/html', 'Retry-After': '120' };
    const server = await smdp((_, response) => response.writeHead(503, headers).end('busy'));
    const answer = await post(https(), server.address);
    assert.deepEqual([answer.contentType, answer.retryAfter], ['text/html', 120_000]);
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

describe('CRLs', () => {
  const now = Date.now();
  const [yesterday, tomorrow] = [new Date(now - 86_400_000), new Date(now + 86_400_000)];
  const crl = (revoked: readonly Uint8Array[], nextUpdate = tomorrow, issuer = pki.ci) =>
    issueCrl(issuer, { revoked, thisUpdate: new Date(now - 2 * 86_400_000), nextUpdate });
  const good = crl([issueTls(pki, ['other.example']).certificate]);
  const bad = crl([pki.dpTls.certificate]);

  it('let in who is not on them, as DER or PEM', async () => {
    const server = await smdp(hello);
    const lines = Buffer.from(good).toString('base64');
    const pem = utf8(`-----BEGIN X509 CRL-----\n${lines}\n-----END X509 CRL-----\n`);
    for (const crls of [[good], [pem]]) {
      assert.equal((await post(https({ crls }), server.address)).status, 200);
    }
  });

  it('keep out who is', async () => {
    const server = await smdp(hello);
    await fails(post(https({ crls: [bad] }), server.address), 'tls', /revoked/);
    assert.equal(server.received.length, 0);
  });

  it('keep out everybody where they are of another issuer, forged, or of before', async () => {
    const server = await smdp(hello);
    const strange = crl([], tomorrow, otherCi().ci);
    const missing = /a CRL in es9\.crls, or in es9\.hosts\.localhost\.crls/;
    await fails(post(https({ crls: [strange] }), server.address), 'tls', missing);
    const forged = good.slice();
    forged.set([(good.at(-1) ?? 0) ^ 1], good.length - 1);
    await fails(post(https({ crls: [forged] }), server.address), 'tls', /CRL signature/);
    const old = crl([], yesterday);
    await fails(post(https({ crls: [old] }), server.address), 'tls', /expired; fetch its next/);
  });

  it('of a host are for its own ca, those of all for the roots', async () => {
    const server = await smdp(hello);
    const host = (route: HttpsRoute) => ({ hosts: { localhost: route }, crls: [bad] });
    assert.equal((await post(https(host({ ca: [ca] })), server.address)).status, 200);
    const revoked = https(host({ ca: [ca], crls: [bad] }));
    await fails(post(revoked, server.address), 'tls', /revoked/);
    await fails(post(https(host({ port: server.port })), server.address), 'tls', /revoked/);
  });

  it('that are none are refused at the start', () => {
    assert.throws(() => https({ crls: [utf8('nonsense')] }), TypeError);
    assert.throws(() => https({ crls: [Uint8Array.of(0x30, 0)] }), TypeError);
    const empty = utf8('-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n');
    assert.throws(() => https({ crls: [empty] }), TypeError);
  });
});

describe('a pin', () => {
  const pin = (credential: LabCredential) =>
    createHash('sha256')
      .update(createPublicKey(credential.key).export({ format: 'der', type: 'spki' }))
      .digest('hex')
      .toUpperCase();
  const pinned = (...pins: readonly string[]) => https({ hosts: { localhost: { pins } } });

  it('lets in the key that it names, one of several, also under another certificate', async () => {
    const server = await smdp(hello);
    const pins = ['00'.repeat(32), pin(pki.dpTls)];
    assert.equal((await post(pinned(...pins), server.address)).status, 200);
    assert.equal(server.received.length, 1);
  });

  it('keeps out any other key, with its pin to compare, before anything is sent', async () => {
    const server = await smdp(hello);
    const wrong = pinned(pin(pki.dpAuth));
    await fails(post(wrong, server.address), 'tls', new RegExp(`of it is ${pin(pki.dpTls)}`));
    assert.equal(server.received.length, 0);
  });

  it('comes on top of chain and name, not in their place', async () => {
    const stranger = await smdp(hello, otherCi().dpTls);
    const pins = [pin(otherCi().dpTls)];
    await fails(post(pinned(...pins), stranger.address), 'tls');
    const misnamed = issueTls(pki, ['smdp.example.com']);
    const server = await smdp(hello, misnamed);
    await fails(post(pinned(pin(misnamed)), server.address), 'tls', /does not match localhost/);
  });
});

describe('the public roots', () => {
  it('are believed by nobody who was not told to', async () => {
    // None of them knows the lab's CI: what they are asked for and what they take the place of shows in the refusal.
    const server = await smdp(hello);
    const connect = https({ hosts: { localhost: { publicRoots: true } } });
    await fails(post(connect, server.address), 'tls', /es9\.roots/);
    assert.equal((await post(https(), server.address)).status, 200);
  });

  it('are those of Node.js', { timeout: 30_000 }, async () => {
    // A root that this Node.js is told to hold public, in a process of its own.
    const server = await smdp(hello);
    const folder = await mkdtemp(join(tmpdir(), 'roots-'));
    cleanUp.push(() => rm(folder, { recursive: true }));
    const extra = join(folder, 'ci.pem');
    await writeFile(extra, new X509Certificate(ca).toString());
    const asked = (route: string) =>
      promisify(execFile)(
        process.execPath,
        [
          '--import',
          'tsx',
          fileURLToPath(new URL('ask.ts', import.meta.url)),
          server.address,
          route,
        ],
        { env: { ...process.env, NODE_EXTRA_CA_CERTS: extra } },
      );
    assert.equal((await asked('{"publicRoots":true}')).stdout.trim(), '200');
    assert.match((await asked('{}')).stdout, /^tls/);
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

  it('may be an IP address in place of another, whose certificate counts', async () => {
    const named = await smdp(hello, issueTls(pki, ['192.0.2.1']));
    const route = (port: number) => ({ '192.0.2.1': { address: '127.0.0.1', port } });
    const connect = https({ hosts: route(named.port) });
    assert.equal((await post(connect, '192.0.2.1')).status, 200);
    const other = await smdp(hello);
    await fails(post(https({ hosts: route(other.port) }), '192.0.2.1'), 'tls', /does not match/);
  });

  it('does not lend its connections to another name', async () => {
    const server = await smdp(hello, issueTls(pki, ['a.example', 'b.example']));
    const route = { address: '127.0.0.1', port: server.port };
    const pins = ['00'.repeat(32)];
    const connect = https({ hosts: { 'a.example': route, 'b.example': { ...route, pins } } });
    assert.equal((await post(connect, 'a.example')).status, 200);
    await fails(post(connect, 'b.example'), 'tls', /none of the pinned/);
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
