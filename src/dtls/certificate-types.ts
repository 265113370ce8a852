/** X.509 and raw public keys, on the wire and as keys (RFC 5246 §7.4.2, RFC 7250 §3). */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { AlertDescription, HandshakeError } from './alert.ts';
import type { OwnCertificate, ShownCertificate } from './credentials.ts';
import { Certificate, RawPublicKey } from './messages/certificate.ts';
import { decode, encode } from './struct.ts';

/** RFC 7250 §3 */
export const CertificateType = { x509: 0, rawPublicKey: 2 } as const;
export type CertificateType = (typeof CertificateType)[keyof typeof CertificateType];

/** What stands for each type in `ShownCertificate`. */
export const certificateTypeOf = {
  certificate: CertificateType.x509,
  rawPublicKey: CertificateType.rawPublicKey,
} as const satisfies Readonly<Record<ShownCertificate['type'], CertificateType>>;

/** The types as which a certificate can be shown: the key of an X.509 certificate also goes without it. */
export function typesOf({ chain }: OwnCertificate): readonly CertificateType[] {
  const raw = CertificateType.rawPublicKey;
  return chain === undefined ? [raw] : [CertificateType.x509, raw];
}

/** The body of a Certificate message; without `own`, that of one who has none to show. */
export function encodeCertificate(
  own: OwnCertificate | undefined,
  type: CertificateType,
): Uint8Array {
  if (type === CertificateType.x509) {
    const chain = own?.chain ?? [];
    const octets = chain.reduce((sum, { length }) => sum + 3 + length, 3);
    return encode(Certificate, { certificateList: chain }, octets);
  }
  const spki = own === undefined ? new Uint8Array() : spkiOf(own.key);
  return encode(RawPublicKey, { subjectPublicKeyInfo: spki });
}

/** What a Certificate message shows; undefined where it is empty. */
export function decodeCertificate(
  body: Uint8Array,
  type: CertificateType,
): ShownCertificate | undefined {
  if (type === CertificateType.x509) {
    const { certificateList: chain } = decode('Certificate', Certificate, body);
    return chain.length === 0 ? undefined : { type: 'certificate', chain };
  }
  const { subjectPublicKeyInfo: spki } = decode('Certificate', RawPublicKey, body);
  return spki.length === 0 ? undefined : { type: 'rawPublicKey', spki };
}

/** What the owner says to it, with an alert for each reason to refuse. */
export function checked<T>(whose: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (cause instanceof HandshakeError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    const complaint = `${whose} certificate is not trusted: ${why}`;
    throw new HandshakeError(AlertDescription.certificateUnknown, complaint, { cause });
  }
}

/** Those whose keys we take of others: with names, and as strong as P-256. */
const curves: readonly string[] = ['prime256v1', 'brainpoolP256r1', 'secp384r1', 'secp521r1'];

/** The certificate's own key, which signs with ECDSA. Throws HandshakeError. */
export function publicKeyOf(shown: ShownCertificate): KeyObject {
  const key = keyOf(shown);
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve !== undefined && curves.includes(curve)) return key;
  const complaint = `a certificate with a key of ${curve ?? key.asymmetricKeyType}`;
  throw new HandshakeError(AlertDescription.unsupportedCertificate, complaint);
}

function keyOf(shown: ShownCertificate): KeyObject {
  try {
    if (shown.type === 'certificate') {
      return new X509Certificate(shown.chain[0] ?? new Uint8Array()).publicKey;
    }
    const key = Buffer.from(shown.spki);
    return createPublicKey({ key, format: 'der', type: 'spki' });
  } catch (cause) {
    const complaint = 'a certificate that cannot be read';
    throw new HandshakeError(AlertDescription.badCertificate, complaint, { cause });
  }
}

/** SubjectPublicKeyInfo as DER, of a private or public key. */
export function spkiOf(key: KeyObject): Uint8Array {
  const of = key.type === 'private' ? createPublicKey(key) : key;
  return new Uint8Array(of.export({ type: 'spki', format: 'der' }));
}
