import { type Infer, list, struct, uint8, uint16, vector } from '../struct.ts';

/** ClientCertificateType of a certificate that signs with ECDSA (RFC 8422 §5.5). */
export const ecdsaSign = 64;

/**
 * RFC 5246 §7.4.4
 *
 *   struct {
 *     ClientCertificateType certificate_types<1..2^8-1>;
 *     SignatureAndHashAlgorithm supported_signature_algorithms<2..2^16-2>;
 *     DistinguishedName certificate_authorities<0..2^16-1>;   -- none: of any authority
 *   } CertificateRequest;
 */
export const CertificateRequest = struct({
  certificateTypes: list(uint8, 1, 2 ** 8 - 1),
  supportedSignatureAlgorithms: list(uint16, 2, 2 ** 16 - 2),
  certificateAuthorities: list(vector(1, 2 ** 16 - 1), 0, 2 ** 16 - 1),
});
export type CertificateRequest = Infer<typeof CertificateRequest>;
