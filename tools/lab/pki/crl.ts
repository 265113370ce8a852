/** Certificate revocation lists (RFC 5280 5) as the CI of SGP.26 publishes them: whole, or in numbered parts. */
import { sign } from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AuthorityKeyIdentifier,
  Certificate,
  CertificateList,
  CRLNumber,
  Extension,
  id_ce_authorityKeyIdentifier,
  id_ce_cRLNumber,
  KeyIdentifier,
  RevokedCertificate,
  TBSCertList,
  Time,
  Version,
} from '@peculiar/asn1-x509';
import { keyIdentifierOf, type LabCredential, subjectOf } from './issue.ts';

export interface CrlProfile {
  /** DER of the certificates that are revoked. */
  readonly revoked?: readonly Uint8Array[];
  readonly thisUpdate: Date;
  /** `null`: there is none, which RFC 5280 5.1.2.5 forbids. */
  readonly nextUpdate: Date | null;
  /** Which part it is, and of how many (SGP.22 4.5.2, id-rspExt 2 and 3). */
  readonly part?: { readonly number: number; readonly of: number };
  /** Extensions besides, for what a list should not have. */
  readonly extensions?: readonly Extension[];
}

/** Object identifiers of a list that comes in parts. */
const total = '2.23.146.1.2.0.2';
const partial = '2.23.146.1.2.0.3';

/** Makes a list, DER, that `issuer` signs. */
export function issueCrl(issuer: LabCredential, profile: CrlProfile): Uint8Array {
  const { revoked = [], thisUpdate, nextUpdate, part } = profile;
  const signature = new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' });
  const keyIdentifier = new KeyIdentifier(new Uint8Array(keyIdentifierOf(issuer.key)).buffer);
  const tbsCertList = new TBSCertList({
    version: Version.v2,
    signature,
    issuer: subjectOf(issuer),
    thisUpdate: new Time(thisUpdate),
    ...(nextUpdate === null ? {} : { nextUpdate: new Time(nextUpdate) }),
    ...(revoked.length === 0
      ? {}
      : {
          revokedCertificates: revoked.map(
            (certificate) =>
              new RevokedCertificate({
                userCertificate: AsnConvert.parse(certificate, Certificate).tbsCertificate
                  .serialNumber,
                revocationDate: new Time(thisUpdate),
              }),
          ),
        }),
    crlExtensions: [
      extension(id_ce_authorityKeyIdentifier, new AuthorityKeyIdentifier({ keyIdentifier })),
      extension(id_ce_cRLNumber, new CRLNumber(1)),
      ...(part === undefined ? [] : [number(total, part.of), number(partial, part.number)]),
      ...(profile.extensions ?? []),
    ],
  });
  const signed = new Uint8Array(AsnConvert.serialize(tbsCertList));
  const list = new CertificateList({
    tbsCertList,
    signatureAlgorithm: signature,
    signature: new Uint8Array(sign('sha256', signed, issuer.key)).buffer,
  });
  return new Uint8Array(AsnConvert.serialize(list));
}

/** An INTEGER below 128. */
function number(extnID: string, value: number): Extension {
  return new Extension({
    extnID,
    critical: false,
    extnValue: new OctetString(Uint8Array.of(2, 1, value).buffer),
  });
}

function extension(extnID: string, value: unknown): Extension {
  const extnValue = new OctetString(AsnConvert.serialize(value));
  return new Extension({ extnID, critical: false, extnValue });
}
