import { type Infer, list, struct, vector } from '../struct.ts';

/**
 * RFC 5246 §7.4.2; each entry is the DER of one X.509 certificate, the sender's own first.
 *
 *   opaque ASN.1Cert<1..2^24-1>;
 *   struct { ASN.1Cert certificate_list<0..2^24-1>; } Certificate;
 */
export const Certificate = struct({
  certificateList: list(vector(1, 2 ** 24 - 1), 0, 2 ** 24 - 1),
});
export type Certificate = Infer<typeof Certificate>;
