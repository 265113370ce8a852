/** Client and server in conversation, over good and bad networks. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { fromUtf8, utf8 } from '../../src/base/bytes.ts';
import { AlertDescription, HandshakeError } from '../../src/dtls/alert.ts';
import { type CipherSuiteName, cipherSuites } from '../../src/dtls/cipher-suites.ts';
import type { ClientCredential, DtlsCredentials } from '../../src/dtls/credentials.ts';
import { ContentType } from '../../src/dtls/record.ts';
import { psk } from './support/bench.ts';
import { issue } from './support/certificates.ts';
import { Link, type LinkedClient } from './support/link.ts';
import { recordsOf } from './support/raw-client.ts';

const pskCredential: ClientCredential = { type: 'psk', ...psk };

const issued = issue();

/** Trusts the one authority. */
function trusting(authority: string): ClientCredential {
  const root = new X509Certificate(authority);
  return {
    type: 'certificate',
    serverName: 'localhost',
    trust([own]) {
      if (own === undefined || !new X509Certificate(own).verify(root.publicKey)) {
        throw new Error('not of this authority');
      }
    },
  };
}

function credentialOf(suite: CipherSuiteName): ClientCredential {
  const { keyExchange } = cipherSuites[suite];
  return keyExchange === 'ecdheEcdsa' ? trusting(issued.authority) : pskCredential;
}

function withBoth(): DtlsCredentials {
  return {
    psk: (identity) => (fromUtf8(identity) === psk.identity ? [psk.key] : []),
    certificates: [issued],
  };
}

const texts = ({ received }: LinkedClient) => received.map(fromUtf8);

describe('client and server', () => {
  for (const suite of Object.keys(cipherSuites) as CipherSuiteName[]) {
    it(`meet with ${suite}`, async () => {
      const link = new Link({ server: { credentials: withBoth() } });
      const linked = link.connect(credentialOf(suite), { suites: [suite] });
      await link.clock.turn(1000);
      assert.deepEqual(linked.outcome, { connected: true });
      const { statistics } = linked.client;
      assert.deepEqual([statistics.flights, statistics.repeatedFlights], [6, 0]);
      linked.client.send(utf8('up'));
      await link.clock.turn(100);
      const [[peer, data] = []] = link.bench.delivered;
      assert.ok(peer && data);
      assert.equal(fromUtf8(data), 'up');
      assert.equal(peer.credential.type, credentialOf(suite).type === 'psk' ? 'psk' : 'anonymous');
      peer.send(utf8('down'));
      await link.clock.turn(100);
      assert.deepEqual(texts(linked), ['down']);
      linked.client.close();
      await link.clock.turn(100);
      assert.deepEqual(link.bench.closed, [[peer, 'closed by the peer']]);
      assert.deepEqual(linked.ended, ['closed by us']);
      assert.equal(link.bench.server.holds.alarms, 0);
      await link.bench.server.close();
      assert.equal(link.clock.pending, 0);
    });
  }

  it('count what they say', async () => {
    const link = new Link();
    let [up, down, sent, received] = [0, 0, 0, 0];
    link.tap = (datagram, isUp) => {
      if (isUp) {
        up += datagram.length;
        sent++;
      } else {
        down += datagram.length;
        received++;
      }
      return true;
    };
    const { client } = link.connect(pskCredential);
    await link.clock.turn(1000);
    assert.deepEqual(client.statistics, {
      datagramsSent: sent,
      datagramsReceived: received,
      bytesSent: up,
      bytesReceived: down,
      flights: 6,
      repeatedFlights: 0,
    });
    assert.equal(sent + received, 6);
  });

  it('meet over datagrams of 256 octets, fragmenting what is longer', async () => {
    const server = { credentials: withBoth(), mtu: 256 };
    const link = new Link({ server });
    let longest = 0;
    link.tap = (datagram) => {
      longest = Math.max(longest, datagram.length);
      return true;
    };
    const { outcome } = link.connect(trusting(issued.authority), { mtu: 256 });
    await link.clock.turn(1000);
    assert.deepEqual(outcome, { connected: true });
    assert.ok(longest <= 256 && longest > 200);
  });

  it('are at home with many at once', async () => {
    const link = new Link({ server: { credentials: withBoth() } });
    const all = Array.from({ length: 20 }, (_, n) =>
      link.connect(n % 2 === 0 ? pskCredential : trusting(issued.authority)),
    );
    await link.clock.turn(1000);
    assert.ok(all.every(({ outcome }) => outcome.connected));
    assert.equal(link.bench.server.size.established, 20);
    assert.equal(new Set(link.bench.opened.map(({ id }) => id)).size, 20);
  });

  for (let seed = 1; seed <= 24; seed++) {
    it(`meet although 20 % are lost, 10 % repeated, 20 % reordered (seed ${seed})`, async () => {
      const bad = { loss: 0.2, repeat: 0.1, reorder: 0.2, delay: 200, seed };
      const link = new Link({ ...bad, server: { credentials: withBoth(), mtu: 300 } });
      const credential = seed % 2 === 0 ? pskCredential : trusting(issued.authority);
      const linked = link.connect(credential, { mtu: 300 });
      await link.clock.turn(130_000);
      assert.deepEqual(linked.outcome, { connected: true });
      for (let n = 0; n < 40; n++) linked.client.send(utf8(`${n}`));
      await link.clock.turn(5000);
      const heard = link.bench.delivered.map(([, data]) => fromUtf8(data));
      assert.equal(new Set(heard).size, heard.length, 'nothing twice');
      assert.ok(heard.length > 15);
      assert.deepEqual(link.bench.errors(), []);
    });
  }

  it('D20: meet although flight 6 is lost, which comes again for Finished', async () => {
    const link = new Link();
    let last = 0;
    link.tap = (datagram, up) => {
      const isLast = !up && recordsOf(datagram)[0]?.type === ContentType.changeCipherSpec;
      if (isLast) last++;
      return !(isLast && last === 1);
    };
    const { outcome, client } = link.connect(pskCredential);
    await link.clock.turn(3000);
    assert.deepEqual(outcome, { connected: true });
    assert.equal(last, 2);
    assert.equal(client.statistics.repeatedFlights, 1);
  });

  it('meet at a round trip of 8 s, hearing each other’s repetitions', async () => {
    const link = new Link({ delay: 4000 });
    const { outcome } = link.connect(pskCredential);
    await link.clock.turn(60_000);
    assert.deepEqual(outcome, { connected: true });
    assert.equal(link.bench.opened.length, 1);
  });
});

describe('a client', () => {
  const refused = (linked: LinkedClient) => {
    assert.ok(linked.outcome.error instanceof Error);
    return linked.outcome.error;
  };

  it('gives up on a server that is silent', async () => {
    const link = new Link();
    link.tap = () => false;
    const linked = link.connect(pskCredential);
    await link.clock.turn(131_000);
    assert.match(refused(linked).message, /timed out/);
    assert.equal(linked.client.statistics.repeatedFlights, 7);
    assert.equal(link.clock.pending, 0);
  });

  it('gives up with a wrong key', async () => {
    const link = new Link();
    const linked = link.connect({ ...pskCredential, key: utf8('wrong') } as ClientCredential);
    await link.clock.turn(131_000);
    assert.match(refused(linked).message, /timed out/);
    assert.deepEqual(link.bench.opened, []);
  });

  it('D50: does not go on with a server it does not trust, and says so', async () => {
    const { authority } = issue();
    const link = new Link({ server: { credentials: withBoth() } });
    const linked = link.connect(trusting(authority));
    await link.clock.turn(1000);
    const error = refused(linked);
    assert.ok(error instanceof HandshakeError);
    assert.equal(error.alert, AlertDescription.certificateUnknown);
    assert.match(error.message, /not of this authority/);
    assert.deepEqual(link.bench.server.size, { handshakes: 0, established: 0 });
  });

  it('does not go on with a server that does not have the certificate’s key', async () => {
    const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const certificates = [{ chain: issued.chain, key }];
    const link = new Link({ server: { credentials: { certificates } } });
    const linked = link.connect(trusting(issued.authority));
    await link.clock.turn(1000);
    const error = refused(linked);
    assert.ok(error instanceof HandshakeError);
    assert.equal(error.alert, AlertDescription.decryptError);
  });

  it('does not go on with a server that has no suite in common', async () => {
    const link = new Link();
    const linked = link.connect(trusting(issued.authority));
    await link.clock.turn(1000);
    assert.match(refused(linked).message, /handshakeFailure/);
  });

  it('does not go on with a ServerHello that was touched', async () => {
    const link = new Link({ server: { suites: ['TLS_PSK_WITH_AES_128_GCM_SHA256'] } });
    link.tap = (datagram, up) => {
      // The suite, behind 13 + 12 octets of headers, the version, the random and an empty session id.
      if (!up && datagram[13] === 2) datagram.set([0xc0, 0xa8], 60);
      return true;
    };
    const linked = link.connect(pskCredential);
    await link.clock.turn(131_000);
    assert.match(refused(linked).message, /timed out/);
    assert.deepEqual(link.bench.opened, []);
  });

  it('is told when the server ends the connection', async () => {
    const link = new Link();
    const linked = link.connect(pskCredential);
    await link.clock.turn(1000);
    link.bench.peer.close();
    await link.clock.turn(1000);
    assert.deepEqual(linked.ended, ['closed by the peer']);
  });

  it('connects once', async () => {
    const link = new Link();
    const { client } = link.connect(pskCredential);
    assert.throws(() => client.connect(), /once/);
    await link.clock.turn(1000);
  });
});
