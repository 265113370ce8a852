/** ECDSA with SHA-256, as plain r‖s of 32 octets each (BSI TR-03111 5.2.1): how every RSP message is signed. */
import { type KeyObject, sign, verify } from 'node:crypto';

/** Octets of a plain signature on a 256-bit curve. */
const plainOctets = 64;

/**
 * Whether `signature` over `data` is the key's. Plain r‖s is the standard's form; DER, which some eUICCs send, is
 * told by its shape and tolerated. Never throws for what a peer sent: bytes of neither form are no signature.
 */
export function verifyEcdsa(
  publicKey: KeyObject,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.type !== 'public' || publicKey.asymmetricKeyType !== 'ec') return false;
  return (
    (signature.length === plainOctets &&
      verify('sha256', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)) ||
    (signature[0] === 0x30 &&
      verify('sha256', data, { key: publicKey, dsaEncoding: 'der' }, signature))
  );
}

/** The plain signature r‖s over `data`, 64 octets. It differs each time; EimSigner's does not. */
export function signEcdsa(privateKey: KeyObject, data: Uint8Array): Uint8Array {
  return new Uint8Array(sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' }));
}
