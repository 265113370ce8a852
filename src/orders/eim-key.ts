/** The key that an EimConfigurationData gives an eUICC for its eIM. */
import { X509Certificate } from 'node:crypto';
import type { EimConfigurationData } from '../messages/eco.ts';

/**
 * SubjectPublicKeyInfo, DER; of a certificate, that of its key. Undefined where the configuration names none, or a
 * certificate that cannot be read.
 */
export function eimKeyOf({ eimPublicKeyData }: EimConfigurationData): Uint8Array | undefined {
  if (eimPublicKeyData === undefined) return undefined;
  const { type, value } = eimPublicKeyData;
  if (type === 'eimPublicKey') return value;
  try {
    const { publicKey } = new X509Certificate(value);
    return new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  } catch {
    // OpenSSL has many ways to say so.
    return undefined;
  }
}
