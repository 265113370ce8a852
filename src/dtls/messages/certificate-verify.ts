import { type Infer, struct, uint16, vector } from '../struct.ts';

/**
 * RFC 5246 §7.4.8: a signature over all handshake messages before this one.
 *
 *   struct { SignatureAndHashAlgorithm algorithm; opaque signature<0..2^16-1>; } CertificateVerify;
 */
export const CertificateVerify = struct({
  scheme: uint16,
  signature: vector(0, 2 ** 16 - 1),
});
export type CertificateVerify = Infer<typeof CertificateVerify>;
