/** The DTLS certificate that the eIM makes for itself. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { selfSigned } from '../../src/trust/self-signed.ts';

const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey;

function made(host: string): X509Certificate {
  return new X509Certificate(
    selfSigned({
      key,
      host,
      serial: new Uint8Array(8).fill(0xff),
      notBefore: new Date(Date.UTC(2026, 0, 1, 0, 0, 0, 123)),
      // Past 2049, where RFC 5280 4.1.2.5 changes the form of times, which have no fractions of seconds.
      notAfter: new Date(Date.UTC(2056, 0, 1, 12, 0, 0, 123)),
    }),
  );
}

describe('selfSigned', () => {
  it('is signed with its own key', () => {
    const certificate = made('eim.example.com');
    assert.ok(certificate.checkPrivateKey(key));
    assert.ok(certificate.verify(publicKey));
    assert.ok(!certificate.verify(other));
    assert.equal(certificate.issuer, certificate.subject);
  });

  it('is valid from then until then, and for TLS servers alone', () => {
    const certificate = made('eim.example.com');
    assert.equal(certificate.validFrom, 'Jan  1 00:00:00 2026 GMT');
    assert.equal(certificate.validTo, 'Jan  1 12:00:00 2056 GMT');
    assert.ok(Buffer.from(certificate.raw).includes('20560101120000Z'));
    assert.equal(certificate.ca, false);
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  });

  it('has a serial number that is positive and holds the octets given', () => {
    assert.equal(made('eim.example.com').serialNumber, '01FFFFFFFFFFFFFFFF');
  });

  it('is for its host name, and for no other', () => {
    const certificate = made('eim.example.com');
    assert.equal(certificate.checkHost('eim.example.com'), 'eim.example.com');
    assert.equal(certificate.checkHost('other.example.com'), undefined);
  });

  it('is for its IP address, and for no other', () => {
    assert.equal(made('127.0.0.1').checkIP('127.0.0.1'), '127.0.0.1');
    assert.equal(made('127.0.0.1').checkIP('127.0.0.2'), undefined);
    assert.equal(made('::1').checkIP('::1'), '::1');
    assert.equal(made('::1').subjectAltName, 'IP Address:0:0:0:0:0:0:0:1');
  });

  it('cuts a common name at 64 characters, not the name it is for', () => {
    const host = `${'a'.repeat(60)}.${'b'.repeat(20)}.example.com`;
    const certificate = made(host);
    assert.equal(certificate.subject, `CN=${host.slice(0, 64)}`);
    assert.equal(certificate.subjectAltName, `DNS:${host}`);
  });
});
