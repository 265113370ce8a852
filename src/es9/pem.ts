/** Certificates and CRLs as PEM, which is all that node:https takes. */
import { X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { CertificateList } from '@peculiar/asn1-x509';
import { base64 } from '../base/bytes.ts';

/** The certificates of a PEM file or of DER. Throws TypeError, or what node:crypto throws, where it holds none. */
export function pemCertificates(bytes: Uint8Array): string[] {
  if (isDer(bytes)) return [new X509Certificate(bytes).toString()];
  const found = blocks(bytes, 'CERTIFICATE');
  if (found.length === 0) throw new TypeError('a root is neither PEM nor DER of a certificate');
  return found.map(([block]) => new X509Certificate(block).toString());
}

/** The CRLs of a PEM file or of DER. Throws TypeError where it holds none; who signed them OpenSSL judges later. */
export function pemCrls(bytes: Uint8Array): string[] {
  const found = isDer(bytes)
    ? [bytes]
    : blocks(bytes, 'X509 CRL').map(([, text = '']) => Buffer.from(text, 'base64'));
  if (found.length === 0) throw new TypeError('a CRL is neither PEM nor DER');
  return found.map((der) => {
    try {
      AsnConvert.parse(der, CertificateList);
    } catch (cause) {
      throw new TypeError('a CRL is no CertificateList', { cause });
    }
    const lines = base64(der).replace(/.{1,64}/g, '$&\n');
    return `-----BEGIN X509 CRL-----\n${lines}-----END X509 CRL-----\n`;
  });
}

function isDer(bytes: Uint8Array): boolean {
  return bytes[0] === 0x30;
}

function blocks(bytes: Uint8Array, label: string): RegExpMatchArray[] {
  const block = new RegExp(`-----BEGIN ${label}-----([^-]*)-----END ${label}-----`, 'g');
  return [...Buffer.from(bytes).toString('latin1').matchAll(block)];
}
