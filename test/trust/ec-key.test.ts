/** Points on the card, keys of node:crypto. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { hex } from '../../src/base/bytes.ts';
import { type CurveName, ecPublicKey, pointOf } from '../../src/trust/ec-key.ts';
import { signEcdsa, verifyEcdsa } from '../../src/trust/ecdsa.ts';

/** RFC 5639 A.2: the base point of brainpoolP256r1; SEC 2 2.4.2: that of P-256. */
const basePoints: Readonly<Record<CurveName, string>> = {
  prime256v1:
    '04 6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296' +
    '4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5',
  brainpoolP256r1:
    '04 8BD2AEB9CB7E57CB2C4B482FFC81B7AFB9DE27E1E3BD23C23A4453BD9ACE3262' +
    '547EF835C3DAC4FD97F8461A14611DC9C27745132DED8E545C1D54C72F046997',
};
const curves = ['prime256v1', 'brainpoolP256r1'] as const;

describe('ecPublicKey', () => {
  for (const curve of curves) {
    it(`makes the key of a point of ${curve}, and pointOf gives it back`, () => {
      const point = hex(basePoints[curve]);
      const key = ecPublicKey(point, curve);
      assert.equal(key.asymmetricKeyDetails?.namedCurve, curve);
      assert.deepEqual(pointOf(key), { point, curve });
    });

    it(`makes a key of ${curve} that checks what its private key signed`, () => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: curve });
      const again = ecPublicKey(pointOf(publicKey).point, curve);
      const signature = signEcdsa(privateKey, hex('AABB'));
      assert.ok(verifyEcdsa(again, hex('AABB'), signature));
      assert.ok(!verifyEcdsa(again, hex('AABC'), signature));
    });

    it(`refuses octets that are no point of ${curve}`, () => {
      const off = hex(basePoints[curve]);
      off[64] = (off[64] ?? 0) ^ 1;
      const other = hex(basePoints[curve === 'prime256v1' ? 'brainpoolP256r1' : 'prime256v1']);
      for (const point of [off, other, new Uint8Array(65).fill(4), new Uint8Array(65)]) {
        assert.throws(() => ecPublicKey(point, curve), TypeError);
      }
    });
  }

  it('refuses points in another form', () => {
    const compressed = hex('036B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296');
    for (const point of [
      compressed,
      hex('00'),
      new Uint8Array(),
      hex(`${basePoints.prime256v1}00`),
    ]) {
      assert.throws(() => ecPublicKey(point, 'prime256v1'), /not an uncompressed point/);
    }
  });
});

describe('pointOf', () => {
  it('refuses keys of another kind', () => {
    const keys = [
      generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey,
      generateKeyPairSync('ed25519').publicKey,
      generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey,
    ];
    for (const key of keys) assert.throws(() => pointOf(key), TypeError);
  });

  it('gives memory of its own', () => {
    const key = createPublicKey(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey);
    const { point } = pointOf(key);
    point.fill(0);
    assert.notDeepEqual(pointOf(key).point, point);
  });
});
