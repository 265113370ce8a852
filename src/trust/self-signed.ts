/** A certificate that a key signs over itself: the eIM's DTLS certificate where the operator has none yet. */
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_kp_serverAuth,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';

export interface SelfSigned {
  /** A private key of P-256. */
  readonly key: KeyObject;
  /** Host name or IP address: common name and subjectAltName. */
  readonly host: string;
  /** 8 octets that nobody foresees. */
  readonly serial: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Makes the certificate, DER; ecdsa-with-SHA256 (RFC 5758). */
export function selfSigned({ key, host, serial, notBefore, notAfter }: SelfSigned): Uint8Array {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const signature = new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' });
  const name = new Name([
    new RelativeDistinguishedName([
      // RFC 5280 A.1: a common name has at most 64 characters.
      new AttributeTypeAndValue({
        type: '2.5.4.3',
        value: new AttributeValue({ utf8String: host.slice(0, 64) }),
      }),
    ]),
  ]);
  const alternative = /^[0-9.]+$|:/.test(host)
    ? new GeneralName({ iPAddress: host })
    : new GeneralName({ dNSName: host });
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: Uint8Array.of(0x01, ...serial).buffer,
    signature,
    issuer: name,
    validity: new Validity({ notBefore, notAfter }),
    subject: name,
    subjectPublicKeyInfo: AsnConvert.parse(spki, SubjectPublicKeyInfo),
    extensions: new Extensions([
      extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.digitalSignature)),
      extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([id_kp_serverAuth])),
      extension(id_ce_subjectAltName, false, new SubjectAlternativeName([alternative])),
    ]),
  });
  const signed = new Uint8Array(AsnConvert.serialize(tbsCertificate));
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm: signature,
    signatureValue: new Uint8Array(sign('sha256', signed, key)).buffer,
  });
  return new Uint8Array(AsnConvert.serialize(certificate));
}

function extension(extnID: string, critical: boolean, value: unknown): Extension {
  return new Extension({
    extnID,
    critical,
    extnValue: new OctetString(AsnConvert.serialize(value)),
  });
}
