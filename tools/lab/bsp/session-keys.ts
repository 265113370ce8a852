/** Key agreement of the Bound Profile Package (SGP.22 annex G): one-time keys, ECDH and the X9.63 derivation. */
import { createECDH, createHash } from 'node:crypto';
import { concat, hex } from '../../../src/base/bytes.ts';
import type { Random } from '../../../src/base/random.ts';
import type { CurveName } from '../../../src/trust/ec-key.ts';

/** One side's one-time key pair for the key agreement. */
export interface OneTimeKey {
  /** The scalar, 32 octets: secret. */
  readonly privateKey: Uint8Array;
  /** The point, `04‖X‖Y`, 65 octets: what `5F49` carries. */
  readonly publicKey: Uint8Array;
  readonly curve: CurveName;
}

/** The keys of one BSP channel (SGP.22 2.6.4), 16 octets each. */
export interface BspKeys {
  readonly initialMacChainingValue: Uint8Array;
  readonly sEnc: Uint8Array;
  readonly sMac: Uint8Array;
}

/** A point that is not on the curve, or values of the wrong length. */
export class KeyAgreementError extends Error {
  override readonly name = 'KeyAgreementError';
}

/** A fresh one-time key, on P-256 unless another curve is named. */
export function makeOneTimeKey(random: Random, curve: CurveName = 'prime256v1'): OneTimeKey {
  for (;;) {
    const key = oneTimeKeyOf(random(32), curve);
    if (key !== undefined) return key;
  }
}

/** The key pair of a scalar; undefined where the scalar is zero or not below the order of the curve. */
export function oneTimeKeyOf(
  privateKey: Uint8Array,
  curve: CurveName = 'prime256v1',
): OneTimeKey | undefined {
  const ecdh = createECDH(curve);
  try {
    ecdh.setPrivateKey(privateKey);
  } catch {
    return undefined;
  }
  return { privateKey, publicKey: new Uint8Array(ecdh.getPublicKey()), curve };
}

/** The shared secret: the X coordinate, 32 octets. Throws KeyAgreementError on a point that is none. */
export function agree(
  privateKey: Uint8Array,
  otherPublicKey: Uint8Array,
  curve: CurveName = 'prime256v1',
): Uint8Array {
  if (otherPublicKey.length !== 65 || otherPublicKey[0] !== 0x04) {
    throw new KeyAgreementError('a one-time public key is an uncompressed point of 65 octets');
  }
  const ecdh = createECDH(curve);
  ecdh.setPrivateKey(privateKey);
  try {
    return new Uint8Array(ecdh.computeSecret(otherPublicKey));
  } catch (cause) {
    throw new KeyAgreementError('the one-time public key is no point of the curve', { cause });
  }
}

/**
 * The session keys of a shared secret. The initial MAC chaining value comes first, and the EID enters as its
 * 16 octets, not as 32 digits. Throws KeyAgreementError.
 */
export function deriveSessionKeys(
  sharedSecret: Uint8Array,
  hostId: Uint8Array,
  eid: Uint8Array,
): BspKeys {
  if (hostId.length < 1 || hostId.length > 16) {
    throw new KeyAgreementError(`a host id has 1 to 16 octets, not ${hostId.length}`);
  }
  if (eid.length !== 16) throw new KeyAgreementError(`an EID has 16 octets, not ${eid.length}`);
  const sharedInfo = concat(
    hex('88 10'), // key type AES, key length 16, as in the CRT of InitialiseSecureChannel
    Uint8Array.of(hostId.length),
    hostId,
    Uint8Array.of(eid.length),
    eid,
  );
  const block = (counter: number) =>
    createHash('sha256')
      .update(sharedSecret)
      .update(Uint8Array.of(0, 0, 0, counter))
      .update(sharedInfo)
      .digest();
  const keyData = concat(block(1), block(2));
  return {
    initialMacChainingValue: keyData.slice(0, 16),
    sEnc: keyData.slice(16, 32),
    sMac: keyData.slice(32, 48),
  };
}
