/** The public key of an eUICC as the operator gives it: an uncompressed point, PEM, or DER in hex; kept as the point. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { concat, hex, toHex } from '../base/bytes.ts';
import type { SignAlgo } from '../fleet/euiccs.ts';

/** SubjectPublicKeyInfo up to the point (RFC 5480), of each curve of eUICC signatures (SGP.22 2.6.5). */
const heads: Readonly<Record<SignAlgo, Uint8Array>> = {
  prime256v1: hex('3059 3013 06072A8648CE3D0201 06082A8648CE3D030107 034200'),
  brainpoolP256r1: hex('305A 3014 06072A8648CE3D0201 06092B2403030208010107 034200'),
};
const curves = Object.keys(heads) as SignAlgo[];

/** The curve that a point in hex lies on; undefined where it is none of either. */
export function curveOf(point: string): SignAlgo | undefined {
  return curves.find((curve) => {
    try {
      read(concat(heads[curve], hex(point)));
      return true;
    } catch {
      // OpenSSL has many ways to say so.
      return false;
    }
  });
}

function read(der: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
}

/** What comes out is the point in hex, `04…`. */
export const euiccKey: z.ZodType<string> = z
  .string()
  .max(4096)
  .transform((text, context) => {
    const point = pointOf(text);
    if (point !== undefined && curveOf(point) !== undefined) return point;
    context.addIssue({
      code: 'custom',
      message:
        'must be a public key of P-256 or brainpoolP256r1: PEM, DER in hex, or 04 and both coordinates',
    });
    return z.NEVER;
  });

function pointOf(text: string): string | undefined {
  const digits = text.replace(/[\s:]/g, '').toUpperCase();
  if (/^04[0-9A-F]{128}$/.test(digits)) return digits;
  // A private key is a secret, which has no place here, though a public one could be made of it.
  if (text.includes('PRIVATE KEY')) return undefined;
  try {
    const key = /^([0-9A-F]{2})+$/.test(digits) ? read(hex(digits)) : createPublicKey(text);
    const der = new Uint8Array(key.export({ format: 'der', type: 'spki' }));
    return toHex(der.subarray(-65));
  } catch {
    // OpenSSL has many ways to say so.
    return undefined;
  }
}
