/** Whether a server that was routed to is who its name says, beyond a chain that is believed. */
import { createHash, X509Certificate } from 'node:crypto';
import { toHex } from '../base/bytes.ts';

/**
 * What TLS is to ask of the certificate behind `name`, which may be an IP address: that it is for this name, wherever
 * the route leads; and, where there are pins, that its key is one of theirs.
 * @param pins SHA-256 of SubjectPublicKeyInfo, in upper-case hex
 */
export function identityCheck(
  name: string,
  pins: readonly string[],
): (hostname: string, peer: { readonly raw: Uint8Array }) => Error | undefined {
  return (_hostname, { raw }) => {
    const certificate = new X509Certificate(raw);
    const isAddress = /^[0-9.]+$/.test(name) || name.includes(':');
    const matched = isAddress ? certificate.checkIP(name) : certificate.checkHost(name);
    if (matched === undefined) {
      const names = certificate.subjectAltName ?? certificate.subject;
      return new Error(`its certificate does not match ${name}, but ${names}`);
    }
    const pin = pinOf(certificate);
    if (pins.length === 0 || pins.includes(pin)) return undefined;
    return new Error(`its key is none of the pinned ones; the SHA-256 of it is ${pin}`);
  };
}

function pinOf({ publicKey }: X509Certificate): string {
  const info = publicKey.export({ format: 'der', type: 'spki' });
  return toHex(createHash('sha256').update(info).digest());
}
