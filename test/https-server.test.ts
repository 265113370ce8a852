/** The devices' TCP socket: connections within limits, TLS, certificates of devices, and the end of it all. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import { concat, hex, toHex } from '../src/base/bytes.ts';
import { fingerprint } from '../src/fleet/offers.ts';
import { HttpsServer } from '../src/https-server.ts';
import type { ServerIdentity } from '../src/identity.ts';
import { EsipaMessageFromIpaToEim } from '../src/messages/esipa.ts';
import { Authority, type Issued } from './dtls/support/certificates.ts';
import {
  asn1Headers,
  type Door,
  jsonHeaders,
  Line,
  openDoor,
  request,
} from './esipa/https-door.ts';
import { eid } from './procedures/euicc.ts';
import { Rig } from './procedures/rig.ts';

const path = '/gsma/rsp2/asn1';
const poll = request(path, asn1Headers, hex(`BF4F125A10${eid}`));
const nothing = 'BF4F03020101';
const eidNotFound = 'BF4F03020102';

const authority = new Authority();
const own: ServerIdentity = authority.issue(['eim.example.com', 'localhost']);

async function open(
  test: TestContext,
  options: Parameters<typeof openDoor>[2] = {},
): Promise<{ rig: Rig; door: Door }> {
  const rig = await Rig.with();
  return { rig, door: await openDoor(test, rig, options) };
}

async function lineTo(test: TestContext, door: Door, tls?: ConnectionOptions): Promise<Line> {
  const line = await Line.open(door, tls);
  test.after(() => line.end());
  return line;
}

const trusting: ConnectionOptions = { ca: authority.pem, servername: 'eim.example.com' };

function pem({ chain, key }: Pick<Issued, 'chain' | 'key'>): ConnectionOptions {
  return {
    cert: chain.map((der) => new X509Certificate(der).toString()).join(''),
    key: key.export({ format: 'pem', type: 'pkcs8' }),
  };
}

/** Resolves when `holds`, which is looked at again and again. */
async function when(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 1000, 'it does not come about');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('a connection over HTTPS', () => {
  it('carries one request after the other', async (test) => {
    const { door } = await open(test);
    const line = await lineTo(test, door);
    for (let i = 0; i < 5; i++) assert.equal((await line.ask(poll))?.status, 200);
    assert.deepEqual([...door.server.holds.answered], [[200, 5]]);
    assert.equal(new Set(door.callers.map(({ caller }) => caller.peerId)).size, 1);
  });

  it('has requests that come at once handled in their order, one at a time', async (test) => {
    let under = 0;
    const before = async () => {
      assert.equal(under++, 0);
      await new Promise((resolve) => setTimeout(resolve, 5));
      under--;
    };
    const { door } = await open(test, { before });
    const line = await lineTo(test, door);
    const json = request('/gsma/rsp2/esipa/getEimPackage', jsonHeaders, `{"eidValue":"${eid}"}`);
    line.say(concat(poll, json, poll));
    const types = [await line.hear(), await line.hear(), await line.hear()].map(
      (heard) => heard?.headers['content-type'],
    );
    const [asn1, inJson] = ['application/x-gsma-rsp-asn1', 'application/json;charset=UTF-8'];
    assert.deepEqual(types, [asn1, inJson, asn1]);
  });

  it('ends where more come at once than any device sends', async (test) => {
    const { door } = await open(test, {
      before: () => new Promise((done) => setTimeout(done, 50)),
    });
    const line = await lineTo(test, door);
    line.say(concat(...new Array<Uint8Array>(20).fill(poll)));
    await line.closed;
    assert.ok(door.drops.of('https: too many requests at a time') > 0);
  });

  it('ends after so many requests, and says so with the last', async (test) => {
    const { door } = await open(test, { limits: { requestsPerConnection: 2 } });
    const line = await lineTo(test, door);
    assert.notEqual((await line.ask(poll))?.headers.connection, 'close');
    const last = await line.ask(poll);
    assert.deepEqual([last?.status, last?.headers.connection], [200, 'close']);
    await line.closed;
  });

  it('may break off in the middle of a request, which then never was', async (test) => {
    const { rig, door } = await open(test);
    const order = await rig.enable();
    const line = await lineTo(test, door);
    line.say(poll.subarray(0, -1));
    await when(() => door.server.holds.connections === 1);
    line.end();
    await when(() => door.drops.of('https: request cut off') === 1);
    assert.equal(await rig.at(order), 'new');
    assert.equal(door.callers.length, 0);
    // Nobody else is the worse for it.
    assert.equal((await (await lineTo(test, door)).ask(poll))?.status, 200);
  });

  it('may break off before its answer, which another connection then gets', async (test) => {
    let go = (): void => {};
    const gone = new Promise<void>((resolve) => (go = resolve));
    const { rig, door } = await open(test, { before: () => gone });
    const order = await rig.enable();
    const line = await lineTo(test, door);
    line.say(poll);
    await when(() => door.callers.length === 1);
    line.end();
    go();
    await when(() => door.server.holds.connections === 0);
    const heard = await (await lineTo(test, door)).ask(poll);
    assert.equal(heard?.status, 200);
    const { state } = await rig.order(order);
    assert.ok(state.at === 'work');
    assert.ok(toHex(heard.body).endsWith(toHex(state.dispatch.eimPackage)));
  });

  it('ends where a request takes too long', async (test) => {
    const { door } = await open(test, { times: { request: 300 } });
    const line = await lineTo(test, door);
    line.say(poll.subarray(0, 30));
    assert.equal((await line.hear())?.status, 408);
    await line.closed;
    assert.equal(door.callers.length, 0);
  });

  it('ends where a body comes octet by octet', async (test) => {
    const { door } = await open(test, { times: { request: 300 } });
    const line = await lineTo(test, door);
    line.say(poll.subarray(0, -10));
    const drip = setInterval(() => line.say(Uint8Array.of(0)), 100);
    test.after(() => clearInterval(drip));
    await line.closed;
    clearInterval(drip);
    assert.equal(door.callers.length, 0);
  });

  it('ends where nothing at all is said', async (test) => {
    const { door } = await open(test, { times: { request: 300 } });
    await (await lineTo(test, door)).closed;
    await when(() => door.server.holds.connections === 0);
  });

  it('ends when it is idle for long, and not before', async (test) => {
    const { door } = await open(test, { times: { idle: 400 } });
    const line = await lineTo(test, door);
    await line.ask(poll);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal((await line.ask(poll))?.status, 200);
    await line.closed;
  });

  it('is refused beyond so many of one address, until one of them ends', async (test) => {
    const { door } = await open(test, { limits: { connectionsPerAddress: 2 } });
    const [first] = [await lineTo(test, door), await lineTo(test, door)];
    await when(() => door.server.holds.connections === 2);
    const third = await lineTo(test, door);
    await third.closed;
    assert.equal(door.drops.of('https: too many connections from one address'), 1);
    first?.end();
    await when(() => door.server.holds.connections === 1);
    assert.equal((await (await lineTo(test, door)).ask(poll))?.status, 200);
  });

  it('is refused where one address shakes hands too often, and plain HTTP is not', async (test) => {
    const limits = { handshakesPerAddress: 1 };
    const { door } = await open(test, { limits, tls: { identities: [own] } });
    const plain = (await open(test, { limits })).door;
    const ends: string[] = [];
    while (ends.at(-1) !== 'refused') {
      assert.ok(ends.length < 100);
      await (await lineTo(test, plain)).ask(poll);
      ends.push(
        await lineTo(test, door, trusting).then(
          () => 'open',
          () => 'refused',
        ),
      );
    }
    // So many at once; more as time passes.
    assert.ok(ends.length > 5);
    assert.ok(door.drops.of('https: too many handshakes from one address') > 0);
    assert.deepEqual(plain.drops.all(), {});
  });

  it('is refused beyond so many in all', async (test) => {
    const { door } = await open(test, { limits: { connections: 1 } });
    await lineTo(test, door);
    await when(() => door.server.holds.connections === 1);
    await (await lineTo(test, door)).closed;
    assert.equal(door.drops.of('https: too many connections'), 1);
  });

  it('has a report that comes again by another connection acknowledged once more', async (test) => {
    const { rig, door } = await open(test);
    const value = rig.euicc.notification('notificationEnable');
    const body = EsipaMessageFromIpaToEim.encode({
      type: 'handleNotificationEsipa',
      value: { type: 'pendingNotification', value },
    });
    for (let i = 0; i < 3; i++) {
      const line = await lineTo(test, door);
      assert.equal((await line.ask(request(path, asn1Headers, body)))?.status, 204);
    }
    assert.equal(rig.lines.filter(({ event }) => /message repeated/.test(event)).length, 2);
    assert.equal(rig.smdp.named('handleNotification').length, 1);
  });
});

describe('TLS', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`carries requests with ${version}`, async (test) => {
      const { door } = await open(test, { tls: { identities: [own] } });
      const line = await lineTo(test, door, { ...trusting, maxVersion: version });
      assert.equal(line.tls.authorized, true);
      assert.equal(line.tls.getProtocol(), version);
      assert.equal(toHex((await line.ask(poll))?.body ?? new Uint8Array()), nothing);
    });
  }

  for (const suite of [
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-AES128-SHA256',
  ]) {
    it(`takes ${suite}`, async (test) => {
      const { door } = await open(test, { tls: { identities: [own] } });
      const tls = { ...trusting, maxVersion: 'TLSv1.2', ciphers: suite } as const;
      const line = await lineTo(test, door, tls);
      assert.equal(line.tls.getCipher().name, suite);
    });
  }

  it('takes no older version, and no suite without forward secrecy', async (test) => {
    const { door } = await open(test, { tls: { identities: [own] } });
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await assert.rejects(Line.open(door, { ...trusting, ...old } as ConnectionOptions));
    const weak = { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' } as const;
    await assert.rejects(Line.open(door, { ...trusting, ...weak }));
    await when(() => door.drops.of('https: TLS handshake failed') === 2);
    assert.equal((await (await lineTo(test, door, trusting)).ask(poll))?.status, 200);
  });

  it('is not believed by a client that trusts another authority', async (test) => {
    const { door } = await open(test, { tls: { identities: [own] } });
    await assert.rejects(Line.open(door, { ...trusting, ca: new Authority().pem }));
  });

  it('is refused to plain HTTP', async (test) => {
    const { door } = await open(test, { tls: { identities: [own] } });
    const line = await lineTo(test, door);
    assert.equal(await line.ask(poll), undefined);
    assert.equal(door.callers.length, 0);
  });

  it('shows the certificate of the name that is asked for', async (test) => {
    const other: ServerIdentity = {
      ...authority.issue(['*.other.example']),
      serverNames: ['*.other.example'],
    };
    const { door } = await open(test, { tls: { identities: [own, other] } });
    for (const [servername, shown] of [
      ['a.other.example', '*.other.example'],
      ['eim.example.com', 'eim.example.com'],
    ] as const) {
      const line = await lineTo(test, door, { ca: authority.pem, servername });
      assert.equal(line.tls.getPeerCertificate().subject.CN, shown);
    }
    // Without a name, and with one that nobody has, it is the first.
    for (const more of [{}, { servername: 'x.example' }]) {
      const line = await lineTo(test, door, {
        ca: authority.pem,
        ...more,
        rejectUnauthorized: false,
      });
      assert.equal(line.tls.getPeerCertificate().subject.CN, 'eim.example.com');
    }
  });

  it('shows a new certificate from the next handshake on, and keeps connections', async (test) => {
    const { door } = await open(test, { tls: { identities: [own] } });
    const before = await lineTo(test, door, trusting);
    assert.equal((await before.ask(poll))?.status, 200);
    const renewed = new Authority();
    door.server.setSecureContext([renewed.issue(['eim.example.com'])]);
    assert.equal((await before.ask(poll))?.status, 200);
    await assert.rejects(Line.open(door, trusting));
    const after = await lineTo(test, door, { ...trusting, ca: renewed.pem });
    assert.equal((await after.ask(poll))?.status, 200);
  });

  it('shows the certificate of before where the new one is none', async (test) => {
    const { door } = await open(test, { tls: { identities: [own] } });
    const { key } = new Authority().issue(['eim.example.com']);
    assert.throws(() => door.server.setSecureContext([{ ...own, key }]));
    assert.equal((await (await lineTo(test, door, trusting)).ask(poll))?.status, 200);
  });
});

describe('a device with a certificate', () => {
  const devices = new Authority();
  const mine = devices.issue(['device-1']);
  const [leaf = new Uint8Array()] = mine.chain;

  async function known(test: TestContext, mode: 'optional' | 'required' = 'optional') {
    const tls = { identities: [own], clientAuthentication: mode };
    const { rig, door } = await open(test, { tls });
    const pins = { certificates: [fingerprint(leaf)] };
    await rig.eim.devices.add({ identity: 'device-1', eids: [eid], ...pins });
    test.after(rig.eim.devices.onGone((name) => door.server.end((one) => one.name === name)));
    return { rig, door };
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`speaks for the EID that it is bound to, ${version}`, async (test) => {
      const { rig, door } = await known(test);
      await rig.enable();
      const line = await lineTo(test, door, { ...trusting, ...pem(mine), maxVersion: version });
      const heard = await line.ask(poll);
      assert.match(toHex(heard?.body ?? new Uint8Array()), /^BF4F8?1?..?BF51/);
      const identity = { kind: 'certificate', name: 'device-1' };
      assert.deepEqual(door.callers[0]?.caller.identity, identity);
    });
  }

  it('is the only one that does', async (test) => {
    const { rig, door } = await known(test);
    const order = await rig.enable();
    const stranger = await lineTo(test, door, trusting);
    assert.equal(toHex((await stranger.ask(poll))?.body ?? new Uint8Array()), eidNotFound);
    assert.equal(await rig.at(order), 'new');
  });

  it('is nobody with a certificate that no device has', async (test) => {
    const { rig, door } = await known(test);
    const order = await rig.enable();
    const other = await lineTo(test, door, { ...trusting, ...pem(devices.issue(['device-1'])) });
    const heard = await other.ask(poll);
    assert.equal(heard?.status, 403);
    assert.equal(heard.headers['x-admin-protocol'], 'gsma/rsp/v2.1.0');
    await other.closed;
    assert.equal(door.drops.of('https: certificate refused'), 1);
    assert.equal(await rig.at(order), 'new');
  });

  it('is asked of all where it is required', async (test) => {
    const { door } = await known(test, 'required');
    assert.equal((await (await lineTo(test, door, trusting)).ask(poll))?.status, 403);
    const line = await lineTo(test, door, { ...trusting, ...pem(mine) });
    assert.equal((await line.ask(poll))?.status, 200);
  });

  it('is let in no more once it is revoked, and its connection ends', async (test) => {
    const { rig, door } = await known(test);
    const line = await lineTo(test, door, { ...trusting, ...pem(mine) });
    assert.equal((await line.ask(poll))?.status, 200);
    await rig.eim.devices.revoke('device-1');
    await line.closed;
    const again = await lineTo(test, door, { ...trusting, ...pem(mine) });
    assert.equal((await again.ask(poll))?.status, 403);
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`shows it with each connection: no session is resumed, ${version}`, async (test) => {
      const { door } = await known(test);
      const tls = { ...trusting, ...pem(mine), maxVersion: version } as const;
      const first = await lineTo(test, door, tls);
      let session: Buffer | undefined = first.tls.getSession();
      first.tls.on('session', (one) => (session = one));
      await first.ask(poll);
      const second = await lineTo(test, door, {
        ...tls,
        ...(session === undefined ? {} : { session }),
      });
      assert.equal(second.tls.isSessionReused(), false);
      assert.equal((await second.ask(poll))?.status, 200);
    });
  }

  it('is resumed without one, where nobody is asked', async (test) => {
    const { door } = await open(test, { tls: { identities: [own] } });
    const first = await lineTo(test, door, trusting);
    let session: Buffer | undefined;
    first.tls.on('session', (one) => (session = one));
    await first.ask(poll);
    await when(() => session !== undefined);
    const second = await lineTo(test, door, { ...trusting, session });
    assert.equal(second.tls.isSessionReused(), true);
    assert.equal((await second.ask(poll))?.status, 200);
  });

  it('bound to a PSK alone has nobody act for it over HTTPS, unless a setting says so', async (test) => {
    for (const boundEidsOpen of [false, true]) {
      const rig = await Rig.with({ settings: { boundEidsOpen } });
      const door = await openDoor(test, rig, { tls: { identities: [own] } });
      await rig.eim.devices.add({ identity: 'psk-1', key: new Uint8Array(16), eids: [eid] });
      const order = await rig.enable();
      const heard = await (await lineTo(test, door, trusting)).ask(poll);
      assert.equal(await rig.at(order), boundEidsOpen ? 'work' : 'new');
      if (!boundEidsOpen) assert.equal(toHex(heard?.body ?? new Uint8Array()), eidNotFound);
    }
  });
});

describe('the end', () => {
  it('answers what is under way, and takes nothing new', async (test) => {
    let go = (): void => {};
    const held = new Promise<void>((resolve) => (go = resolve));
    const { door } = await open(test, { tls: { identities: [own] }, before: () => held });
    const busy = await lineTo(test, door, trusting);
    const idle = await lineTo(test, door, trusting);
    busy.say(poll);
    await when(() => door.callers.length === 1);
    const closed = door.server.close();
    await idle.closed;
    await assert.rejects(Line.open(door, trusting));
    go();
    const heard = await busy.hear();
    assert.deepEqual([heard?.status, heard?.headers.connection], [200, 'close']);
    await closed;
  });

  it('ends a connection whose answer was on its way, once that has arrived', {
    timeout: 30_000,
  }, async (test) => {
    const long = new Uint8Array(16 * 2 ** 20);
    const { door } = await open(test, {
      answer: { status: 200, headers: {}, body: long },
      times: { grace: 3_600_000, idle: 3_600_000 },
    });
    const line = await lineTo(test, door);
    line.socket.pause();
    line.say(poll);
    await when(() => door.server.holds.answered.get(200) === 1);
    const closed = door.server.close();
    let octets = 0;
    line.socket.on('data', (part: Uint8Array) => {
      octets += part.length;
    });
    line.socket.resume();
    await line.closed;
    await closed;
    assert.ok(octets > long.length, String(octets));
  });

  it('does not wait for ever', async (test) => {
    const { door } = await open(test, {
      times: { grace: 100 },
      before: () => new Promise(() => {}),
    });
    const line = await lineTo(test, door);
    line.say(poll);
    await when(() => door.callers.length === 1);
    await door.server.close();
    assert.equal(await line.hear(), undefined);
  });

  it('does not wait for a handshake that nobody goes on with', async (test) => {
    const { door } = await open(test, { tls: { identities: [own] } });
    await lineTo(test, door);
    await when(() => door.server.holds.connections === 1);
    await door.server.close();
  });

  it('says what is in the way where it cannot listen', async (test) => {
    const { door } = await open(test);
    const { port } = door;
    const options = {
      host: '127.0.0.1',
      port,
      limits: {
        body: 1,
        headers: 1024,
        connections: 1,
        connectionsPerAddress: 1,
        handshakesPerAddress: 1,
        requestsPerConnection: 1,
      },
      times: { request: 1000, idle: 1000, silence: 1000, grace: 1000 },
      handler: {
        refusal: () => undefined,
        answer: () => assert.fail(),
        refused: () => assert.fail(),
      },
      clock: { now: () => 0, after: () => () => {} },
      log: { debug() {}, info() {}, warn() {}, error() {}, drop() {} },
    };
    await assert.rejects(HttpsServer.listen(options), {
      name: 'HttpsServerError',
      message: `cannot listen on TCP 127.0.0.1 port ${port} (EADDRINUSE); another program listens there: stop it or set https.port`,
    });
  });
});
