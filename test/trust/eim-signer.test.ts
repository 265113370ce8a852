import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { concat, hex, toHex } from '../../src/base/bytes.ts';
import { verifyEcdsa } from '../../src/trust/ecdsa.ts';
import { EimSigner, tokenTlv } from '../../src/trust/eim-signer.ts';
import { loadLabPki } from '../../tools/lab/pki/lab-pki.ts';

// Computed apart from this code with RFC 6979 and cross-checked: the facts sheet's section on eUICC packages.
const secret = new Uint8Array(32).fill(0x55);
const euiccPackageSigned = hex(
  '30288001655A1089049032123451234512345678901235810101A00EA30C5A0A98880000000000000071',
);
const eimSignature = hex(
  '60CC1186785C76A26A21FAC3841A6429A5D35C6B26F0AE9ABBF2916EC196005D' +
    'B29460892E36D098A6E5292965F7D6A6FDB10D234D746622E4A29DCFB2A3FB9D',
);

function publicKeyOf(signer: EimSigner) {
  return createPublicKey({ key: Buffer.from(signer.publicKeyInfo), format: 'der', type: 'spki' });
}

describe('EimSigner (SGP.32 2.11.1.1)', () => {
  const signer = new EimSigner(secret);

  it('signs the package with its association token', () => {
    assert.equal(toHex(signer.sign(euiccPackageSigned, 7)), toHex(eimSignature));
  });

  it('makes the same signature each time, high s or not', () => {
    // The s above is in the upper half of the order: it must not be turned over.
    assert.deepEqual(signer.sign(euiccPackageSigned, 7), signer.sign(euiccPackageSigned, 7));
  });

  it('signs another token, or none, with another signature', () => {
    const key = publicKeyOf(signer);
    const over = (token: string) => concat(euiccPackageSigned, hex(token));
    assert.ok(verifyEcdsa(key, over('840107'), signer.sign(euiccPackageSigned, 7)));
    assert.ok(!verifyEcdsa(key, over('840106'), signer.sign(euiccPackageSigned, 7)));
    assert.ok(verifyEcdsa(key, over('840100'), signer.sign(euiccPackageSigned)));
    assert.ok(!verifyEcdsa(key, euiccPackageSigned, signer.sign(euiccPackageSigned)));
  });

  it('shows its public key as OpenSSL does', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    assert.equal(toHex(EimSigner.of(privateKey).publicKeyInfo), toHex(spki));
  });

  it('takes the key of the lab', () => {
    const { key } = loadLabPki().eimSign;
    const signature = EimSigner.of(key).sign(euiccPackageSigned, 1);
    const signed = concat(euiccPackageSigned, hex('840101'));
    assert.ok(verifyEcdsa(createPublicKey(key), signed, signature));
  });

  it('refuses what is no private key of P-256', () => {
    const brainpool = generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' });
    const p256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    assert.throws(() => EimSigner.of(brainpool.privateKey), /brainpoolP256r1/);
    assert.throws(() => EimSigner.of(p256.publicKey), /public key/);
    assert.throws(() => EimSigner.of(generateKeyPairSync('ed25519').privateKey), /ed25519/);
    assert.throws(() => new EimSigner(new Uint8Array(32)), TypeError);
    assert.throws(() => new EimSigner(new Uint8Array(31).fill(1)), TypeError);
  });

  it('shows nothing of the private key when it is printed', () => {
    assert.doesNotMatch(JSON.stringify(signer), /85,85|5555/);
  });
});

describe('tokenTlv', () => {
  const vectors: readonly (readonly [number | undefined, string])[] = [
    [undefined, '840100'],
    [0, '840100'],
    [1, '840101'],
    [127, '84017F'],
    [128, '84020080'],
    [200, '840200C8'],
    [255, '840200FF'],
    [256, '84020100'],
    [32767, '84027FFF'],
    [32768, '8403008000'],
    [2 ** 53 - 1, '84071FFFFFFFFFFFFF'],
  ];
  for (const [token, bytes] of vectors) {
    it(`writes ${token} as ${bytes}`, () => assert.equal(toHex(tokenTlv(token)), bytes));
  }

  it('refuses what is no token', () => {
    for (const token of [-1, 1.5, 2 ** 53, Number.NaN]) {
      assert.throws(() => tokenTlv(token), RangeError);
    }
  });
});
