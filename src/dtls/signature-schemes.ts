/** The signatures we can make and check, as a table (RFC 5246 §7.4.1.4.1). */
import { type KeyObject, sign, verify } from 'node:crypto';

export interface SignatureScheme {
  /** SignatureAndHashAlgorithm as one number. */
  readonly id: number;
  readonly hash: string;
}

export const signatureSchemes = {
  ecdsaSha256: { id: 0x0403, hash: 'sha256' },
  ecdsaSha384: { id: 0x0503, hash: 'sha384' },
  ecdsaSha512: { id: 0x0603, hash: 'sha512' },
} as const satisfies Readonly<Record<string, SignatureScheme>>;

/** In our order of preference. */
export const preferredSchemes: readonly SignatureScheme[] = [
  signatureSchemes.ecdsaSha256,
  signatureSchemes.ecdsaSha384,
  signatureSchemes.ecdsaSha512,
];

/** An ECDSA signature as DER, which is TLS's form. */
export function signWith(scheme: SignatureScheme, key: KeyObject, data: Uint8Array): Uint8Array {
  return sign(scheme.hash, data, key);
}

export function verifyWith(
  scheme: SignatureScheme,
  key: KeyObject,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  return key.asymmetricKeyType === 'ec' && verify(scheme.hash, data, key, signature);
}
