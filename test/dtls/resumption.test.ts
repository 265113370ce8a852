/** Sessions resumed by ID and by ticket (RFC 5246 §7.3, RFC 5077), and when they must not be. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Address } from '../../src/base/address.ts';
import { equal, fromUtf8, hex, utf8 } from '../../src/base/bytes.ts';
import { AlertDescription, HandshakeError } from '../../src/dtls/alert.ts';
import type { DtlsClientOptions } from '../../src/dtls/client.ts';
import type { ClientSession } from '../../src/dtls/client-resumption.ts';
import { ExtensionType, extension } from '../../src/dtls/extensions.ts';
import { readFragments } from '../../src/dtls/fragments.ts';
import { HandshakeType } from '../../src/dtls/messages/handshake-message.ts';
import { ContentType, readRecords } from '../../src/dtls/record.ts';
import type { DtlsServerOptions } from '../../src/dtls/server.ts';
import { settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { Bench, home, only } from './support/bench.ts';
import { Device } from './support/device.ts';
import { Disk } from './support/disk.ts';
import { RawClient } from './support/raw-client.ts';

const hour = 3_600_000;
const elsewhere: Address = { address: '198.51.100.7', port: 40001 };
const resumption = { lifetime: 24 * hour, tickets: true, skipCookie: false, ceiling: 1000 };

let lives = 300;

function serve(options: Partial<DtlsServerOptions> = {}): Bench {
  return new Bench({ resumption, random: seededRandom(lives++), ...options });
}

type Way = 'ID' | 'ticket';
const ways: Readonly<Record<Way, Partial<DtlsClientOptions>>> = {
  ID: {},
  ticket: { tickets: true },
};

/** The session of a first connection. */
async function firstSession(bench: Bench, options: Partial<DtlsClientOptions>) {
  const device = await new Device(bench, options).connect();
  const { session } = device.client;
  assert.ok(session, 'there is nothing to resume');
  device.client.close();
  await settled();
  bench.heard();
  return session;
}

let seeds = 1000;

/** A second connection that would like to resume. */
async function again(
  bench: Bench,
  resume: ClientSession,
  options: Partial<DtlsClientOptions> & { readonly at?: Address } = {},
) {
  return await new Device(bench, { seed: seeds++, resume, ...options }).connect();
}

/** The handshake messages and the change_cipher_spec in the clear, as types. */
function clear(datagrams: readonly Uint8Array[]): readonly string[] {
  return datagrams
    .flatMap((datagram) => [...readRecords(datagram, () => {}, 8)])
    .map(({ type, epoch, fragment }) => {
      if (epoch === 1) return 'sealed';
      if (type === ContentType.changeCipherSpec) return 'change_cipher_spec';
      return `${only(readFragments(fragment) ?? []).type}`;
    });
}

for (const way of ['ID', 'ticket'] as const) {
  const client = ways[way];

  describe(`a session resumed by ${way}`, () => {
    it('D52, D54: takes one round trip after the cookie, in the order of the figure', async () => {
      const bench = serve();
      const session = await firstSession(bench, client);
      assert.equal(session.ticket !== undefined, way === 'ticket');
      assert.equal(session.id.length > 0, way === 'ID');
      const device = await again(bench, session);
      assert.ok(device.client.resumed);
      assert.deepEqual(clear(device.sent), ['1', '1', 'change_cipher_spec', 'sealed']);
      assert.deepEqual(clear(device.heard), ['3', '2', 'change_cipher_spec', 'sealed']);
      assert.equal(device.client.statistics.flights, 5);
      const peer = bench.opened[1];
      assert.ok(peer);
      assert.deepEqual(peer.credential, { type: 'psk', identity: 'dev1' });
      assert.notEqual(peer.id, bench.opened[0]?.id);
      device.send('up');
      peer.send(utf8('down'));
      device.hear();
      assert.deepEqual(
        [fromUtf8(bench.delivered[0]?.[1] ?? hex('')), device.texts],
        ['up', ['down']],
      );
      assert.deepEqual(bench.errors(), []);
    });

    it('is resumed again and again', async () => {
      const bench = serve();
      let session = await firstSession(bench, client);
      for (let n = 0; n < 3; n++) {
        const device = await again(bench, session);
        assert.ok(device.client.resumed, `${n}`);
        session = device.client.session ?? session;
        device.client.close();
      }
    });

    it('agrees on connection IDs anew', async () => {
      const bench = serve({ connectionIds: { length: 8 } });
      const session = await firstSession(bench, { ...client, connectionId: { own: hex('01') } });
      const device = await again(bench, session, { connectionId: { own: hex('0202') } });
      assert.ok(device.client.resumed && device.client.mayMove);
      device.address = elsewhere;
      device.send('moved');
      assert.equal(fromUtf8(bench.delivered.at(-1)?.[1] ?? hex('')), 'moved');
      const without = await again(bench, session);
      assert.ok(without.client.resumed && !without.client.mayMove);
    });

    it('D58: may be, after a close_notify', async () => {
      const bench = serve();
      const session = await firstSession(bench, client);
      assert.deepEqual(
        bench.closed.map(([, reason]) => reason),
        ['closed by the peer'],
      );
      assert.ok((await again(bench, session)).client.resumed);
    });

    it('D53: is not after a fatal alert', async () => {
      const bench = serve();
      const session = await firstSession(bench, client);
      const at = { address: '192.0.2.44', port: 4 };
      const device = await new Device(bench, { ...client, seed: 55, at }).connect();
      const ended = device.client.session;
      assert.ok(ended);
      device.client.abort();
      assert.equal(bench.closed.at(-1)?.[1], 'alert of the peer: internalError (80)');
      assert.ok(!(await again(bench, ended)).client.resumed);
      assert.ok((await again(bench, session)).client.resumed, 'another one is, still');
    });

    it('D53: is not after its time', async () => {
      const bench = serve();
      const session = await firstSession(bench, client);
      await bench.clock.turn(24 * hour - 1000);
      assert.ok((await again(bench, session)).client.resumed);
      await bench.clock.turn(2000);
      const device = await again(bench, session);
      assert.ok(!device.client.resumed);
      assert.equal(bench.opened.length, 3, 'a full handshake in its place');
    });

    it('D53: is not once its identity is revoked', async () => {
      let known = true;
      const bench = serve({ admits: () => known });
      const session = await firstSession(bench, client);
      known = false;
      assert.ok(!(await again(bench, session)).client.resumed);
    });

    it('is not with a suite that the client no longer offers, or the server no longer has', async () => {
      const bench = serve();
      const session = await firstSession(bench, client);
      const suites = ['TLS_PSK_WITH_AES_128_GCM_SHA256'] as const;
      const device = await again(bench, session, { suites });
      assert.ok(!device.client.resumed);
    });

    it('is not for mbedTLS 2, which would forget its connection ID', async () => {
      const bench = serve({ connectionIds: { length: 8, drafts: true } });
      const connectionId = { own: hex('beef'), type: ExtensionType.connectionIdMbedTls2 };
      const session = await firstSession(bench, { ...client, connectionId });
      const device = await again(bench, session, { connectionId });
      assert.ok(!device.client.resumed);
      assert.ok(device.client.mayMove);
    });

    it('is not where an octet of what asks for it is another', async () => {
      const bench = serve();
      const session = await firstSession(bench, client);
      const flip = (octets: Uint8Array, at: number) => octets.with(at, (octets[at] ?? 0) ^ 1);
      const length = (session.ticket ?? session.id).length;
      for (const at of [0, 3, 5, 13, length - 1]) {
        const tampered =
          session.ticket === undefined
            ? { ...session, id: flip(session.id, at) }
            : { ...session, ticket: flip(session.ticket, at) };
        const device = await again(bench, tampered);
        assert.ok(!device.client.resumed, `octet ${at}`);
        assert.ok(bench.opened.length > 1, 'a full handshake in its place');
      }
    });

    it('is worth nothing without its secret', async () => {
      const bench = serve();
      const session = await firstSession(bench, client);
      const resume = { ...session, master: new Uint8Array(48) };
      const device = await new Device(bench, { seed: 7, resume }).connect();
      device.send('let me in');
      await bench.clock.turn(200_000);
      assert.deepEqual(bench.delivered, []);
      assert.equal(bench.opened.length, 1);
    });

    it('outlives a restart', async () => {
      const disk = new Disk();
      const kept = { store: disk, key: new Uint8Array(32).fill(5) };
      const before = serve({ kept });
      const session = await firstSession(before, client);
      await settled();
      const after = serve({ kept });
      await after.server.ready();
      const device = await again(after, session);
      assert.ok(device.client.resumed);
      assert.deepEqual(
        after.opened.map(({ credential }) => credential),
        [{ type: 'psk', identity: 'dev1' }],
      );
      const stranger = serve({ kept: { store: new Disk(), key: kept.key } });
      assert.ok(!(await again(stranger, session)).client.resumed);
    });

    if (way === 'ID') {
      it('is looked for in memory of its own, and ends a handshake that began meanwhile', async () => {
        const kept = { store: new Disk(), key: new Uint8Array(32).fill(6) };
        const before = serve({ kept });
        const resume = await firstSession(before, client);
        await settled();
        const bench = serve({ kept });
        await bench.server.ready();
        const device = new Device(bench, { seed: seeds++, resume });
        const connected = device.client.connect();
        device.deaf = true;
        device.hear();
        device.deaf = false;
        const datagram = device.sent.at(-1)?.slice() ?? assert.fail();
        bench.server.receive(datagram, home);
        datagram.fill(0);
        assert.equal(bench.server.holds.handshakes, 0);
        new RawClient(bench).begin();
        assert.deepEqual([bench.server.holds.handshakes, bench.server.holds.alarms], [1, 2]);
        await settled();
        assert.deepEqual([bench.server.holds.handshakes, bench.server.holds.alarms], [1, 2]);
        device.hear();
        await connected;
        assert.ok(device.client.resumed);
        assert.deepEqual(bench.errors(), []);
      });
    }

    it('needs a cookie like any other, unless its owner says otherwise', async () => {
      const bench = serve({ resumption: { ...resumption, skipCookie: true } });
      const session = await firstSession(bench, client);
      const device = await again(bench, session, { at: { ...home, port: 50_000 } });
      assert.ok(device.client.resumed);
      assert.deepEqual(clear(device.sent), ['1', 'change_cipher_spec', 'sealed']);
      assert.equal(device.client.statistics.flights, 3);
      const [hello = hex(''), flight = hex('')] = [device.sent[0], device.heard[0]];
      assert.ok(flight.length < 2 * hello.length, `${flight.length} octets for ${hello.length}`);
    });

    it('needs a cookie from another address, without a session, and where many handshakes are', async () => {
      const bench = serve({
        resumption: { ...resumption, skipCookie: true },
        limits: { halfOpen: 4 },
      });
      const session = await firstSession(bench, client);
      const moved = await again(bench, session, { at: elsewhere });
      assert.ok(moved.client.resumed);
      assert.equal(clear(moved.heard)[0], `${HandshakeType.helloVerifyRequest}`);
      new RawClient(bench, { seed: 1, from: { address: '192.0.2.1', port: 1 } }).begin();
      const busy = await again(bench, session, { at: { ...home, port: 50_001 } });
      assert.ok(busy.client.resumed);
      assert.equal(clear(busy.heard)[0], `${HandshakeType.helloVerifyRequest}`);
    });

    it('needs a cookie where it would not be resumed, so that no full handshake goes without', async () => {
      const bench = serve({ resumption: { ...resumption, skipCookie: true } });
      const session = await firstSession(bench, client);
      const first = async (options: Partial<DtlsClientOptions>) => {
        const device = await again(bench, session, { at: { ...home, port: seeds }, ...options });
        assert.ok(!device.client.resumed);
        return clear(device.heard)[0];
      };
      const suites = ['TLS_PSK_WITH_AES_128_GCM_SHA256'] as const;
      assert.equal(await first({ suites }), `${HandshakeType.helloVerifyRequest}`);
      await bench.clock.turn(25 * hour);
      assert.equal(await first({}), `${HandshakeType.helloVerifyRequest}`);
    });

    it('leaves most of an address’s handshakes to those that showed that they are there', async () => {
      const bench = serve({
        resumption: { ...resumption, skipCookie: true },
        limits: { halfOpenPerAddress: 8 },
      });
      const session = await firstSession(bench, client);
      let begun = 0;
      for (let port = 1; port <= 20; port++) {
        const from = { ...home, port };
        const forged = new Device(bench, { seed: seeds++, resume: session, at: from });
        forged.client.connect().catch(() => {});
        begun = bench.server.size.handshakes;
      }
      assert.equal(begun, 2);
      const device = await again(bench, session, { at: { ...home, port: 50_000 } });
      assert.ok(device.client.resumed);
    });

    it('begins but once for a hello that comes twice', async () => {
      const bench = serve({ resumption: { ...resumption, skipCookie: true } });
      const session = await firstSession(bench, client);
      const device = new Device(bench, { seed: 9, resume: session });
      device.client.connect().catch(() => {});
      const hello = device.sent[0] ?? assert.fail();
      const first = bench.mail(home);
      assert.equal(first.length, 1);
      bench.say(hello);
      assert.equal(bench.server.size.handshakes, 1);
    });
  });
}

const usual = [extension.renegotiationInfo(), extension.extendedMasterSecret()];

describe('sessions', () => {
  it('D40: are resumed with the extended master secret or not at all (RFC 7627 §5.3)', async () => {
    const bench = serve();
    const session = await firstSession(bench, {});
    const hello = { sessionId: session.id, extensions: [extension.renegotiationInfo()] };
    const client = new RawClient(bench, { hello });
    client.takeCookie(client.say(client.helloRecord(0, 0)));
    const [answer] = readRecords(only(client.say(client.helloRecord(1, 1))), () => {});
    assert.deepEqual([...(answer?.fragment ?? [])], [2, AlertDescription.handshakeFailure]);
    assert.equal(bench.server.size.handshakes, 0);
  });

  it('D40: without it are not kept, so that a hello with it shakes hands in full', () => {
    const bench = serve();
    const hello = { extensions: [extension.renegotiationInfo()] };
    const client = new RawClient(bench, { hello });
    client.takeCookie(client.say(client.helloRecord(0, 0)));
    const flight4 = client.say(client.helloRecord(1, 1));
    const [first] = readRecords(only(flight4), () => {});
    const message = only(readFragments(first?.fragment ?? hex('')) ?? []);
    assert.equal(message.body[34], 0, 'an empty session_id');
    assert.equal(bench.server.holds.sessions, 0);
  });

  it('D53: are bound to the server name of their first handshake', async () => {
    const bench = serve();
    const session = await firstSession(bench, {});
    const names = [extension.serverName('other.example')];
    const hello = { sessionId: session.id, extensions: [...usual, ...names] };
    const client = new RawClient(bench, { hello });
    client.takeCookie(client.say(client.helloRecord(0, 0)));
    client.takeFlight4(client.say(client.helloRecord(1, 1)));
    client.finish();
    assert.equal(bench.opened.length, 2, 'a full handshake');
  });

  it('are kept for peers with a connection ID in memory alone', async () => {
    const disk = new Disk();
    const kept = { store: disk, key: new Uint8Array(32) };
    const bench = serve({ kept, connectionIds: { length: 8 } });
    await new Device(bench, { connectionId: { own: hex('01') } }).connect();
    await settled();
    assert.deepEqual(
      [...disk.entries.values()].map((entry) => entry.key[0]),
      [0x63],
    );
  });

  it('are no more than the ceiling', async () => {
    const bench = serve({ resumption: { ...resumption, ceiling: 2 } });
    const sessions: ClientSession[] = [];
    for (let n = 0; n < 3; n++)
      sessions.push(await firstSession(bench, { random: seededRandom(n) }));
    assert.equal(bench.server.holds.sessions, 2);
    const [oldest, , newest] = sessions;
    assert.ok(oldest && newest);
    assert.ok((await again(bench, newest)).client.resumed);
    assert.ok(!(await again(bench, oldest)).client.resumed);
  });

  it('D54: by ticket work with any server of the same store', async () => {
    const kept = { store: new Disk(), key: new Uint8Array(32).fill(9) };
    const one = serve({ kept });
    const session = await firstSession(one, { tickets: true });
    await settled();
    const other = serve({ kept });
    await other.server.ready();
    assert.ok((await again(other, session)).client.resumed);
  });

  it('by ticket get a new one in the second half of their life, with the same end', async () => {
    const bench = serve();
    const session = await firstSession(bench, { tickets: true });
    await bench.clock.turn(13 * hour);
    const device = await again(bench, session);
    const renewed = device.client.session;
    assert.ok(device.client.resumed && renewed?.ticket && session.ticket);
    assert.ok(!equal(renewed.ticket, session.ticket));
    assert.deepEqual(clear(device.heard), ['3', '2', '4', 'change_cipher_spec', 'sealed']);
    await bench.clock.turn(10 * hour);
    assert.ok((await again(bench, renewed)).client.resumed);
    await bench.clock.turn(2 * hour);
    assert.ok(!(await again(bench, renewed)).client.resumed);
  });

  it('by ticket have keys that are replaced, and forgotten in the end', async () => {
    const disk = new Disk();
    const kept = { store: disk, key: new Uint8Array(32) };
    const bench = serve({ kept });
    const lengths: number[] = [];
    for (let n = 0; n < 8; n++) {
      await firstSession(bench, { tickets: true, random: seededRandom(n) });
      await settled();
      lengths.push(disk.entries.get('74')?.octets.length ?? 0);
      await bench.clock.turn(12 * hour);
    }
    const [first = 0, second = 0] = lengths;
    assert.ok(second > first, 'a second key');
    assert.ok(Math.max(...lengths) <= first + 3 * (second - first), 'and never many');
  });

  it('are not there for clients of a server that resumes none', async () => {
    const bench = new Bench();
    const device = await new Device(bench, { tickets: true }).connect();
    assert.equal(device.client.session, undefined);
  });

  it('are refused by a client where the server resumes with another suite', async () => {
    const bench = serve();
    const session = await firstSession(bench, {});
    const gcm = { TLS_PSK_WITH_AES_128_GCM_SHA256: 0x00a8 } as const;
    const other = {
      ...session,
      suite: { ...session.suite, id: gcm.TLS_PSK_WITH_AES_128_GCM_SHA256 },
    };
    const device = new Device(bench, { seed: 3, resume: other });
    await assert.rejects(device.connect(), HandshakeError);
  });
});
