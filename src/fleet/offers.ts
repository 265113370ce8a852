/** What a peer offers for its name in a handshake, and what is answered. */
import { createHash, X509Certificate } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import type { PeerIdentity } from './device.ts';

/** A client's Certificate message: X.509 or a raw public key (RFC 7250 3). */
export type ClientOffer =
  | {
      readonly type: 'certificate';
      /** DER, the peer's own first. */
      readonly chain: readonly Uint8Array[];
    }
  | {
      readonly type: 'rawPublicKey';
      /** SubjectPublicKeyInfo, DER. */
      readonly spki: Uint8Array;
    };

/**
 * Why a peer is not who it says; DTLS answers bad_certificate, certificate_expired, certificate_revoked, unknown_ca,
 * certificate_unknown.
 */
export type Refusal = 'malformed' | 'expired' | 'revoked' | 'unknownCa' | 'unknown';

/** Who the peer is, once it has proved that it has the key; or why it is nobody, in words for the log. */
export type ClientVerdict =
  | { readonly identity: PeerIdentity }
  | { readonly refused: Refusal; readonly why: string };

export function refused(why: Refusal, words: string): { refused: Refusal; why: string } {
  return { refused: why, why: words };
}

interface Print {
  readonly kind: 'certificate' | 'rawPublicKey';
  /** As pins are looked up. */
  readonly pin: string;
}

/** Longer ones are not read; those of devices have a few hundred octets. */
const longestOffer = 8192;

/** What an offer may be pinned by; undefined where it cannot be read. */
export function printsOf(offer: ClientOffer): readonly Print[] | undefined {
  if (offer.type === 'rawPublicKey') {
    if (offer.spki.length === 0 || offer.spki.length > longestOffer) return undefined;
    return [{ kind: 'rawPublicKey', pin: `publicKey ${fingerprint(offer.spki)}` }];
  }
  const [leaf] = offer.chain;
  if (leaf === undefined || leaf.length > longestOffer) return undefined;
  const spki = spkiOf(leaf);
  if (spki === undefined) return undefined;
  return [
    { kind: 'certificate', pin: `certificate ${fingerprint(leaf)}` },
    { kind: 'certificate', pin: `publicKey ${fingerprint(spki)}` },
  ];
}

/** SHA-256, upper-case hex. */
export function fingerprint(der: Uint8Array): string {
  return toHex(createHash('sha256').update(der).digest());
}

function spkiOf(certificate: Uint8Array): Uint8Array | undefined {
  try {
    const { publicKey } = new X509Certificate(certificate);
    return publicKey.export({ format: 'der', type: 'spki' });
  } catch {
    // A peer's octets: OpenSSL has many ways to refuse them.
    return undefined;
  }
}
