/** Against bytes from elsewhere: test/vectors/dtls.ts says from where. */
import assert from 'node:assert/strict';
import { createECDH, createHash, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { AeadProtection } from '../../src/dtls/aead.ts';
import { cipherSuites } from '../../src/dtls/cipher-suites.ts';
import { HmacCookies } from '../../src/dtls/cookie.ts';
import { Hmac } from '../../src/dtls/hmac.ts';
import { epochKeys, masterSecret, pskPremaster, verifyData } from '../../src/dtls/key-schedule.ts';
import { Certificate } from '../../src/dtls/messages/certificate.ts';
import { ClientHello } from '../../src/dtls/messages/client-hello.ts';
import { EcdheClientKeyExchange } from '../../src/dtls/messages/client-key-exchange.ts';
import { EcdheServerKeyExchange } from '../../src/dtls/messages/server-key-exchange.ts';
import { ReceivedHello } from '../../src/dtls/received-hello.ts';
import { encodeRecord } from '../../src/dtls/record.ts';
import { signedParameters } from '../../src/dtls/server-exchange.ts';
import { signatureSchemes, verifyWith } from '../../src/dtls/signature-schemes.ts';
import { decode, encode } from '../../src/dtls/struct.ts';
import { HandClock } from '../support/hand-clock.ts';
import * as vectors from '../vectors/dtls.ts';
import { Bench, home, only, psk } from './support/bench.ts';
import { encodeMessage } from './support/encode-message.ts';
import { messageOf, recordsOf } from './support/raw-client.ts';

const serverRandom = Uint8Array.from({ length: 32 }, (_, i) => 0x50 + i);

/** A server that takes any cookie and whose random is the vectors'. */
function serverOfVectors(): Bench {
  return new Bench({
    cookies: { make: () => new Uint8Array(16), check: () => true },
    random: (length) => (length === 32 ? serverRandom : new Uint8Array(length)),
  });
}

/** The plaintext of the vector's record under the vector's key block. */
function openWith(keyBlock: string, side: 'client' | 'server', record: string): Uint8Array {
  const block = hex(keyBlock);
  const at = side === 'client' ? { key: 0, iv: 32 } : { key: 16, iv: 36 };
  const protection = new AeadProtection(cipherSuites.TLS_PSK_WITH_AES_128_CCM_8.cipher, {
    key: block.subarray(at.key, at.key + 16),
    iv: block.subarray(at.iv, at.iv + 4),
    mac: new Uint8Array(),
  });
  const opened = protection.open(only(recordsOf(hex(record))));
  if (opened === undefined) throw new Error('the record does not open');
  return opened;
}

describe('PRF (RFC 5246 §5)', () => {
  for (const { hash, secret, label, seed, output } of vectors.prf) {
    it(`gives the published octets with ${hash}`, () => {
      const made = new Hmac(hash, hex(secret)).expand(output.length / 2, utf8(label), hex(seed));
      assert.equal(toHex(made), output.toUpperCase());
    });
  }
});

describe('a session of coap-client-openssl (PSK, extended master secret)', () => {
  const session = vectors.opensslSession;

  it('D13, D29, D39: is answered octet for octet', () => {
    const bench = serverOfVectors();
    assert.deepEqual(bench.say(hex(session.clientHello)), [hex(session.flight4)]);
    assert.deepEqual(bench.say(hex(session.flight5)), [hex(session.flight6)]);
    assert.deepEqual(bench.peer.credential, { type: 'psk', identity: psk.identity });
    bench.say(hex(session.clientData));
    assert.deepEqual(bench.delivered, [[bench.peer, hex(session.clientDataPlain)]]);
    bench.peer.send(hex(session.serverDataPlain));
    assert.deepEqual(bench.heard(), [hex(session.serverData)]);
    bench.say(hex(session.clientClose));
    assert.deepEqual(bench.closed, [[bench.peer, 'closed by the peer']]);
  });

  it('is not answered once an octet of its Finished is another', () => {
    const bench = serverOfVectors();
    bench.say(hex(session.clientHello));
    const flight5 = hex(session.flight5);
    flight5.set([(flight5.at(-1) ?? 0) ^ 1], flight5.length - 1);
    assert.deepEqual(bench.say(flight5), []);
    assert.equal(bench.dropped('record not authentic'), 1);
    assert.deepEqual(bench.opened, []);
  });

  it('has the secrets that the key schedule makes', () => {
    const suite = cipherSuites.TLS_PSK_WITH_AES_128_CCM_8;
    const randoms = { client: hex(session.clientHello).slice(27, 59), server: serverRandom };
    const premaster = pskPremaster(psk.key);
    assert.equal(toHex(premaster), session.premaster.toUpperCase());
    const master = masterSecret(suite.hash, premaster, randoms, hex(session.sessionHash));
    assert.equal(toHex(master), session.master.toUpperCase());
    const { client, server } = epochKeys(suite, master, randoms);
    const block = concat(client.key, server.key, client.iv, server.iv);
    assert.equal(toHex(block), session.keyBlock.toUpperCase());
    const client12 = verifyData(suite.hash, master, 'client', hex(session.sessionHash));
    assert.equal(toHex(client12), session.clientVerifyData.toUpperCase());
  });
});

describe('a session of node-dtls-client (PSK, no extensions, random explicit nonces)', () => {
  const session = vectors.nodeDtlsSession;

  it('D37, D39: is answered with the standard master secret', () => {
    const bench = serverOfVectors();
    assert.deepEqual(bench.say(hex(session.clientHello)), [hex(session.flight4)]);
    const [, finished] = recordsOf(only(bench.say(hex(session.flight5))));
    assert.ok(finished);
    const plaintext = openWith(
      session.keyBlock,
      'server',
      toHex(encodeRecord(finished, finished.fragment)),
    );
    assert.equal(toHex(plaintext.subarray(12)), session.serverVerifyData.toUpperCase());
    bench.say(hex(session.clientData));
    assert.deepEqual(bench.delivered, [[bench.peer, hex(session.clientDataPlain)]]);
  });
});

describe('a session of coap-client-openssl (ECDHE_ECDSA)', () => {
  const session = vectors.ecdsaSession;
  const suite = cipherSuites.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8;
  const hello = messageOf(only(recordsOf(hex(session.clientHello))));
  const flight4 = recordsOf(hex(session.flight4)).map(messageOf);
  const [, certificate, keyExchange] = flight4;
  const [exchangeRecord] = recordsOf(hex(session.flight5));
  assert.ok(certificate && keyExchange && exchangeRecord);
  const exchange = messageOf(exchangeRecord);
  const randoms = {
    client: decode('ClientHello', ClientHello, hello.body).random,
    server: serverRandom,
  };

  it('has messages that read and write as they are', () => {
    const chain = decode('Certificate', Certificate, certificate.body);
    assert.equal(chain.certificateList.length, 1);
    assert.deepEqual(encode(Certificate, chain), new Uint8Array(certificate.body));
    const signed = decode('ServerKeyExchange', EcdheServerKeyExchange, keyExchange.body);
    assert.deepEqual(encode(EcdheServerKeyExchange, signed), new Uint8Array(keyExchange.body));
    const heard = decode('ClientHello', ClientHello, hello.body);
    assert.deepEqual(encode(ClientHello, heard), new Uint8Array(hello.body));
  });

  it('D33: has a signature over randoms and parameters', () => {
    const [own] = decode('Certificate', Certificate, certificate.body).certificateList;
    assert.ok(own);
    const key = new X509Certificate(own).publicKey;
    const { parameters, scheme, signature } = decode(
      'ServerKeyExchange',
      EcdheServerKeyExchange,
      keyExchange.body,
    );
    assert.equal(scheme, signatureSchemes.ecdsaSha256.id);
    const signed = signedParameters(randoms, parameters);
    assert.ok(verifyWith(signatureSchemes.ecdsaSha256, key, signed, signature));
    const others = signedParameters({ ...randoms, server: randoms.client }, parameters);
    assert.ok(!verifyWith(signatureSchemes.ecdsaSha256, key, others, signature));
  });

  it('has the secrets that the key schedule makes', () => {
    const ecdh = createECDH('prime256v1');
    ecdh.setPrivateKey(hex(session.serverPrivate));
    const { point } = decode('ClientKeyExchange', EcdheClientKeyExchange, exchange.body);
    const premaster = ecdh.computeSecret(point);
    assert.equal(toHex(premaster), session.premaster.toUpperCase());
    const messages = [hello, ...flight4, exchange].map(encodeMessage);
    const digest = createHash('sha256')
      .update(concat(...messages))
      .digest();
    assert.equal(toHex(digest), session.sessionHash.toUpperCase());
    const master = masterSecret(suite.hash, premaster, randoms, digest);
    assert.equal(toHex(master), session.master.toUpperCase());
    const { client, server } = epochKeys(suite, master, randoms);
    const block = concat(client.key, server.key, client.iv, server.iv);
    assert.equal(toHex(block), session.keyBlock.toUpperCase());
    const verify = verifyData(suite.hash, master, 'client', digest);
    assert.equal(toHex(verify), session.clientVerifyData.toUpperCase());
  });
});

describe('cookie', () => {
  const { key, clientHello, whole, helloVerifyRequest } = vectors.cookie;
  const cookies = new HmacCookies({
    clock: new HandClock(),
    random: () => hex(key),
    keyLife: 60_000,
  });
  const hello = ReceivedHello.read(messageOf(only(recordsOf(hex(clientHello)))).body);

  it('is the HMAC of address and hello', () => {
    assert.ok(hello !== undefined);
    assert.equal(toHex(cookies.make(home, hello)), whole.slice(0, 32).toUpperCase());
  });

  it('goes out in a HelloVerifyRequest', () => {
    const bench = new Bench({ random: () => hex(key) });
    const record = hex(clientHello);
    record[10] = 0; // the record's number
    record[18] = 0; // the message's
    assert.deepEqual(bench.say(record), [hex(helloVerifyRequest)]);
  });
});
