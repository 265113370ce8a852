/** A client that shows a certificate or a raw public key (RFC 5246 §7.4.4, §7.4.6, §7.4.8), as its server sees it. */
import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import { AlertDescription, HandshakeError } from './alert.ts';
import { checked, decodeCertificate, publicKeyOf } from './certificate-types.ts';
import type { PeerCredential, ShownCertificate } from './credentials.ts';
import { CertificateRequest, ecdsaSign } from './messages/certificate-request.ts';
import { CertificateVerify } from './messages/certificate-verify.ts';
import type { ClientCertificateChoice } from './negotiation.ts';
import { preferredSchemes, verifyWith } from './signature-schemes.ts';
import { decode, encode } from './struct.ts';

/** Who the client says it is; CertificateVerify has yet to show that it has the key. */
export interface Claim {
  readonly key: KeyObject;
  readonly credential: PeerCredential;
}

/** The body of CertificateRequest. Names no authorities: clients have one certificate, and names cost octets. */
export function certificateRequest(): Uint8Array {
  return encode(CertificateRequest, {
    certificateTypes: [ecdsaSign],
    supportedSignatureAlgorithms: preferredSchemes.map(({ id }) => id),
    certificateAuthorities: [],
  });
}

/** What Certificate claims; undefined where the client shows nothing and need not. Throws HandshakeError. */
export function readClaim(
  certificate: Uint8Array,
  { type, authentication }: ClientCertificateChoice,
): Claim | undefined {
  const shown = decodeCertificate(certificate, type);
  if (shown === undefined) {
    if (authentication.mode === 'optional') return undefined;
    const complaint = 'the client has no certificate';
    throw new HandshakeError(AlertDescription.handshakeFailure, complaint);
  }
  const key = publicKeyOf(shown);
  const identity = checked("the client's", () => authentication.check(shown));
  return { key, credential: credentialOf(shown, identity) };
}

/** `signed` is the handshake before CertificateVerify. Throws HandshakeError(decryptError) where it is not signed so. */
export function checkCertificateVerify(body: Uint8Array, claim: Claim, signed: Uint8Array): void {
  const { scheme, signature } = decode('CertificateVerify', CertificateVerify, body);
  const known = preferredSchemes.find(({ id }) => id === scheme);
  if (known === undefined) {
    const complaint = 'a CertificateVerify of a scheme that was not asked for';
    throw new HandshakeError(AlertDescription.illegalParameter, complaint);
  }
  if (!verifyWith(known, claim.key, signed, signature)) {
    const complaint = 'the client did not sign the handshake';
    throw new HandshakeError(AlertDescription.decryptError, complaint);
  }
}

function credentialOf(shown: ShownCertificate, identity: string): PeerCredential {
  if (shown.type === 'rawPublicKey') {
    return { type: 'rawPublicKey', identity, spki: shown.spki.slice() };
  }
  const [own = new Uint8Array()] = shown.chain;
  const { subject } = new X509Certificate(own);
  const fingerprint = toHex(createHash('sha256').update(own).digest());
  return { type: 'certificate', identity, subject, fingerprint };
}
