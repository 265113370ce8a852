/** The eIM's signature over its eUICC Packages (SGP.32 2.11.1.1), and the token that each such signature covers. */
import type { KeyObject } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import { concat, hex } from '../base/bytes.ts';
import { tlv } from '../messages/tlv.ts';

/** SubjectPublicKeyInfo of a P-256 key, up to the uncompressed point (RFC 5480). */
const spkiHeader = hex('3059 3013 0607 2A8648CE3D0201 0608 2A8648CE3D030107 0342 00');

/**
 * Signs with ECDSA on P-256 and SHA-256. The signatures are deterministic (RFC 6979): a package that is built again
 * is the same package, octet for octet.
 */
export class EimSigner {
  readonly #privateKey: Uint8Array;
  /** SubjectPublicKeyInfo, DER: what a eUICC is told to trust (eimPublicKeyData). */
  readonly publicKeyInfo: Uint8Array;

  /** Takes the private scalar, 32 octets. Throws TypeError where it is none. */
  constructor(privateKey: Uint8Array) {
    if (!p256.utils.isValidSecretKey(privateKey)) throw new TypeError('not a private key of P-256');
    this.#privateKey = Uint8Array.from(privateKey);
    this.publicKeyInfo = concat(spkiHeader, p256.getPublicKey(privateKey, false));
  }

  /** A signer with the key of a PEM or DER file. Throws TypeError unless it is a private key of P-256. */
  static of(privateKey: KeyObject): EimSigner {
    const curve = privateKey.asymmetricKeyDetails?.namedCurve;
    if (privateKey.type !== 'private' || curve !== 'prime256v1') {
      throw new TypeError(
        `the eIM signs with a private key of P-256; this is a ${privateKey.type} key of ${curve ?? privateKey.asymmetricKeyType}`,
      );
    }
    const { d } = privateKey.export({ format: 'jwk' });
    return new EimSigner(new Uint8Array(Buffer.from(d ?? '', 'base64url')));
  }

  /**
   * eimSignature: r‖s, 64 octets, over `euiccPackageSigned` (the whole TLV `30…`) and the token.
   * @param associationToken the eIM's on this eUICC; none counts as zero
   */
  sign(euiccPackageSigned: Uint8Array, associationToken?: number): Uint8Array {
    const signed = concat(euiccPackageSigned, tokenTlv(associationToken));
    return p256.sign(signed, this.#privateKey, { prehash: true, lowS: false });
  }
}

/**
 * The association token as it stands at the end of what is signed, in eUICC Packages and in their results: `84`, an
 * INTEGER; `84 01 00` where there is none. Throws RangeError for a number that no token can be.
 */
export function tokenTlv(associationToken = 0): Uint8Array {
  if (!Number.isSafeInteger(associationToken) || associationToken < 0) {
    throw new RangeError(`${associationToken} is no association token`);
  }
  const octets = [associationToken % 256];
  for (let rest = Math.floor(associationToken / 256); rest > 0; rest = Math.floor(rest / 256)) {
    octets.unshift(rest % 256);
  }
  if ((octets[0] ?? 0) >= 0x80) octets.unshift(0);
  return tlv(0x84, Uint8Array.from(octets));
}
