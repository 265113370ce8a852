/** Groups, ECDHE_PSK and several PSKs of one identity. Bytes from elsewhere: test/vectors/dtls-suites.ts. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { AlertDescription, HandshakeError } from '../../src/dtls/alert.ts';
import { type CipherSuite, cipherSuites } from '../../src/dtls/cipher-suites.ts';
import type { DtlsCredentials } from '../../src/dtls/credentials.ts';
import { extension } from '../../src/dtls/extensions.ts';
import {
  epochKeys,
  masterSecret,
  pskPremaster,
  type Randoms,
  verifyData,
} from '../../src/dtls/key-schedule.ts';
import { ClientHello } from '../../src/dtls/messages/client-hello.ts';
import { EcdhePskClientKeyExchange } from '../../src/dtls/messages/client-key-exchange.ts';
import { HandshakeType } from '../../src/dtls/messages/handshake-message.ts';
import { ServerHello } from '../../src/dtls/messages/server-hello.ts';
import { EcdhePskServerKeyExchange } from '../../src/dtls/messages/server-key-exchange.ts';
import { type NamedGroupName, namedGroups } from '../../src/dtls/named-groups.ts';
import { decode, encode } from '../../src/dtls/struct.ts';
import { agreements, californiumSession, ecdhePsk, x25519 } from '../vectors/dtls-suites.ts';
import { Bench, psk } from './support/bench.ts';
import { Authority, trusting } from './support/certificates.ts';
import { encodeMessage } from './support/encode-message.ts';
import { Link } from './support/link.ts';
import { messageOf, plainAlerts, RawClient, recordsOf, whole } from './support/raw-client.ts';

const fill = (octet: number) => (length: number) => new Uint8Array(length).fill(octet);

function keyBlock(suite: CipherSuite, master: Uint8Array, randoms: Randoms): string {
  const { client, server } = epochKeys(suite, master, randoms);
  return toHex(
    concat(client.mac, server.mac, client.key, server.key, client.iv, server.iv),
  ).toLowerCase();
}

describe('named groups', () => {
  for (const name of ['secp256r1', 'brainpoolP256r1'] as const) {
    it(`D34: agree on the published secret: ${name}`, () => {
      const { a, b, shared } = agreements[name];
      const [one, two] = [1, 2].map((octet) => namedGroups[name].generate(fill(octet)));
      assert.ok(one && two);
      assert.deepEqual(
        [toHex(one.point), toHex(two.point)],
        [a, b].map((point) => point.toUpperCase()),
      );
      assert.equal(toHex(one.shared(two.point)), shared.toUpperCase());
      assert.equal(toHex(two.shared(one.point)), shared.toUpperCase());
    });
  }

  it('take other random octets for those that are no scalar: one in three on brainpoolP256r1', () => {
    for (const name of ['secp256r1', 'brainpoolP256r1'] as const) {
      let draws = 0;
      const key = namedGroups[name].generate((length) => fill(++draws < 20 ? 0xff : 1)(length));
      assert.equal(toHex(key.point), agreements[name].a.toUpperCase());
      assert.equal(draws, 20);
      assert.throws(() => namedGroups[name].generate(fill(0xff)), /no scalar/);
    }
  });

  it('D34: agree on the published secret: x25519', () => {
    const bob = namedGroups.x25519.generate(() => hex(x25519.bobPrivate));
    assert.equal(toHex(bob.point), x25519.bobPublic.toUpperCase());
    assert.equal(toHex(bob.shared(hex(x25519.alicePublic))), x25519.shared.toUpperCase());
  });

  it('D34: take no point that is none of theirs', () => {
    const p256 = hex(agreements.secp256r1.a);
    const wrong: Readonly<Record<NamedGroupName, readonly Uint8Array[]>> = {
      secp256r1: [hex(agreements.brainpoolP256r1.a), p256.subarray(1), Uint8Array.of(0)],
      brainpoolP256r1: [p256, Uint8Array.of(2, ...p256.subarray(1, 33))],
      // Of small order: 0, 1, and the one of order 8 (RFC 7748 §6.1 has them refused by the zero that comes out).
      x25519: [
        new Uint8Array(32),
        Uint8Array.of(1, ...new Uint8Array(31)),
        new Uint8Array(31),
        p256,
      ],
    };
    for (const [name, points] of Object.entries(wrong) as [NamedGroupName, Uint8Array[]][]) {
      const share = namedGroups[name].generate(fill(1));
      for (const point of points) {
        assert.throws(
          () => share.shared(point),
          (error) =>
            error instanceof HandshakeError && error.alert === AlertDescription.illegalParameter,
          `${name} ${toHex(point)}`,
        );
      }
    }
  });
});

describe('ECDHE_PSK', () => {
  const shared = hex(agreements.secp256r1.shared);
  const premaster = pskPremaster(psk.key, shared);
  const randoms = {
    client: Uint8Array.from({ length: 32 }, (_, i) => i),
    server: Uint8Array.from({ length: 32 }, (_, i) => 0x40 + i),
  };

  it('D29: has the premaster secret of RFC 5489 §2', () => {
    assert.equal(toHex(premaster), ecdhePsk.premaster.toUpperCase());
  });

  for (const [name, due] of [
    ['TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256', ecdhePsk.sha256],
    ['TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384', ecdhePsk.sha384],
  ] as const) {
    it(`D38: has the secrets that the key schedule makes with ${name}`, () => {
      const suite = cipherSuites[name];
      const master = masterSecret(suite.hash, premaster, randoms, undefined);
      assert.equal(toHex(master), due.master.toUpperCase());
      assert.equal(keyBlock(suite, master, randoms), due.keyBlock);
    });
  }

  it('D32: of Californium has messages and secrets that come out', () => {
    const session = californiumSession;
    const suite = cipherSuites.TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256;
    const hello = recordsOf(hex(session.clientHello)).map(messageOf);
    const flight4 = recordsOf(hex(session.flight4)).map(messageOf);
    const body = hex(session.exchange).subarray(12);
    const exchange = { type: HandshakeType.clientKeyExchange, sequence: 2, body };
    const [clientHello] = hello;
    const [serverHello, parameters] = flight4;
    assert.ok(clientHello && serverHello && parameters);
    const heard = decode('', EcdhePskServerKeyExchange, parameters.body);
    assert.equal(heard.identityHint.length, 0);
    assert.deepEqual(encode(EcdhePskServerKeyExchange, heard), new Uint8Array(parameters.body));
    const share = namedGroups.secp256r1.generate(() => hex(session.serverPrivate));
    assert.deepEqual(new Uint8Array(heard.parameters.point), new Uint8Array(share.point));
    const { identity, point } = decode('', EcdhePskClientKeyExchange, body);
    assert.deepEqual(new Uint8Array(identity), utf8('dev1'));
    const secret = pskPremaster(psk.key, share.shared(point));
    assert.equal(toHex(secret), session.premaster.toUpperCase());
    const digest = createHash('sha256')
      .update(concat(...[...hello, ...flight4, exchange].map(encodeMessage)))
      .digest();
    assert.equal(toHex(digest), session.sessionHash.toUpperCase());
    const both = {
      client: decode('', ClientHello, clientHello.body).random,
      server: decode('', ServerHello, serverHello.body).random,
    };
    const master = masterSecret('sha256', secret, both, digest);
    assert.equal(toHex(master), session.master.toUpperCase());
    assert.equal(keyBlock(suite, master, both), session.keyBlock);
    const verify = verifyData('sha256', master, 'client', digest);
    assert.equal(toHex(verify), session.clientVerifyData.toUpperCase());
  });

  it('D32: has a ServerKeyExchange, unsigned, with an empty hint or the one there is', () => {
    for (const pskHint of [undefined, 'fleet']) {
      const credentials = { psk: () => [], ...(pskHint === undefined ? {} : { pskHint }) };
      const bench = new Bench({ credentials });
      const client = new RawClient(bench, {
        hello: { cipherSuites: [0xc037], extensions: [extension.supportedGroups([23])] },
      });
      client.takeCookie(client.say(client.helloRecord()));
      const [, parameters] = client.say(client.helloRecord(1, 1)).flatMap(recordsOf).map(messageOf);
      assert.equal(parameters?.type, HandshakeType.serverKeyExchange);
      const { identityHint } = decode('', EcdhePskServerKeyExchange, parameters.body);
      assert.deepEqual(new Uint8Array(identityHint), utf8(pskHint ?? ''));
    }
  });

  it('D31: goes on in silence with an identity that nobody knows', () => {
    const bench = new Bench();
    const hello = { cipherSuites: [0xd003], extensions: [] };
    const client = new RawClient(bench, { hello });
    client.takeCookie(client.say(client.helloRecord()));
    assert.ok(client.say(client.helloRecord(1, 1)).length > 0);
    const body = encode(EcdhePskClientKeyExchange, {
      identity: utf8('nobody'),
      point: hex(agreements.secp256r1.a),
    });
    const exchange = whole({ type: HandshakeType.clientKeyExchange, sequence: 2, body });
    assert.deepEqual(client.say(client.plain(exchange)), []);
    assert.equal(bench.server.size.handshakes, 1);
  });

  it('D34: ends with a point that is none of the curve', () => {
    const bench = new Bench();
    const client = new RawClient(bench, { hello: { cipherSuites: [0xd003], extensions: [] } });
    client.takeCookie(client.say(client.helloRecord()));
    client.say(client.helloRecord(1, 1));
    const point = hex(agreements.brainpoolP256r1.a);
    const body = encode(EcdhePskClientKeyExchange, { identity: utf8('dev1'), point });
    const exchange = whole({ type: HandshakeType.clientKeyExchange, sequence: 2, body });
    const alerts = plainAlerts(client.say(client.plain(exchange)));
    assert.deepEqual(alerts, [[2, AlertDescription.illegalParameter]]);
  });
});

describe('a client in a group', () => {
  const authority = new Authority();
  const certificate = authority.issue(['eim.example.com']);
  const credentials: DtlsCredentials = { psk: () => [psk.key], certificates: [certificate] };

  for (const group of Object.keys(namedGroups) as NamedGroupName[]) {
    it(`D34: meets with ${group}, and ECDHE_PSK or a certificate`, async () => {
      const link = new Link({ server: { credentials } });
      const groups = [group, 'secp256r1'] as const;
      const byKey = link.connect(
        { type: 'psk', ...psk },
        { suites: ['TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256'], groups },
      );
      const byCertificate = link.connect(trusting(authority), { groups });
      await link.clock.turn(1000);
      assert.deepEqual(byKey.outcome, { connected: true });
      assert.deepEqual(byCertificate.outcome, { connected: true });
    });
  }

  it('is refused where the server has none of its groups', async () => {
    const link = new Link({ server: { credentials, groups: ['secp256r1'] } });
    const linked = link.connect(
      { type: 'psk', ...psk },
      { suites: ['TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256'], groups: ['x25519'] },
    );
    await link.clock.turn(1000);
    assert.match(String(linked.outcome.error), /handshakeFailure \(40\)/);
  });
});

describe('an identity of several PSKs', () => {
  const [fresh, old] = [utf8('the-new-one'), utf8('the-old-one')];

  for (const suite of [
    'TLS_PSK_WITH_AES_128_CCM_8',
    'TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256',
  ] as const) {
    it(`connects with any of them, and tells which: ${suite}`, async () => {
      for (const key of [fresh, old]) {
        const used: [string, Uint8Array][] = [];
        const credentials: DtlsCredentials = {
          psk: () => [fresh, old],
          pskUsed: (identity, key) => used.push([identity, key]),
        };
        const link = new Link({ server: { credentials } });
        const linked = link.connect({ type: 'psk', identity: 'dev1', key }, { suites: [suite] });
        await link.clock.turn(1000);
        assert.deepEqual(linked.outcome, { connected: true });
        assert.deepEqual(used, [['dev1', key]]);
        linked.client.send(utf8('up'));
        await link.clock.turn(100);
        const [[peer, data] = []] = link.bench.delivered;
        assert.deepEqual(data, utf8('up'));
        peer?.send(utf8('down'));
        await link.clock.turn(100);
        assert.deepEqual(linked.received, [utf8('down')]);
      }
    });
  }

  it('does not connect with another', async () => {
    const used: unknown[] = [];
    const credentials: DtlsCredentials = {
      psk: () => [fresh, old],
      pskUsed: (...args) => used.push(args),
    };
    const link = new Link({ server: { credentials } });
    const linked = link.connect({ type: 'psk', identity: 'dev1', key: utf8('neither') });
    await link.clock.turn(10_000);
    assert.deepEqual(linked.outcome, { connected: false });
    assert.deepEqual(used, []);
    assert.deepEqual(link.bench.opened, []);
  });
});
