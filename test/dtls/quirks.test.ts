/** What clients in the field do and want, each with its own bytes: test/vectors says from where. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equal, hex, toHex } from '../../src/base/bytes.ts';
import { AeadProtection } from '../../src/dtls/aead.ts';
import { cipherSuites } from '../../src/dtls/cipher-suites.ts';
import { Extensions, ExtensionType } from '../../src/dtls/extensions.ts';
import { readFragments } from '../../src/dtls/fragments.ts';
import { ClientHello } from '../../src/dtls/messages/client-hello.ts';
import {
  encodeFragment,
  fragmentOf,
  HandshakeType,
} from '../../src/dtls/messages/handshake-message.ts';
import { HelloVerifyRequest } from '../../src/dtls/messages/hello-verify-request.ts';
import { ServerHello } from '../../src/dtls/messages/server-hello.ts';
import { ContentType, type DtlsRecord, encodeRecord, readRecords } from '../../src/dtls/record.ts';
import type { DtlsServerOptions } from '../../src/dtls/server.ts';
import { decode, encode } from '../../src/dtls/struct.ts';
import { seededRandom } from '../support/seeded.ts';
import * as plain from '../vectors/dtls.ts';
import * as withCid from '../vectors/dtls-cid.ts';
import { Bench, only, psk } from './support/bench.ts';
import { issue } from './support/certificates.ts';
import { Device } from './support/device.ts';
import { messageOf, recordsOf } from './support/raw-client.ts';

const serverRandom = Uint8Array.from({ length: 32 }, (_, i) => 0x50 + i);
const certificates = [{ ...issue(), serverNames: ['eim.example.com'] }];
const credentials = { psk: () => [psk.key], certificates };

/** The hellos with cookie of each client. */
const hellos = {
  'coap-client-openssl with a PSK': plain.opensslSession.clientHello,
  'coap-client-openssl with certificates': plain.ecdsaSession.clientHello,
  'node-dtls-client': plain.nodeDtlsSession.clientHello,
  'mbedTLS 3.5': withCid.mbedTlsSession.hello2,
  'Californium 4': withCid.ecdhePskSession.hello2,
};

interface Numbers {
  readonly record: number;
  readonly message: number;
}

/** The record of a hello, with something in it changed, under these numbers. */
function helloRecord(
  octets: string,
  { record, message }: Numbers,
  change: (hello: ClientHello) => Partial<ClientHello> = () => ({}),
): Uint8Array {
  const [found] = recordsOf(hex(octets));
  assert.ok(found);
  const hello = decode('ClientHello', ClientHello, messageOf(found).body);
  const body = encode(ClientHello, { ...hello, ...change(hello) });
  const fragment = fragmentOf(
    { type: HandshakeType.clientHello, sequence: message, body },
    0,
    body.length,
  );
  return encodeRecord({ ...found, sequence: record }, encodeFragment(fragment));
}

const noCookie = () => ({ cookie: new Uint8Array() });

/** Says both hellos; what the second is answered with. */
function shakeHands(
  bench: Bench,
  octets: string,
  [first, second]: readonly [Numbers, Numbers],
  change: (hello: ClientHello, second: boolean) => Partial<ClientHello> = () => ({}),
): { readonly asked: DtlsRecord; readonly flight4: readonly DtlsRecord[] } {
  const begin = (hello: ClientHello) => ({ ...change(hello, false), ...noCookie() });
  const asked = only(recordsOf(only(bench.say(helloRecord(octets, first, begin)))));
  const { cookie } = decode('', HelloVerifyRequest, messageOf(asked).body);
  const again = helloRecord(octets, second, (hello) => ({ ...change(hello, true), cookie }));
  // Finished of a session resumed bears the client's connection ID, `beef`.
  const read = (datagram: Uint8Array) => [...readRecords(datagram, assert.fail, 2)];
  return { asked, flight4: bench.say(again).flatMap(read) };
}

function serverHello([first]: readonly DtlsRecord[]): ServerHello {
  assert.ok(first);
  return decode('ServerHello', ServerHello, messageOf(first).body);
}

const usual = [
  { record: 0, message: 0 },
  { record: 1, message: 1 },
] as const;

/** A server whose answers to the sessions of the vectors are theirs, once it was shown any cookie. */
function serverOfVectors(options: Partial<DtlsServerOptions> = {}): Bench {
  return new Bench({
    cookies: { make: () => new Uint8Array(16), check: (_from, { cookie }) => cookie.length > 0 },
    random: (length) => (length === 32 ? serverRandom : new Uint8Array(length)),
    ...options,
  });
}

describe('every client', () => {
  for (const [name, octets] of Object.entries(hellos)) {
    it(`D02, D03, D12: gets HelloVerifyRequest and ServerHello under its own numbers: ${name}`, () => {
      for (const numbers of [usual, [usual[1], { record: 7, message: 2 }]] as const) {
        const bench = new Bench({ credentials, connectionIds: { length: 8 } });
        const { asked, flight4 } = shakeHands(bench, octets, numbers);
        assert.equal(asked.sequence, numbers[0].record);
        assert.equal(messageOf(asked).sequence, numbers[0].message);
        const sequences = flight4.map(({ sequence }) => sequence);
        assert.deepEqual(
          sequences,
          flight4.map((_, i) => numbers[1].record + i),
        );
        const [first] = flight4;
        assert.equal(first && messageOf(first).sequence, numbers[1].message);
      }
    });

    it(`D28: gets one handshake message, or one fragment, in each record: ${name}`, () => {
      for (const mtu of [1200, 256]) {
        const bench = new Bench({ credentials, mtu, connectionIds: { length: 8 } });
        for (const { type, fragment } of shakeHands(bench, octets, usual).flight4) {
          assert.equal(type, ContentType.handshake);
          assert.equal(fragment.length, 12 + only(readFragments(fragment) ?? []).body.length);
        }
      }
    });

    it(`D41: gets renegotiation_info where it asked, and only then: ${name}`, () => {
      const bench = new Bench({ credentials });
      const { extensions } = serverHello(shakeHands(bench, octets, usual).flight4);
      const asks = name !== 'node-dtls-client';
      assert.equal(new Extensions(extensions).has(ExtensionType.renegotiationInfo), asks);
    });
  }
});

describe('node-dtls-client', () => {
  it('gets a HelloVerifyRequest, which it cannot do without, whatever is left out for others', () => {
    const resumption = { lifetime: 60_000, tickets: true, skipCookie: true, ceiling: 10 };
    const bench = new Bench({ resumption });
    const hello = helloRecord(plain.nodeDtlsSession.clientHello, usual[0], noCookie);
    const [asked] = recordsOf(only(bench.say(hello)));
    assert.equal(asked?.fragment[0], HandshakeType.helloVerifyRequest);
  });

  it('gets a ServerHello without any extension, not even their length', () => {
    const { flight4 } = shakeHands(new Bench(), plain.nodeDtlsSession.clientHello, usual);
    assert.equal(flight4[0]?.fragment.length, 12 + 2 + 32 + 1 + 2 + 1);
  });
});

describe('OpenSSL and GnuTLS', () => {
  const session = plain.opensslSession;
  const [exchange, change, finished] = recordsOf(hex(session.flight5)).map((record) =>
    encodeRecord(record, record.fragment),
  );
  assert.ok(exchange && change && finished);
  const orders = [
    [exchange, change, finished],
    [exchange, finished, change],
    [change, exchange, finished],
    [change, finished, exchange],
    [finished, exchange, change],
    [finished, change, exchange],
  ];

  it('D16, D17: may send flight 5 in three datagrams, in any order, each more than once', () => {
    for (const order of orders) {
      for (const times of [1, 2]) {
        const bench = serverOfVectors();
        bench.say(hex(session.clientHello));
        const answers = order.flatMap((one) =>
          Array.from({ length: times }, () => bench.say(one)).flat(),
        );
        assert.deepEqual(answers, [hex(session.flight6)]);
        bench.say(hex(session.clientData));
        assert.equal(bench.delivered.length, 1);
      }
    }
  });

  it('D20: get flight 6 once when they repeat flight 5 in three datagrams', () => {
    const bench = serverOfVectors();
    bench.say(hex(session.clientHello));
    bench.say(hex(session.flight5));
    const block = hex(session.keyBlock);
    const keys = { key: block.subarray(0, 16), iv: block.subarray(32, 36), mac: hex('') };
    const { cipher } = cipherSuites.TLS_PSK_WITH_AES_128_CCM_8;
    const protection = new AeadProtection(cipher, keys);
    const renumbered = recordsOf(hex(session.flight5)).map((record, i) => {
      const { epoch } = record;
      if (epoch === 0) return encodeRecord({ ...record, sequence: 4 + i }, record.fragment);
      const message = protection.open(record);
      assert.ok(message);
      const header = { ...record, sequence: 1 };
      return encodeRecord(header, protection.seal(header, message));
    });
    const answers = renumbered.flatMap((one) => bench.say(one));
    assert.equal(answers.length, 1);
    const [sent, again] = [recordsOf(hex(session.flight6)), recordsOf(only(answers))];
    assert.deepEqual(
      again.map(({ epoch, sequence }) => [epoch, sequence]),
      sent.map(({ epoch, sequence }) => [epoch, sequence + 1]),
    );
  });

  it('D18: may repeat the hello without a cookie after the one with it (round trips over 1 s)', () => {
    const bench = serverOfVectors();
    const first = helloRecord(session.clientHello, usual[0], noCookie);
    bench.say(first);
    assert.deepEqual(bench.say(hex(session.clientHello)), [hex(session.flight4)]);
    for (let n = 0; n < 3; n++) {
      const late = only(recordsOf(only(bench.say(first))));
      assert.equal(late.fragment[0], HandshakeType.helloVerifyRequest);
    }
    assert.deepEqual(bench.say(hex(session.flight5)), [hex(session.flight6)]);
  });

  it('D51: may name an IP address, or a host that is none of ours', () => {
    const named = {
      '127.0.0.1': session.clientHello,
      localhost: plain.ecdsaSession.clientHello,
    };
    for (const [name, octets] of Object.entries(named)) {
      assert.ok(Buffer.from(octets, 'hex').includes(name));
      const { flight4 } = shakeHands(new Bench({ credentials }), octets, usual);
      const { extensions } = serverHello(flight4);
      assert.ok(!new Extensions(extensions).has(ExtensionType.serverName));
    }
  });
});

describe('wolfSSL', () => {
  it('D09: may drop connection_id from its second hello, and then gets none', () => {
    const octets = withCid.mbedTlsSession.hello2;
    const drop = ({ extensions }: ClientHello, second: boolean) => ({
      extensions: extensions.filter(({ type }) => !second || type !== ExtensionType.connectionId),
    });
    const cidOf = (flight4: readonly DtlsRecord[]) =>
      new Extensions(serverHello(flight4).extensions).has(ExtensionType.connectionId);
    const options = { connectionIds: { length: 8 } };
    assert.ok(cidOf(shakeHands(new Bench(options), octets, usual).flight4));
    assert.ok(!cidOf(shakeHands(new Bench(options), octets, usual, drop).flight4));
  });
});

describe('mbedTLS', () => {
  /** The hello of 3.5 as 2.28 has it: the connection ID under 254. */
  const asOf228 = ({ extensions }: ClientHello) => ({
    extensions: extensions.map((one) =>
      one.type === ExtensionType.connectionId
        ? { ...one, type: ExtensionType.connectionIdMbedTls2 }
        : one,
    ),
  });

  it('D61: may pad what it protects to sixteen octets', () => {
    const cid = hex(withCid.cid);
    const bench = serverOfVectors({
      connectionIds: {
        length: cid.length,
        cids: { length: cid.length, make: () => cid, knows: (one) => equal(one, cid) },
      },
    });
    const session = withCid.mbedTlsSession;
    bench.say(hex(session.hello2));
    const [, , finished] = [...readRecords(hex(session.flight5), assert.fail, cid.length)];
    const inner = (finished?.fragment.length ?? 0) - 8 - 8;
    assert.deepEqual([inner, inner % 16], [32, 0]);
    assert.deepEqual(bench.say(hex(session.flight5)), [hex(session.flight6)]);
  });

  it('D67: 2.28 gets its connection ID under 254, where that is let in', () => {
    const octets = withCid.mbedTlsSession.hello2;
    for (const drafts of [true, false]) {
      const bench = new Bench({ connectionIds: { length: 8, drafts } });
      const { flight4 } = shakeHands(bench, octets, usual, asOf228);
      const extensions = new Extensions(serverHello(flight4).extensions);
      assert.equal(extensions.has(ExtensionType.connectionIdMbedTls2), drafts);
      assert.ok(!extensions.has(ExtensionType.connectionId));
    }
  });

  it('2.28, which forgets its connection ID when it resumes, shakes hands in full', async () => {
    const resumption = { lifetime: 60_000, tickets: false, skipCookie: false, ceiling: 10 };
    const server = { resumption, connectionIds: { length: 8, drafts: true } };
    const bench = new Bench({ ...server, random: seededRandom(77) });
    const connectionId = { own: hex('beef') };
    const { session } = (await new Device(bench, { connectionId }).connect()).client;
    assert.ok(session);
    const asking = (change: typeof asOf228 | undefined) => {
      const { flight4 } = shakeHands(bench, withCid.mbedTlsSession.hello2, usual, (hello) => {
        const { extensions } = change?.(hello) ?? hello;
        return {
          // The session was begun without a name.
          extensions: extensions.filter(({ type }) => type !== ExtensionType.serverName),
          sessionId: session.id,
          random: seededRandom(change === undefined ? 1 : 2)(32),
        };
      });
      return toHex(serverHello(flight4).sessionId) === toHex(session.id);
    };
    assert.equal(asking(asOf228), false);
    assert.equal(asking(undefined), true, 'one of 3.5 does resume');
  });
});

describe('coap-client and s_client', () => {
  it('D58: say close_notify when they end, and may resume', () => {
    const session = plain.opensslSession;
    const bench = serverOfVectors();
    for (const datagram of [session.clientHello, session.flight5, session.clientClose]) {
      bench.say(hex(datagram));
    }
    assert.deepEqual(bench.closed, [[bench.peer, 'closed by the peer']]);
    assert.equal(bench.server.size.established, 0);
  });
});
