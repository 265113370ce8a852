/** Suites in order, and the extensions that change records: encrypt_then_mac, max_fragment_length, record_size_limit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AlertDescription } from '../../src/dtls/alert.ts';
import { cipherSuites, isCipherSuiteName } from '../../src/dtls/cipher-suites.ts';
import type { DtlsClientOptions } from '../../src/dtls/client.ts';
import { type Extension, Extensions, ExtensionType, extension } from '../../src/dtls/extensions.ts';
import { ServerHello } from '../../src/dtls/messages/server-hello.ts';
import type { DtlsServerOptions } from '../../src/dtls/server.ts';
import { decode } from '../../src/dtls/struct.ts';
import { defaultSuites, suiteProfiles } from '../../src/dtls/suite-profiles.ts';
import { Bench, psk } from './support/bench.ts';
import { Authority, trusting } from './support/certificates.ts';
import { Link } from './support/link.ts';
import { messageOf, plainAlerts, RawClient, recordsOf } from './support/raw-client.ts';

const authority = new Authority();
const certificates = [authority.issue(['eim.example.com'])];
const credentials = { psk: () => [psk.key], certificates };
const everything = Object.values(cipherSuites).map(({ id }): number => id);

function answerTo(
  suites: readonly number[],
  extensions: readonly Extension[] = [],
  options: Partial<DtlsServerOptions> = {},
) {
  const bench = new Bench({ credentials, mtu: 4000, ...options });
  const client = new RawClient(bench, { hello: { cipherSuites: suites, extensions } });
  client.takeCookie(client.say(client.helloRecord()));
  const datagrams = client.say(client.helloRecord(1, 1));
  const alerts = plainAlerts(datagrams);
  const [first] = alerts.length > 0 ? [] : datagrams.flatMap(recordsOf);
  const hello = first && decode('', ServerHello, messageOf(first).body);
  return { alerts, suite: hello?.cipherSuite, extensions: new Extensions(hello?.extensions ?? []) };
}

describe('suites', () => {
  it('come in the order that was set', () => {
    const suites = [
      'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
      'TLS_PSK_WITH_AES_128_GCM_SHA256',
      'TLS_PSK_WITH_AES_128_CCM_8',
    ] as const;
    assert.equal(answerTo(everything, [], { suites }).suite, 0xc02c);
    assert.equal(answerTo([0xc0a8, 0x00a8], [], { suites }).suite, 0x00a8);
    assert.deepEqual(answerTo([0xc0ae], [], { suites }).alerts, [
      [2, AlertDescription.handshakeFailure],
    ]);
  });

  it('of the profile strict are the two that GSMA asks for', () => {
    const suites = suiteProfiles.strict;
    assert.equal(answerTo(everything, [], { suites }).suite, 0xc02b);
    assert.equal(answerTo([0xc02c, 0xc0a8], [], { suites }).suite, 0xc02c);
    const others = everything.filter((id) => id !== 0xc02b && id !== 0xc02c);
    const { alerts } = answerTo(others, [], { suites });
    assert.deepEqual(alerts, [[2, AlertDescription.handshakeFailure]]);
  });

  it('of the profile constrained have AES-128 as AEAD, and PSK with CCM_8 first', () => {
    const suites = suiteProfiles.constrained;
    assert.equal(answerTo(everything, [], { suites }).suite, 0xc0a8);
    for (const name of suites) {
      assert.match(cipherSuites[name].cipher.algorithm, /^aes-128-(ccm|gcm)$/, name);
    }
  });

  it('are all there where nothing was set, with CBC behind all others', () => {
    assert.deepEqual([...defaultSuites].sort(), Object.keys(cipherSuites).sort());
    const isCbc = defaultSuites.map((name) => cipherSuites[name].cipher.macKeyLength > 0);
    assert.deepEqual(isCbc.slice(-3), [true, true, true]);
    assert.ok(!isCbc.slice(0, -3).includes(true));
  });

  it('have names, and nothing else has', () => {
    assert.ok(isCipherSuiteName('TLS_PSK_WITH_AES_128_CCM_8'));
    assert.ok(!isCipherSuiteName('toString'));
  });
});

/** What clients offer in their hellos (captures, and the list of suites that Nordic's modem has). */
describe('the suite that a client gets', () => {
  const withKeys = { psk: () => [psk.key] };
  const certified = { certificates };
  const nrf91 = [
    ...[0xc024, 0xc00a, 0xc023, 0xc009, 0xc014, 0xc027, 0xc013],
    ...[0x008d, 0x00ae, 0x008c, 0xc0a8, 0x00ff],
  ];
  const tinydtls = [0xc0ae, 0xc0ac, 0xc0a8, 0xc0a4, 0x00ff];
  const californium = [0xd001, 0xd002, 0xd003, 0xd005, 0x00a8, 0x00a9, 0xc0a8, 0xc0a9, 0x00ff];
  const gnutlsPsk = [
    ...[0xccac, 0xc036, 0xc035, 0xc037, 0x00a9, 0xccab, 0xc0a5, 0x008d, 0x00a8, 0xc0a4],
    ...[0x008c, 0x00ae, 0xc0a8],
  ];
  const openssl = [0xc02c, 0xcca9, 0xc02b, 0xc024, 0xc023, 0xc00a, 0xc009, 0x00ff];
  for (const [name, offered, own, due] of [
    ['nRF91 with a PSK', nrf91, withKeys, 0xc0a8],
    ['nRF91 without', nrf91, certified, 0xc023],
    ['nRF91 of newer firmware without', [0xc02b, ...nrf91], certified, 0xc02b],
    ['tinydtls with a PSK', tinydtls, withKeys, 0xc0a8],
    ['tinydtls without', tinydtls, certified, 0xc0ae],
    ['Californium with a PSK', californium, withKeys, 0xc0a8],
    ['Californium that has ECDHE_PSK alone', californium.slice(0, 4), withKeys, 0xd003],
    ['GnuTLS with a PSK', gnutlsPsk, withKeys, 0xc0a8],
    ['GnuTLS that has ECDHE_PSK alone', gnutlsPsk.slice(0, 4), withKeys, 0xccac],
    ['OpenSSL', openssl, certified, 0xc02b],
  ] as const) {
    it(`is ${due.toString(16)}: ${name}`, () => {
      assert.equal(answerTo(offered, [], { credentials: own }).suite, due);
    });
  }

  it('D46: goes with a raw public key: tinydtls', () => {
    const hello = [
      extension.clientCertificateTypes([2]),
      extension.serverCertificateTypes([2]),
      extension.supportedGroups([23]),
      extension.ecPointFormats(),
      extension.signatureAlgorithms([0x0403]),
      extension.extendedMasterSecret(),
    ];
    const { extensions } = answerTo(tinydtls, hello, { credentials: certified });
    assert.equal(extensions.chosenType(ExtensionType.serverCertificateType), 2);
  });
});

describe('encrypt_then_mac', () => {
  const offer = [extension.encryptThenMac()];

  it('D43: is answered with CBC alone, and where it was offered', () => {
    const has = (suite: number, extensions: readonly Extension[]) =>
      answerTo([suite], extensions).extensions.has(ExtensionType.encryptThenMac);
    assert.ok(has(0x00ae, offer) && has(0xc037, offer) && has(0xc023, offer));
    assert.ok(!has(0x00ae, []) && !has(0xc0a8, offer) && !has(0xc02c, offer));
  });

  for (const suite of [
    'TLS_PSK_WITH_AES_128_CBC_SHA256',
    'TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256',
  ] as const) {
    it(`D36: may be missing: ${suite}`, async () => {
      const { link, linked } = await meet({ suites: [suite], encryptThenMac: false });
      const data = new Uint8Array(700).fill(3);
      linked.client.send(data);
      await link.clock.turn(100);
      const [[peer, received] = []] = link.bench.delivered;
      assert.deepEqual(received, data);
      peer?.send(data);
      await link.clock.turn(100);
      assert.deepEqual(linked.received, [data]);
    });
  }
});

/** A client that has connected. */
async function meet(
  options: Partial<DtlsClientOptions>,
  server: Partial<DtlsServerOptions> = {},
  link = new Link({ server: { credentials, ...server } }),
) {
  const lengths = { up: [] as number[], down: [] as number[] };
  link.tap = (datagram, up) => {
    if (server.connectionIds !== undefined) return true;
    for (const { fragment } of recordsOf(datagram))
      lengths[up ? 'up' : 'down'].push(fragment.length);
    return true;
  };
  const ecdsa = options.suites?.some((name) => name.includes('ECDSA'));
  const credential = ecdsa ? trusting(authority) : ({ type: 'psk', ...psk } as const);
  const linked = link.connect(credential, options);
  await link.clock.turn(1000);
  assert.deepEqual(linked.outcome, { connected: true });
  const peer = link.bench.opened.at(-1);
  assert.ok(peer);
  return { link, linked, lengths, peer };
}

describe('max_fragment_length', () => {
  it('D44: is granted as it was asked for', () => {
    for (const code of [1, 2, 3, 4]) {
      const { extensions } = answerTo([0xc0a8], [extension.maxFragmentLength(code)]);
      assert.equal(extensions.maxFragmentLength, code);
    }
    for (const code of [0, 5, 255]) {
      const { alerts } = answerTo([0xc0a8], [extension.maxFragmentLength(code)]);
      assert.deepEqual(alerts, [[2, AlertDescription.illegalParameter]]);
    }
    const long = { type: ExtensionType.maxFragmentLength, data: Uint8Array.of(1, 1) };
    assert.deepEqual(answerTo([0xc0a8], [long]).alerts, [[2, AlertDescription.decodeError]]);
  });

  it('D44: holds for each record of both sides, and for data', async () => {
    const suites = ['TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8'] as const;
    const { peer, linked, lengths } = await meet({ suites, maxFragmentLength: 512 });
    assert.ok(lengths.down.some((length) => length > 400)); // the chain was split
    assert.ok(Math.max(...lengths.down, ...lengths.up) <= 512);
    assert.equal(peer.maxPayload, 512);
    assert.equal(linked.client.maxPayload, 512);
    peer.send(new Uint8Array(512));
    assert.throws(() => peer.send(new Uint8Array(513)), RangeError);
    assert.throws(() => linked.client.send(new Uint8Array(513)), RangeError);
  });

  it('does not let more into a datagram than fits', async () => {
    const { peer } = await meet({ maxFragmentLength: 4096 });
    assert.equal(peer.maxPayload, 1200 - 29);
  });
});

describe('record_size_limit', () => {
  it('D45: is answered with our own, and comes before max_fragment_length', () => {
    const both = [extension.maxFragmentLength(1), extension.recordSizeLimit(700)];
    const { extensions } = answerTo([0xc0a8], both);
    assert.equal(extensions.recordSizeLimit, 2 ** 14);
    assert.ok(!extensions.has(ExtensionType.maxFragmentLength));
    const { alerts } = answerTo([0xc0a8], [extension.recordSizeLimit(63)]);
    assert.deepEqual(alerts, [[2, AlertDescription.illegalParameter]]);
  });

  it('D45: holds for what the peer is sent under protection, and for that alone', async () => {
    const suites = ['TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8'] as const;
    const { peer, linked, lengths } = await meet({ suites, recordSizeLimit: 100 });
    assert.ok(Math.max(...lengths.down) > 100);
    assert.equal(peer.maxPayload, 100);
    assert.ok(linked.client.maxPayload > 1000);
    assert.throws(() => peer.send(new Uint8Array(101)), RangeError);
  });

  it('D45: counts the type of the content too, where records bear a connection ID', async () => {
    const resumption = { lifetime: 60_000, tickets: false, skipCookie: false, ceiling: 10 };
    const server = { connectionIds: { length: 8 }, resumption };
    const wishes = { recordSizeLimit: 100, connectionId: { own: Uint8Array.of(0xbe, 0xef) } };
    const { peer, link, linked } = await meet(wishes, server);
    assert.equal(peer.maxPayload, 99);
    peer.send(new Uint8Array(99));
    assert.throws(() => peer.send(new Uint8Array(100)), RangeError);
    await link.clock.turn(100);
    assert.deepEqual(linked.received, [new Uint8Array(99)]);
    const { session } = linked.client;
    assert.ok(session);
    const resumed = await meet({ ...wishes, resume: session }, server, link);
    assert.ok(resumed.linked.client.resumed);
    assert.equal(resumed.peer.maxPayload, 99);
    // A client that wants none gets records without, the whole of which is data.
    const bare = await meet({ ...wishes, connectionId: { own: new Uint8Array() } }, server);
    assert.equal(bare.peer.maxPayload, 100);
  });
});
