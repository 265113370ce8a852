/** Certificate, whose shape the negotiated certificate type decides. */
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

/**
 * RFC 7250 §3: no list, only the DER of one key. Empty where a client has none to show.
 *
 *   opaque ASN.1_subjectPublicKeyInfo<1..2^24-1>;
 */
export const RawPublicKey = struct({ subjectPublicKeyInfo: vector(0, 2 ** 24 - 1) });
