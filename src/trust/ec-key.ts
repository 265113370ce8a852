/** Public keys of the two curves of SGP.22, between the point on the card and Node's KeyObject. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { concat, hex } from '../base/bytes.ts';

export type CurveName = 'prime256v1' | 'brainpoolP256r1';

/** SubjectPublicKeyInfo up to the point: id-ecPublicKey, the curve, a BIT STRING of 65 octets (RFC 5480). */
const heads: Readonly<Record<CurveName, Uint8Array>> = {
  prime256v1: hex('3059 3013 06072A8648CE3D0201 06082A8648CE3D030107 034200'),
  brainpoolP256r1: hex('305A 3014 06072A8648CE3D0201 06092B2403030208010107 034200'),
};

/** The key of an uncompressed point, `04‖X‖Y`. Throws TypeError where it is no point of the curve. */
export function ecPublicKey(point: Uint8Array, curve: CurveName): KeyObject {
  if (point.length !== 65 || point[0] !== 4) throw new TypeError('not an uncompressed point');
  try {
    const key = Buffer.from(concat(heads[curve], point));
    return createPublicKey({ key, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new TypeError(`not a point of ${curve}`, { cause });
  }
}

/** The uncompressed point of a key, 65 octets, and its curve. Throws TypeError for a key of another kind. */
export function pointOf(key: KeyObject): { point: Uint8Array; curve: CurveName } {
  const spki = new Uint8Array(key.export({ format: 'der', type: 'spki' }));
  const point = spki.subarray(spki.length - 65);
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if ((curve !== 'prime256v1' && curve !== 'brainpoolP256r1') || point[0] !== 4) {
    throw new TypeError('not a key of P-256 or brainpoolP256r1');
  }
  return { point: point.slice(), curve };
}
