import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { utf8 } from '../../src/base/bytes.ts';
import { signEcdsa, verifyEcdsa } from '../../src/trust/ecdsa.ts';

const data = utf8('what is signed');

for (const namedCurve of ['prime256v1', 'brainpoolP256r1']) {
  describe(`ECDSA on ${namedCurve} (BSI TR-03111)`, () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
    const other = generateKeyPairSync('ec', { namedCurve }).publicKey;

    it('signs with 64 octets that verify', () => {
      const signature = signEcdsa(privateKey, data);
      assert.equal(signature.length, 64);
      assert.ok(verifyEcdsa(publicKey, data, signature));
    });

    it('takes the DER form too', () => {
      const signature = new Uint8Array(sign('sha256', data, privateKey));
      assert.ok(verifyEcdsa(publicKey, data, signature));
      assert.ok(!verifyEcdsa(other, data, signature));
      assert.ok(!verifyEcdsa(publicKey, utf8('What is signed'), signature));
    });

    it('refuses another key, other data, and a signature with one bit turned', () => {
      const signature = signEcdsa(privateKey, data);
      assert.ok(!verifyEcdsa(other, data, signature));
      assert.ok(!verifyEcdsa(publicKey, utf8('What is signed'), signature));
      for (const at of [0, 31, 32, 63]) {
        const turned = signature.map((octet, i) => (i === at ? octet ^ 1 : octet));
        assert.ok(!verifyEcdsa(publicKey, data, turned), `octet ${at}`);
      }
    });

    it('refuses a signature cut short, filled up, or of zeros', () => {
      const signature = signEcdsa(privateKey, data);
      assert.ok(!verifyEcdsa(publicKey, data, signature.subarray(1)));
      assert.ok(!verifyEcdsa(publicKey, data, Uint8Array.of(...signature, 0)));
      assert.ok(!verifyEcdsa(publicKey, data, new Uint8Array(64)));
      assert.ok(!verifyEcdsa(publicKey, data, new Uint8Array(0)));
    });

    it('calls any other bytes no signature, and throws for none', () => {
      const shapes = fc.oneof(
        fc.uint8Array({ maxLength: 100 }),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc
          .uint8Array({ maxLength: 90 })
          .map((bytes) => Uint8Array.of(0x30, bytes.length, ...bytes)),
      );
      fc.assert(
        fc.property(shapes, (bytes) => !verifyEcdsa(publicKey, data, bytes)),
        { numRuns: 60 },
      );
    });
  });
}

it('verifies with public EC keys only', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const signature = signEcdsa(privateKey, data);
  assert.ok(verifyEcdsa(createPublicKey(privateKey), data, signature));
  assert.ok(!verifyEcdsa(privateKey, data, signature));
  assert.ok(!verifyEcdsa(generateKeyPairSync('ed25519').publicKey, data, signature));
});
