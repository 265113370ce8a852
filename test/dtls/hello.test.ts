/** Flights 1 to 4: strangers, cookies, and what is agreed on. Names bear the IDs of the conformance checklist. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { AlertDescription } from '../../src/dtls/alert.ts';
import { cipherSuites } from '../../src/dtls/cipher-suites.ts';
import type { DtlsCredentials } from '../../src/dtls/credentials.ts';
import { type Extension, Extensions, ExtensionType, extension } from '../../src/dtls/extensions.ts';
import { ClientHello } from '../../src/dtls/messages/client-hello.ts';
import { HandshakeType } from '../../src/dtls/messages/handshake-message.ts';
import { HelloVerifyRequest } from '../../src/dtls/messages/hello-verify-request.ts';
import { ServerHello } from '../../src/dtls/messages/server-hello.ts';
import {
  EcdheServerKeyExchange,
  PskServerKeyExchange,
} from '../../src/dtls/messages/server-key-exchange.ts';
import { ContentType } from '../../src/dtls/record.ts';
import { decode, encode } from '../../src/dtls/struct.ts';
import { Bench, home, only } from './support/bench.ts';
import { messageOf, plainAlerts, plainRecord, RawClient, recordsOf } from './support/raw-client.ts';

const elsewhere = { address: '127.0.0.1', port: 40001 };
const fatal = (alert: AlertDescription) => [[2, alert]];

/** The type of each message in an answer. */
function typesOf(datagrams: readonly Uint8Array[]): readonly number[] {
  return datagrams
    .flatMap(recordsOf)
    .filter(({ type }) => type === ContentType.handshake)
    .map((record) => messageOf(record).type);
}

const asksForCookie = [HandshakeType.helloVerifyRequest];

/** A server with a certificate of its own, which it does not check. */
function certified(): DtlsCredentials {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return { certificates: [{ chain: [utf8('not parsed by a server')], key: privateKey }] };
}

const ecdhe = [cipherSuites.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8.id];
const usual = [
  extension.supportedGroups([23]),
  extension.ecPointFormats(),
  extension.signatureAlgorithms([0x0403]),
];

describe('a ClientHello without a cookie', () => {
  it('D01: is asked for one, and leaves no state', () => {
    const bench = new Bench();
    for (let port = 1; port <= 1000; port++) {
      const client = new RawClient(bench, { seed: port, from: { address: '198.51.100.7', port } });
      assert.deepEqual(typesOf(client.say(client.helloRecord())), asksForCookie);
    }
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
    assert.equal(bench.clock.pending, 0);
  });

  it('D02: is answered under its own record number, with version 1.0', () => {
    const client = new RawClient(new Bench());
    const record = only(recordsOf(only(client.say(client.helloRecord(5)))));
    assert.equal(record.sequence, 5);
    assert.equal(record.version, 0xfeff);
    const { body } = messageOf(record);
    assert.equal(decode('', HelloVerifyRequest, body).serverVersion, 0xfeff);
  });

  it('D03: is answered under its own message number, and the ServerHello under the next hello’s', () => {
    const client = new RawClient(new Bench());
    for (const message of [0, 1, 2]) {
      const answer = client.say(client.helloRecord(message, message));
      assert.equal(messageOf(only(recordsOf(only(answer)))).sequence, message);
      if (message === 2) client.takeCookie(answer);
    }
    const [hello] = recordsOf(only(client.say(client.helloRecord(3, 3))));
    assert.ok(hello);
    assert.equal(messageOf(hello).type, HandshakeType.serverHello);
    assert.equal(messageOf(hello).sequence, 3);
    assert.equal(hello.sequence, 3);
  });

  it('D05: is longer than its answer, however short it is', () => {
    const client = new RawClient(new Bench(), { hello: { extensions: [] } });
    const hello = client.helloRecord();
    assert.ok(only(client.say(hello)).length < hello.length);
  });

  it('D11: is dropped when it is fragmented', () => {
    const bench = new Bench();
    const client = new RawClient(bench);
    const body = encode(ClientHello, client.hello);
    const half = { type: 1, sequence: 0, length: body.length, offset: 0 };
    const record = plainRecord({ ...half, body: body.subarray(0, 40) }, 0);
    assert.deepEqual(bench.say(record), []);
    assert.equal(bench.dropped('fragmented ClientHello'), 1);
  });

  it('is dropped when it is malformed', () => {
    const bench = new Bench();
    for (const body of [new Uint8Array(), new Uint8Array(30), new Uint8Array(200)]) {
      const whole = { type: 1, sequence: 0, offset: 0, length: body.length, body };
      assert.deepEqual(bench.say(plainRecord(whole, 0)), []);
    }
    assert.equal(bench.dropped('malformed ClientHello'), 3);
  });

  it('is dropped from port 0', () => {
    const bench = new Bench();
    const client = new RawClient(bench, { from: { address: '127.0.0.1', port: 0 } });
    assert.deepEqual(client.say(client.helloRecord()), []);
  });
});

describe('a cookie', () => {
  const withCookie = (options = {}) => {
    const bench = new Bench();
    const client = new RawClient(bench, options);
    client.takeCookie(client.say(client.helloRecord()));
    return { bench, client };
  };

  it('lets the handshake begin', () => {
    const { client } = withCookie();
    const due = [HandshakeType.serverHello, HandshakeType.serverHelloDone];
    assert.deepEqual(typesOf(client.say(client.helloRecord(1, 1))), due);
  });

  it('D06: of which one bit is wrong is asked for again', () => {
    const { client } = withCookie();
    const cookie = client.hello.cookie.slice();
    cookie.set([(cookie[3] ?? 0) ^ 1], 3);
    client.hello = { ...client.hello, cookie };
    assert.deepEqual(typesOf(client.say(client.helloRecord(1, 1))), asksForCookie);
  });

  it('D06: counts in the period after its own and not in the third', async () => {
    for (const [periods, due] of [
      [1, HandshakeType.serverHello],
      [3, HandshakeType.helloVerifyRequest],
    ] as const) {
      const { bench, client } = withCookie();
      await bench.clock.turn(periods * 60_000);
      assert.equal(typesOf(client.say(client.helloRecord(1, 1)))[0], due, `${periods} periods`);
    }
  });

  it('D06: does not count in the second period after its own, with hellos in between', async () => {
    const { bench, client } = withCookie();
    await bench.clock.turn(60_000);
    const other = new RawClient(bench, { seed: 5, from: elsewhere });
    other.say(other.helloRecord());
    await bench.clock.turn(60_000);
    assert.deepEqual(typesOf(client.say(client.helloRecord(1, 1))), asksForCookie);
  });

  it('D08: does not count for another port or address', () => {
    for (const from of [elsewhere, { ...home, address: '127.0.0.2' }]) {
      const { bench, client } = withCookie();
      const answer = bench.say(client.helloRecord(1, 1), from);
      assert.deepEqual(typesOf(answer), asksForCookie);
    }
  });

  it('D09: counts for a hello with other extensions', () => {
    const cid: Extension = { type: 54, data: Uint8Array.of(0) };
    const { client } = withCookie({ hello: { extensions: [cid] } });
    client.hello = { ...client.hello, extensions: [] };
    const [hello] = recordsOf(only(client.say(client.helloRecord(1, 1))));
    assert.ok(hello);
    assert.deepEqual(decode('', ServerHello, messageOf(hello).body).extensions, []);
  });

  it('D10: does not count for a hello with another random or other suites', () => {
    for (const change of [{ random: new Uint8Array(32) }, { cipherSuites: [0xc0a8, 0x00a8] }]) {
      const { client } = withCookie();
      client.hello = { ...client.hello, ...change };
      assert.deepEqual(typesOf(client.say(client.helloRecord(1, 1))), asksForCookie);
    }
  });

  it('tells an IPv6 address from the IPv4 address that starts alike', () => {
    const bench = new Bench();
    const four = { address: '32.1.13.184', port: 40000 };
    const client = new RawClient(bench, { from: { address: '2001:db8::1', port: 40000 } });
    client.takeCookie(client.say(client.helloRecord()));
    assert.deepEqual(typesOf(bench.say(client.helloRecord(1, 1), four)), asksForCookie);
  });
});

describe('what is agreed on', () => {
  function answerTo(hello: Partial<ClientHello>, credentials?: DtlsCredentials) {
    const bench = new Bench(credentials === undefined ? {} : { credentials });
    const client = new RawClient(bench, { hello });
    client.takeCookie(client.say(client.helloRecord()));
    const datagrams = client.say(client.helloRecord(1, 1));
    const messages = datagrams
      .flatMap(recordsOf)
      .filter(({ type }) => type === ContentType.handshake)
      .map(messageOf);
    const [first] = messages;
    const serverHello =
      first?.type === HandshakeType.serverHello ? decode('', ServerHello, first.body) : undefined;
    return { bench, messages, serverHello, alerts: plainAlerts(datagrams) };
  }

  it('takes the suite that comes first in the server’s order', () => {
    const { serverHello } = answerTo({ cipherSuites: [0x1301, 0x00a8, 0xc0a8] });
    assert.equal(serverHello?.cipherSuite, 0xc0a8);
  });

  it('leaves out suites for which the server has nothing to show', () => {
    const { serverHello } = answerTo({ cipherSuites: [0xc0a8, ...ecdhe] }, certified());
    assert.equal(serverHello?.cipherSuite, ecdhe[0]);
  });

  it('is nothing without a suite in common', () => {
    const { alerts, bench } = answerTo({ cipherSuites: [0x1301, 0xc02b] });
    assert.deepEqual(alerts, fatal(AlertDescription.handshakeFailure));
    assert.deepEqual(bench.server.size, { handshakes: 0, established: 0 });
    assert.equal(bench.server.holds.alarms, 0);
  });

  it('is nothing without null compression', () => {
    const { alerts } = answerTo({ compressionMethods: [1] });
    assert.deepEqual(alerts, fatal(AlertDescription.illegalParameter));
  });

  it('D68: is nothing with a client of DTLS 1.0, and 1.2 with one that can do more', () => {
    const old = answerTo({ clientVersion: 0xfeff });
    assert.deepEqual(old.alerts, fatal(AlertDescription.protocolVersion));
    const tls13 = [
      { type: 43, data: Uint8Array.of(2, 0xfe, 0xfc) },
      { type: 51, data: new Uint8Array(2) },
    ];
    const fresh = answerTo({ extensions: tls13 });
    assert.equal(fresh.serverHello?.serverVersion, 0xfefd);
    assert.deepEqual(fresh.serverHello?.extensions, []);
  });

  it('D39: has the extended master secret if it was offered, and only then', () => {
    const types = (extensions: readonly Extension[]) =>
      answerTo({ extensions }).serverHello?.extensions.map(({ type }) => type);
    const offer = extension.extendedMasterSecret();
    assert.deepEqual(types([offer]), [ExtensionType.extendedMasterSecret]);
    assert.deepEqual(types([]), []);
  });

  it('D41: answers renegotiation_info, by extension or by suite', () => {
    const due = [extension.renegotiationInfo()];
    const byExtension = answerTo({ extensions: [extension.renegotiationInfo()] });
    assert.deepEqual(byExtension.serverHello?.extensions, due.map(plain));
    const bySuite = answerTo({ extensions: [], cipherSuites: [0xc0a8, 0x00ff] });
    assert.deepEqual(bySuite.serverHello?.extensions, due.map(plain));
  });

  it('D41: is nothing where a first hello claims to renegotiate', () => {
    const data = Uint8Array.of(12, ...new Uint8Array(12));
    const { alerts } = answerTo({ extensions: [{ type: 0xff01, data }] });
    assert.deepEqual(alerts, fatal(AlertDescription.handshakeFailure));
  });

  it('is nothing where an extension comes twice or is malformed', () => {
    const twice = answerTo({
      extensions: [extension.ecPointFormats(), extension.ecPointFormats()],
    });
    assert.deepEqual(twice.alerts, fatal(AlertDescription.illegalParameter));
    const broken = { type: ExtensionType.supportedGroups, data: Uint8Array.of(0, 3, 0, 23, 0) };
    const malformed = answerTo({ cipherSuites: ecdhe, extensions: [broken] }, certified());
    assert.deepEqual(malformed.alerts, fatal(AlertDescription.decodeError));
  });

  it('D30: has a ServerKeyExchange with PSK only where there is a hint', () => {
    const without = answerTo({}).messages.map(({ type }) => type);
    assert.deepEqual(without, [HandshakeType.serverHello, HandshakeType.serverHelloDone]);
    const psk = () => [];
    const empty = answerTo({}, { psk, pskHint: '' }).messages.map(({ type }) => type);
    assert.deepEqual(empty, without);
    const [, hint] = answerTo({}, { psk, pskHint: 'fleet' }).messages;
    assert.equal(hint?.type, HandshakeType.serverKeyExchange);
    const { identityHint } = decode('', PskServerKeyExchange, hint.body);
    assert.deepEqual(new Uint8Array(identityHint), utf8('fleet'));
  });

  it('D34, D35: needs the group of key exchange and certificate', () => {
    const without23 = [extension.supportedGroups([29, 24]), ...usual.slice(1)];
    const refused = answerTo({ cipherSuites: ecdhe, extensions: without23 }, certified());
    assert.deepEqual(refused.alerts, fatal(AlertDescription.handshakeFailure));
    for (const [groups, due] of [
      [
        [24, 23, 29],
        [23, 65, 0x0403],
      ],
      [
        [29, 24, 23],
        [29, 32, 0x0403],
      ],
      [
        [26, 23],
        [26, 65, 0x0403],
      ],
    ] as const) {
      const extensions = [extension.supportedGroups(groups), ...usual.slice(1)];
      const { messages } = answerTo({ cipherSuites: ecdhe, extensions }, certified());
      const exchange = messages.find(({ type }) => type === HandshakeType.serverKeyExchange);
      assert.ok(exchange);
      const { parameters, scheme } = decode('', EcdheServerKeyExchange, exchange.body);
      assert.deepEqual([parameters.group, parameters.point.length, scheme], due);
    }
  });

  it('takes P-256 and ECDSA with SHA-256 for what a client has that names none', () => {
    const { messages, serverHello } = answerTo(
      { cipherSuites: ecdhe, extensions: [] },
      certified(),
    );
    assert.equal(messages.length, 4);
    assert.deepEqual(serverHello?.extensions, []);
  });

  it('D33: signs with a scheme that the client lists', () => {
    const only384 = [...usual.slice(0, 2), extension.signatureAlgorithms([0x0401, 0x0503])];
    const { messages } = answerTo({ cipherSuites: ecdhe, extensions: only384 }, certified());
    const exchange = messages.find(({ type }) => type === HandshakeType.serverKeyExchange);
    assert.ok(exchange);
    assert.equal(decode('', EcdheServerKeyExchange, exchange.body).scheme, 0x0503);
    const rsa = [...usual.slice(0, 2), extension.signatureAlgorithms([0x0401])];
    const refused = answerTo({ cipherSuites: ecdhe, extensions: rsa }, certified());
    assert.deepEqual(refused.alerts, fatal(AlertDescription.handshakeFailure));
  });

  it('has ec_point_formats where the client sent it, and needs uncompressed points', () => {
    const { serverHello } = answerTo({ cipherSuites: ecdhe, extensions: usual }, certified());
    const extensions = new Extensions(serverHello?.extensions ?? []);
    assert.ok(extensions.has(ExtensionType.ecPointFormats) && extensions.uncompressedPoints);
    const compressed = { type: ExtensionType.ecPointFormats, data: Uint8Array.of(1, 1) };
    const refused = answerTo({ cipherSuites: ecdhe, extensions: [compressed] }, certified());
    assert.deepEqual(refused.alerts, fatal(AlertDescription.handshakeFailure));
  });

  it('D28: has one message in each record', () => {
    const [certificate] = certified().certificates ?? [];
    assert.ok(certificate);
    const chain = [new Uint8Array(3000)];
    const bench = new Bench({ credentials: { certificates: [{ ...certificate, chain }] } });
    const client = new RawClient(bench, { hello: { cipherSuites: ecdhe, extensions: usual } });
    client.takeCookie(client.say(client.helloRecord()));
    const datagrams = client.say(client.helloRecord(1, 1));
    assert.ok(datagrams.length > 2);
    for (const datagram of datagrams) {
      assert.ok(datagram.length <= 1200);
      for (const { fragment } of recordsOf(datagram)) {
        const length =
          ((fragment[9] ?? 0) << 16) | ((fragment[10] ?? 0) << 8) | (fragment[11] ?? 0);
        assert.equal(fragment.length, 12 + length);
      }
    }
    const sequences = datagrams.flatMap(recordsOf).map(({ sequence }) => sequence);
    assert.deepEqual(
      sequences,
      [...sequences.keys()].map((at) => at + 1),
    );
  });
});

/** An extension as it is read: a view of its datagram. */
function plain({ type, data }: Extension): Extension {
  return { type, data: concat(data) };
}
