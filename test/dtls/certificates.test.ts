/** Certificates and raw public keys: which one a client is shown, and what a client shows. IDs as in the checklist. */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { equal, toHex } from '../../src/base/bytes.ts';
import { AlertDescription, HandshakeError } from '../../src/dtls/alert.ts';
import { decodeCertificate, spkiOf } from '../../src/dtls/certificate-types.ts';
import type { DtlsClientOptions } from '../../src/dtls/client.ts';
import type {
  ClientAuthentication,
  ClientCredential,
  DtlsCredentials,
  ServerCertificate,
  ShownCertificate,
} from '../../src/dtls/credentials.ts';
import { type Extension, Extensions, ExtensionType, extension } from '../../src/dtls/extensions.ts';
import type { ClientHello } from '../../src/dtls/messages/client-hello.ts';
import { type HandshakeMessage, HandshakeType } from '../../src/dtls/messages/handshake-message.ts';
import { ServerHello } from '../../src/dtls/messages/server-hello.ts';
import { ContentType } from '../../src/dtls/record.ts';
import { decode } from '../../src/dtls/struct.ts';
import { Bench } from './support/bench.ts';
import { Authority, pinning, trusting } from './support/certificates.ts';
import { Link } from './support/link.ts';
import { messageOf, plainAlerts, RawClient, recordsOf } from './support/raw-client.ts';

const authority = new Authority();
const other = new Authority();
const plain = authority.issue(['eim.example.com']);
const fatal = (alert: AlertDescription) => [[2, alert]];

/** What a server answers a hello of one ECDHE_ECDSA suite with these extensions. */
function answerTo(credentials: DtlsCredentials, extensions: readonly Extension[]) {
  const bench = new Bench({ credentials, mtu: 4000 }); // no message in two records
  const hello: Partial<ClientHello> = { cipherSuites: [0xc0ae], extensions };
  const client = new RawClient(bench, { hello });
  client.takeCookie(client.say(client.helloRecord()));
  const datagrams = client.say(client.helloRecord(1, 1));
  const messages = datagrams
    .flatMap(recordsOf)
    .filter(({ type }) => type === ContentType.handshake)
    .map(messageOf);
  const of = (type: HandshakeType) => messages.find((message) => message.type === type);
  const serverHello = of(HandshakeType.serverHello);
  const answered = serverHello && decode('', ServerHello, serverHello.body).extensions;
  return {
    messages,
    certificate: of(HandshakeType.certificate),
    extensions: new Extensions(answered ?? []),
    alerts: plainAlerts(datagrams),
  };
}

/** The certificate shown, of a server's. */
function shownOf(
  message: HandshakeMessage | undefined,
  certificates: readonly ServerCertificate[],
): ServerCertificate | undefined {
  assert.ok(message);
  const shown = decodeCertificate(message.body, 0);
  assert.ok(shown?.type === 'certificate');
  const [own = new Uint8Array()] = shown.chain;
  return certificates.find(({ chain }) => equal(chain?.[0] ?? new Uint8Array(), own));
}

describe('a server of several certificates', () => {
  const a = { ...plain, serverNames: ['a.example.com'] };
  const b = { ...authority.issue(['b']), serverNames: ['B.example.com', '*.b.example.com'] };
  const any = authority.issue(['any']);
  const certificates = [a, b, any];
  const asked = (name: string) =>
    answerTo({ certificates }, [extension.supportedGroups([23]), extension.serverName(name)]);

  it('D51: shows the one for the name that the client asks for, and says so', () => {
    for (const [name, due] of [
      ['a.example.com', a],
      ['A.Example.COM', a],
      ['a.example.com.', a],
      ['b.example.com', b],
      ['x.b.example.com', b],
    ] as const) {
      const { certificate, extensions } = asked(name);
      assert.equal(shownOf(certificate, certificates), due, name);
      assert.ok(extensions.has(ExtensionType.serverName), name);
    }
  });

  it('D51: shows the one for any name to all others, and says nothing', () => {
    for (const name of [
      'c.example.com',
      '127.0.0.1',
      'localhost',
      'y.x.b.example.com',
      '\u{1f4a9}',
    ]) {
      const { certificate, extensions } = asked(name);
      assert.equal(shownOf(certificate, certificates), any, name);
      assert.ok(!extensions.has(ExtensionType.serverName), name);
    }
    const { certificate } = answerTo({ certificates }, [extension.supportedGroups([23])]);
    assert.equal(shownOf(certificate, certificates), any);
  });

  it('D51: shows one for another name where it has no better', () => {
    const { certificate } = answerTo({ certificates: [a, b] }, [extension.serverName('c')]);
    assert.equal(shownOf(certificate, certificates), a);
  });

  it('D51: takes no notice of names that are none of DNS', () => {
    const data = Uint8Array.of(0, 6, 0, 0, 3, 0xff, 0xfe, 0x80);
    const noText = answerTo({ certificates }, [{ type: 0, data }]);
    assert.equal(shownOf(noText.certificate, certificates), any);
    const otherType = Uint8Array.of(0, 4, 9, 0, 1, 65);
    const noName = answerTo({ certificates }, [{ type: 0, data: otherType }]);
    assert.equal(shownOf(noName.certificate, certificates), any);
    const cut = answerTo({ certificates }, [{ type: 0, data: Uint8Array.of(0, 4, 0, 0, 9, 65) }]);
    assert.deepEqual(cut.alerts, fatal(AlertDescription.decodeError));
  });

  it('D35: shows none on a curve that the client does not list', () => {
    const brainpool = authority.issue(['bp'], 'brainpoolP256r1');
    const both = [brainpool, plain];
    for (const [groups, due] of [
      [[29, 23], plain],
      [[23, 26], brainpool],
      [[26], brainpool],
    ] as const) {
      const { certificate } = answerTo({ certificates: both }, [extension.supportedGroups(groups)]);
      assert.equal(shownOf(certificate, both), due, String(groups));
    }
    const { certificate } = answerTo({ certificates: both }, []);
    assert.equal(shownOf(certificate, both), plain);
    const without = answerTo({ certificates: [brainpool] }, [extension.supportedGroups([23, 29])]);
    assert.deepEqual(without.alerts, fatal(AlertDescription.handshakeFailure));
  });

  it('shows the whole chain', () => {
    const { certificate } = answerTo({ certificates: [plain] }, []);
    assert.ok(certificate);
    const shown = decodeCertificate(certificate.body, 0);
    assert.ok(shown?.type === 'certificate');
    assert.deepEqual(
      shown.chain.map((der) => toHex(der)),
      plain.chain.map((der) => toHex(der)),
    );
  });
});

describe('a raw public key of the server', () => {
  const types = (...list: readonly number[]) => [extension.serverCertificateTypes(list)];

  it('D46: is shown bare where the client takes nothing else', () => {
    const { certificate, extensions } = answerTo({ certificates: [plain] }, types(2));
    assert.equal(extensions.chosenType(ExtensionType.serverCertificateType), 2);
    assert.equal(certificate?.body.length, 94);
    assert.deepEqual(new Uint8Array(certificate.body.subarray(3)), spkiOf(plain.key));
  });

  it('D46: is shown by a server that has no more than that', () => {
    const bare = { key: plain.key };
    const both = answerTo({ certificates: [bare] }, types(0, 2));
    assert.equal(both.extensions.chosenType(ExtensionType.serverCertificateType), 2);
    const refused = answerTo({ certificates: [bare] }, []);
    assert.deepEqual(refused.alerts, fatal(AlertDescription.unsupportedCertificate));
  });

  it('is shown or not as the client prefers where it takes both', () => {
    for (const [list, due] of [
      [types(0, 2), 0],
      [types(2, 0), 2],
      // GnuTLS with a raw public key of its own
      [[...types(0, 2), extension.clientCertificateTypes([2])], 2],
      [[...types(0, 2), extension.clientCertificateTypes([2, 0])], 0],
    ] as const) {
      const { extensions } = answerTo({ certificates: [plain] }, list);
      assert.equal(extensions.chosenType(ExtensionType.serverCertificateType), due);
    }
  });

  it('D46: does not help a client that takes neither', () => {
    const { alerts } = answerTo({ certificates: [plain] }, types(1));
    assert.deepEqual(alerts, fatal(AlertDescription.unsupportedCertificate));
  });

  it('is pinned by a client, which goes on with no other', async () => {
    const link = new Link({ server: { credentials: { certificates: [{ key: plain.key }] } } });
    const pinned = link.connect(pinning(plain));
    const wrong = link.connect(pinning(authority.issue(['x'])));
    await link.clock.turn(1000);
    assert.deepEqual(pinned.outcome, { connected: true });
    const { error } = wrong.outcome;
    assert.ok(error instanceof HandshakeError);
    assert.equal(error.alert, AlertDescription.certificateUnknown);
  });
});

describe('a client that authenticates itself', () => {
  const device = authority.issue(['device-1']);
  const stranger = other.issue(['device-1']);

  /** Takes chains of the authority and this one raw public key. */
  function check(shown: ShownCertificate): string {
    if (shown.type === 'certificate') {
      try {
        authority.check(shown.chain);
      } catch (cause) {
        throw new HandshakeError(AlertDescription.unknownCa, 'of no authority of ours', { cause });
      }
      return 'by chain';
    }
    if (!equal(shown.spki, spkiOf(device.key))) throw new Error('not a pinned key');
    return 'by key';
  }

  async function meet(
    authentication: Omit<ClientAuthentication, 'check'>,
    credential: ClientCredential,
    options: Partial<DtlsClientOptions> = {},
  ) {
    const clientAuthentication = { check, ...authentication };
    const credentials = { certificates: [plain], clientAuthentication };
    const link = new Link({ server: { credentials } });
    const seen: number[] = [];
    link.tap = (datagram) => {
      for (const record of recordsOf(datagram)) {
        if (record.epoch === 0 && record.type === ContentType.handshake) {
          seen.push(record.fragment[0] ?? 0);
        }
      }
      return true;
    };
    const linked = link.connect(credential, options);
    await link.clock.turn(1000);
    const { error, connected } = linked.outcome;
    const [peer] = link.bench.opened;
    assert.equal(peer !== undefined, connected);
    return { connected, credential: peer?.credential, error: String(error), seen };
  }

  const withNothing = trusting(authority);
  const withChain = trusting(authority, { own: device });
  const withKey = trusting(authority, { own: { key: device.key } });

  it('D48, D49: is known by its chain', async () => {
    for (const mode of ['optional', 'required'] as const) {
      const { credential } = await meet({ mode }, withChain);
      const [own = new Uint8Array()] = device.chain;
      assert.deepEqual(credential, {
        type: 'certificate',
        identity: 'by chain',
        subject: 'O=ACME\nCN=device-1',
        fingerprint: toHex(createHash('sha256').update(own).digest()),
      });
    }
  });

  it('D47: is known by its raw public key', async () => {
    const { credential } = await meet({ mode: 'required' }, withKey);
    assert.deepEqual(credential, {
      type: 'rawPublicKey',
      identity: 'by key',
      spki: spkiOf(device.key),
    });
  });

  it('D46, D47: and its server each by a raw public key', async () => {
    const both = pinning(plain, { own: { key: device.key } });
    const { credential } = await meet({ mode: 'required' }, both);
    assert.equal(credential?.type, 'rawPublicKey');
  });

  it('D48: is not asked where the server does not want it', async () => {
    const { credential, seen } = await meet({ mode: 'none' }, withChain);
    assert.deepEqual(credential, { type: 'anonymous' });
    assert.ok(!seen.includes(HandshakeType.certificateRequest));
  });

  it('D48: stays anonymous with an empty Certificate where it may', async () => {
    const { credential, seen } = await meet({ mode: 'optional' }, withNothing);
    assert.deepEqual(credential, { type: 'anonymous' });
    assert.ok(seen.includes(HandshakeType.certificateRequest));
    assert.ok(!seen.includes(HandshakeType.certificateVerify));
  });

  it('D48: is refused with an empty Certificate where it must have one', async () => {
    const { connected, error } = await meet({ mode: 'required' }, withNothing);
    assert.ok(!connected);
    assert.match(error, /handshakeFailure \(40\)/);
  });

  it('D50: is refused with a certificate that is not taken, be it asked for or not', async () => {
    for (const mode of ['optional', 'required'] as const) {
      const { connected, error } = await meet({ mode }, trusting(authority, { own: stranger }));
      assert.ok(!connected);
      assert.match(error, /unknownCa \(48\)/);
    }
    const own = { key: stranger.key };
    const { error } = await meet({ mode: 'required' }, trusting(authority, { own }));
    assert.match(error, /certificateUnknown \(46\)/);
  });

  it('D50: hears of the alert that the owner has for it', async () => {
    for (const [alert, text] of [
      [AlertDescription.certificateExpired, /certificateExpired \(45\)/],
      [AlertDescription.certificateRevoked, /certificateRevoked \(44\)/],
      [AlertDescription.badCertificate, /badCertificate \(42\)/],
    ] as const) {
      const refuses = () => {
        throw new HandshakeError(alert, 'no');
      };
      const credentials: DtlsCredentials = {
        certificates: [plain],
        clientAuthentication: { mode: 'required', check: refuses },
      };
      const link = new Link({ server: { credentials } });
      const linked = link.connect(withChain);
      await link.clock.turn(1000);
      assert.match(String(linked.outcome.error), text);
    }
  });

  it('D49: is refused where it does not have the certificate’s key', async () => {
    const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const own = { chain: device.chain, key };
    const { connected, error } = await meet({ mode: 'required' }, trusting(authority, { own }));
    assert.ok(!connected);
    assert.match(error, /decryptError \(51\)/);
  });

  it('is refused with what is no certificate, and with a key that cannot sign so', async () => {
    const chain = [new Uint8Array(40)];
    const noCertificate = trusting(authority, { own: { chain, key: device.key } });
    assert.match((await meet({ mode: 'required' }, noCertificate)).error, /badCertificate \(42\)/);
    for (const { privateKey: key } of [
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
      generateKeyPairSync('ec', { namedCurve: 'secp192k1' }),
    ]) {
      const link = new Link({
        server: {
          credentials: {
            certificates: [plain],
            clientAuthentication: { mode: 'required', check: () => 'whoever' },
          },
        },
      });
      const linked = link.connect(trusting(authority, { own: { key } }));
      await link.clock.turn(1000);
      assert.match(String(linked.outcome.error), /unsupportedCertificate \(43\)/);
    }
  });

  it('D47: is refused where it has no certificate of a type that is taken', async () => {
    const onlyX509 = { mode: 'required', accepts: ['certificate'] } as const;
    assert.match((await meet(onlyX509, withKey)).error, /unsupportedCertificate \(43\)/);
    const onlyKeys = { mode: 'required', accepts: ['rawPublicKey'] } as const;
    assert.match((await meet(onlyKeys, withChain)).error, /unsupportedCertificate \(43\)/);
    const { credential } = await meet({ ...onlyX509, mode: 'optional' }, withKey);
    assert.deepEqual(credential, { type: 'anonymous' });
  });

  it('may have a certificate on brainpoolP256r1', async () => {
    const own = authority.issue(['device-2'], 'brainpoolP256r1');
    const { credential } = await meet({ mode: 'required' }, trusting(authority, { own }));
    assert.equal(credential?.type, 'certificate');
  });

  it('is not asked for a certificate where it has a PSK', async () => {
    const credentials: DtlsCredentials = {
      psk: () => [new Uint8Array(16)],
      certificates: [plain],
      clientAuthentication: { mode: 'required', check },
    };
    const link = new Link({ server: { credentials } });
    const linked = link.connect({ type: 'psk', identity: 'dev1', key: new Uint8Array(16) });
    await link.clock.turn(1000);
    assert.ok(linked.outcome.connected);
  });
});
