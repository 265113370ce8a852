/** Makes one X.509 certificate from a profile: what SGP.26 lists in a row of its table, as data. */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  CertificatePolicies,
  CRLDistributionPoints,
  DistributionPoint,
  DistributionPointName,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_cRLDistributionPoints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  NameConstraints,
  PolicyInformation,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';

/** A certificate and its private key. */
export interface LabCredential {
  /** DER. */
  readonly certificate: Uint8Array;
  readonly key: KeyObject;
}

/** One attribute of a distinguished name, each in a relative name of its own. */
export type NamePart = readonly [type: 'C' | 'O' | 'OU' | 'CN' | 'serialNumber', value: string];

/** What a certificate says; everything that SGP.26 does not give its row stays out. */
export interface CertificateProfile {
  readonly subject: readonly NamePart[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Octets of the serial number, big-endian; default 02 and eight that nobody foresees. */
  readonly serial?: Uint8Array;
  readonly keyUsage: 'keyCertSign' | 'keyCertSign+cRLSign' | 'digitalSignature';
  /** Extended key usage serverAuth and clientAuth, critical. */
  readonly tls?: boolean;
  readonly policy?: { readonly oid: string; readonly critical: boolean };
  readonly names?: readonly AlternativeName[];
  readonly authority?: { readonly pathLength?: number };
  /** Whether a subjectKeyIdentifier is there. */
  readonly ski: boolean;
  readonly crls?: readonly string[];
  /** The EUM's rule: the O and the EID prefix (IIN) of the eUICCs it may make (SGP.22 4.5.2.1). */
  readonly permitted?: { readonly organization: string; readonly iin: string };
}

export type AlternativeName =
  | { readonly dns: string }
  | { readonly ip: string }
  | { readonly registeredId: string };

const attributeTypes = {
  CN: '2.5.4.3',
  serialNumber: '2.5.4.5',
  C: '2.5.4.6',
  O: '2.5.4.10',
  OU: '2.5.4.11',
} as const;

const ecdsaWithSha256 = '1.2.840.10045.4.3.2';

/** The curves of RSP chains (SGP.22 2.6.5). */
export type LabCurve = 'prime256v1' | 'brainpoolP256r1';

/** A fresh key pair, of P-256 unless another curve is named, as its private key. */
export function newKey(namedCurve: LabCurve = 'prime256v1'): KeyObject {
  return generateKeyPairSync('ec', { namedCurve }).privateKey;
}

/** Issues a certificate over `key` (fresh where none is given); without an issuer it signs itself. */
export function issueCertificate(
  profile: CertificateProfile,
  issuer?: LabCredential,
  key: KeyObject = newKey(),
): LabCredential {
  const publicKey = subjectPublicKeyInfo(key);
  const signature = new AlgorithmIdentifier({ algorithm: ecdsaWithSha256 });
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: integer(profile.serial ?? newSerial()),
    signature,
    issuer: issuer === undefined ? distinguishedName(profile.subject) : subjectOf(issuer),
    validity: new Validity({ notBefore: profile.notBefore, notAfter: profile.notAfter }),
    subject: distinguishedName(profile.subject),
    subjectPublicKeyInfo: publicKey,
    extensions: extensions(profile, publicKey, issuer),
  });
  const signed = new Uint8Array(AsnConvert.serialize(tbsCertificate));
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm: signature,
    signatureValue: arrayBuffer(sign('sha256', signed, issuer?.key ?? key)),
  });
  return { certificate: new Uint8Array(AsnConvert.serialize(certificate)), key };
}

function extensions(
  profile: CertificateProfile,
  publicKey: SubjectPublicKeyInfo,
  issuer: LabCredential | undefined,
): Extensions {
  const { authority, permitted, policy, names, crls } = profile;
  const made = new Extensions();
  const add = (extnID: string, critical: boolean, value: unknown) =>
    made.push(
      new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) }),
    );
  if (issuer !== undefined) {
    const keyIdentifier = new KeyIdentifier(arrayBuffer(keyIdentifierOf(issuer.key)));
    add(id_ce_authorityKeyIdentifier, false, new AuthorityKeyIdentifier({ keyIdentifier }));
  }
  if (profile.ski) {
    const identifier = sha1(new Uint8Array(publicKey.subjectPublicKey));
    add(id_ce_subjectKeyIdentifier, false, new SubjectKeyIdentifier(arrayBuffer(identifier)));
  }
  add(id_ce_keyUsage, true, new KeyUsage(keyUsageFlags(profile.keyUsage)));
  if (profile.tls) {
    add(id_ce_extKeyUsage, true, new ExtendedKeyUsage([id_kp_serverAuth, id_kp_clientAuth]));
  }
  if (policy !== undefined) {
    const information = new PolicyInformation({ policyIdentifier: policy.oid });
    add(id_ce_certificatePolicies, policy.critical, new CertificatePolicies([information]));
  }
  if (names !== undefined) {
    add(id_ce_subjectAltName, false, new SubjectAlternativeName(names.map(generalName)));
  }
  if (authority !== undefined) {
    const { pathLength } = authority;
    const pathLenConstraint = pathLength === undefined ? {} : { pathLenConstraint: pathLength };
    add(id_ce_basicConstraints, true, new BasicConstraints({ cA: true, ...pathLenConstraint }));
  }
  if (permitted !== undefined) add(id_ce_nameConstraints, true, nameConstraints(permitted));
  if (crls !== undefined) {
    const points = crls.map((uniformResourceIdentifier) => {
      const fullName = [new GeneralName({ uniformResourceIdentifier })];
      return new DistributionPoint({ distributionPoint: new DistributionPointName({ fullName }) });
    });
    add(id_ce_cRLDistributionPoints, false, new CRLDistributionPoints(points));
  }
  return made;
}

/** One directoryName of two relative names, O and serialNumber: the shape that SGP.26 gives the EUM's rule. */
function nameConstraints(permitted: { organization: string; iin: string }): NameConstraints {
  const directoryName = distinguishedName([
    ['O', permitted.organization],
    ['serialNumber', permitted.iin],
  ]);
  const base = new GeneralName({ directoryName });
  return new NameConstraints({
    permittedSubtrees: new GeneralSubtrees([new GeneralSubtree({ base })]),
  });
}

function generalName(name: AlternativeName): GeneralName {
  if ('dns' in name) return new GeneralName({ dNSName: name.dns });
  if ('ip' in name) return new GeneralName({ iPAddress: name.ip });
  return new GeneralName({ registeredID: name.registeredId });
}

function distinguishedName(parts: readonly NamePart[]): Name {
  return new Name(
    parts.map(([type, text]) => {
      const printable = type === 'C' || type === 'serialNumber';
      const value = new AttributeValue(
        printable ? { printableString: text } : { utf8String: text },
      );
      return new RelativeDistinguishedName([
        new AttributeTypeAndValue({ type: attributeTypes[type], value }),
      ]);
    }),
  );
}

function keyUsageFlags(usage: CertificateProfile['keyUsage']): number {
  if (usage === 'digitalSignature') return KeyUsageFlags.digitalSignature;
  if (usage === 'keyCertSign') return KeyUsageFlags.keyCertSign;
  return KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
}

export function subjectOf(issuer: LabCredential): Name {
  return AsnConvert.parse(issuer.certificate, Certificate).tbsCertificate.subject;
}

function subjectPublicKeyInfo(key: KeyObject): SubjectPublicKeyInfo {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return AsnConvert.parse(spki, SubjectPublicKeyInfo);
}

/** RFC 5280 4.2.1.2 (1): SHA-1 of the public key's octets. */
export function keyIdentifierOf(key: KeyObject): Uint8Array {
  return sha1(new Uint8Array(subjectPublicKeyInfo(key).subjectPublicKey));
}

function sha1(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha1').update(bytes).digest());
}

/** Nine octets, as SGP.26 has them. */
function newSerial(): Uint8Array {
  return Uint8Array.of(0x02, ...randomBytes(8));
}

/** The contents of a positive INTEGER: no leading zeros but the one that keeps it positive. */
function integer(octets: Uint8Array): ArrayBuffer {
  const first = octets.findIndex((octet) => octet !== 0);
  const magnitude = first < 0 ? [0] : [...octets.subarray(first)];
  return Uint8Array.from((magnitude[0] ?? 0) >= 0x80 ? [0, ...magnitude] : magnitude).buffer;
}

function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
