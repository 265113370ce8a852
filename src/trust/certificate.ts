/** An X.509 certificate as SGP.22 4.5 looks at it: what the checks of a chain ask for, read once. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  CertificatePolicies,
  type Extension,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  KeyUsage,
  type KeyUsageType,
  type Name,
  NameConstraints,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  Certificate as X509,
} from '@peculiar/asn1-x509';
import { equal, toHex } from '../base/bytes.ts';
import { objectIdentifier } from '../messages/primitives.ts';
import { DerError, readAll, readOnly, tlv } from '../messages/tlv.ts';
import { ChainError, type ChainMember } from './chain-error.ts';

/** Certificates of RSP chains have 500 to 700 octets; what is far larger is not read. */
export const maxCertificateOctets = 3072;

/** Object identifiers of subject attributes. */
export const attribute = { organization: '2.5.4.10', serialNumber: '2.5.4.5' } as const;

/** Roles in certificatePolicies: id-rspRole of SGP.22, annex H. */
export const role = {
  ci: '2.23.146.1.2.1.0',
  euicc: '2.23.146.1.2.1.1',
  eum: '2.23.146.1.2.1.2',
  dpTls: '2.23.146.1.2.1.3',
  dpAuth: '2.23.146.1.2.1.4',
  dpPb: '2.23.146.1.2.1.5',
  dsTls: '2.23.146.1.2.1.6',
  dsAuth: '2.23.146.1.2.1.7',
} as const;

/** Attributes of a distinguished name, in order: type as dotted OID, value as text. */
export type NameAttributes = readonly { readonly type: string; readonly value: string }[];

export interface Certificate {
  /** DER, as received. */
  readonly raw: Uint8Array;
  /** Contents of the INTEGER, in hex: by which revocation lists name it. */
  readonly serialNumber: string;
  readonly publicKey: KeyObject;
  /** `prime256v1` or `brainpoolP256r1`. */
  readonly curve: string;
  readonly subject: NameAttributes;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly selfIssued: boolean;
  readonly keyUsage: readonly KeyUsageType[];
  readonly policies: readonly string[];
  /** basicConstraints with cA. */
  readonly isAuthority: boolean;
  readonly subjectKeyIdentifier?: Uint8Array;
  readonly authorityKeyIdentifier?: Uint8Array;
  /** The directory names that nameConstraints permits; absent where there are no nameConstraints. */
  readonly permitted?: readonly NameAttributes[];
  /** nameConstraints holds more than permitted directory names. */
  readonly otherConstraints: boolean;
  /** registeredIDs of subjectAltName, dotted: the OID of an SM-DP+ or EUM. */
  readonly registeredIds: readonly string[];
  /** Whether `key` signed this certificate. */
  signedBy(key: KeyObject): boolean;
}

const curves: readonly string[] = ['prime256v1', 'brainpoolP256r1'];
const ecdsaWithSha256 = '1.2.840.10045.4.3.2';

const understood: readonly string[] = [
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
];

/**
 * Reads a certificate of an RSP chain. Throws ChainError (malformed, algorithm, extension) that names `member`.
 * @param bytes DER, one certificate and nothing after it
 */
export function readCertificate(
  bytes: Uint8Array,
  member: ChainMember = 'certificate',
): Certificate {
  if (bytes.length > maxCertificateOctets) {
    throw new ChainError('malformed', member, `${bytes.length} octets are too many`);
  }
  try {
    return read(bytes, member);
  } catch (error) {
    if (error instanceof ChainError) throw error;
    // OpenSSL and asn1js have many ways to say so; here each is the peer's fault.
    throw new ChainError('malformed', member, 'not a certificate that can be read', {
      cause: error,
    });
  }
}

/**
 * The one registeredID of a certificate's subjectAltName, dotted: the OID of the SM-DP+ that the certificate is for.
 * Undefined where there is none, or more than one. Throws ChainError (malformed) where that cannot be told; what else is
 * in the certificate is the eUICC's to judge.
 */
export function registeredIdOf(certificate: Uint8Array): string | undefined {
  return glimpsed(certificate, id_ce_subjectAltName, (names) => {
    const [id, ...more] = readAll(readOnly(names).value).filter(({ tag }) => tag === 0x88);
    return id === undefined || more.length > 0 ? undefined : oid.decode(tlv(0x06, id.value));
  });
}

/** Whether this policy is among a certificate's, where nothing else is asked of it. Throws ChainError (malformed). */
export function hasPolicy(certificate: Uint8Array, policy: string): boolean {
  const wanted = oid.encode(policy);
  const isThere = glimpsed(certificate, id_ce_certificatePolicies, (policies) =>
    readAll(readOnly(policies).value).some(({ value }) => {
      const [id] = readAll(value);
      return id !== undefined && equal(id.raw, wanted);
    }),
  );
  return isThere ?? false;
}

const oid = objectIdentifier();

/** What `read` makes of one extension; undefined where it is not there. Far less work than readCertificate. */
function glimpsed<T>(
  certificate: Uint8Array,
  id: string,
  read: (extnValue: Uint8Array) => T,
): T | undefined {
  if (certificate.length > maxCertificateOctets) {
    throw new ChainError('malformed', 'certificate', `${certificate.length} octets are too many`);
  }
  try {
    const value = extensionIn(certificate, oid.encode(id));
    return value && read(value);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new ChainError('malformed', 'certificate', 'not a certificate that can be read', {
      cause: error,
    });
  }
}

/** Contents of extnValue (RFC 5280 4.2). Throws DerError. */
function extensionIn(certificate: Uint8Array, extnId: Uint8Array): Uint8Array | undefined {
  const [tbsCertificate] = readAll(readOnly(certificate).value);
  if (tbsCertificate?.tag !== 0x30) throw new DerError('tbsCertificate', 'missing');
  const extensions = readAll(tbsCertificate.value).find(({ tag }) => tag === 0xa3);
  if (extensions === undefined) return undefined;
  for (const extension of readAll(readOnly(extensions.value).value)) {
    const [id, ...rest] = readAll(extension.value);
    if (id !== undefined && equal(id.raw, extnId)) return rest.at(-1)?.value;
  }
  return undefined;
}

function read(bytes: Uint8Array, member: ChainMember): Certificate {
  if (readOnly(bytes).tag !== 0x30) throw new ChainError('malformed', member, 'not a SEQUENCE');
  const node = new X509Certificate(bytes);
  const { tbsCertificate, signatureAlgorithm } = AsnConvert.parse(bytes, X509);
  const curve = node.publicKey.asymmetricKeyDetails?.namedCurve ?? '';
  if (!curves.includes(curve)) {
    throw new ChainError('algorithm', member, `a key of ${curve || 'no known curve'}`);
  }
  if (signatureAlgorithm.algorithm !== ecdsaWithSha256) {
    throw new ChainError('algorithm', member, `signed with ${signatureAlgorithm.algorithm}`);
  }
  const extension = extensionsById(tbsCertificate.extensions ?? [], member);
  const part = <T>(id: string, type: new () => T): T | undefined => {
    const value = extension.get(id)?.extnValue;
    return value === undefined ? undefined : AsnConvert.parse(value.buffer, type);
  };
  const subjectKeyIdentifier = part(id_ce_subjectKeyIdentifier, SubjectKeyIdentifier)?.buffer;
  const authorityKeyIdentifier = part(id_ce_authorityKeyIdentifier, AuthorityKeyIdentifier)
    ?.keyIdentifier?.buffer;
  const constraints = part(id_ce_nameConstraints, NameConstraints);
  const permitted = [...(constraints?.permittedSubtrees ?? [])];
  return {
    raw: bytes,
    serialNumber: toHex(new Uint8Array(tbsCertificate.serialNumber)),
    publicKey: node.publicKey,
    curve,
    subject: attributes(tbsCertificate.subject),
    notBefore: time(tbsCertificate.validity.notBefore.getTime()),
    notAfter: time(tbsCertificate.validity.notAfter.getTime()),
    selfIssued: node.subject === node.issuer,
    keyUsage: part(id_ce_keyUsage, KeyUsage)?.toJSON() ?? [],
    policies: [...(part(id_ce_certificatePolicies, CertificatePolicies) ?? [])].map(
      (information) => information.policyIdentifier,
    ),
    isAuthority: part(id_ce_basicConstraints, BasicConstraints)?.cA === true,
    ...(subjectKeyIdentifier && { subjectKeyIdentifier: new Uint8Array(subjectKeyIdentifier) }),
    ...(authorityKeyIdentifier && {
      authorityKeyIdentifier: new Uint8Array(authorityKeyIdentifier),
    }),
    ...(constraints && {
      permitted: permitted.flatMap(({ base }) =>
        base.directoryName === undefined ? [] : [attributes(base.directoryName)],
      ),
    }),
    otherConstraints:
      constraints?.excludedSubtrees !== undefined ||
      permitted.some(({ base }) => base.directoryName === undefined),
    registeredIds: [...(part(id_ce_subjectAltName, SubjectAlternativeName) ?? [])].flatMap(
      ({ registeredID }) => (registeredID === undefined ? [] : [registeredID]),
    ),
    signedBy: (key) => node.verify(key),
  };
}

function extensionsById(
  extensions: readonly Extension[],
  member: ChainMember,
): ReadonlyMap<string, Extension> {
  const byId = new Map<string, Extension>();
  for (const extension of extensions) {
    const { extnID, critical } = extension;
    if (byId.has(extnID)) throw new ChainError('extension', member, `${extnID} given twice`);
    if (critical && !understood.includes(extnID)) {
      throw new ChainError('extension', member, `critical extension ${extnID} is not understood`);
    }
    byId.set(extnID, extension);
  }
  return byId;
}

function attributes(name: Name): NameAttributes {
  return [...name].flatMap((relative) =>
    [...relative].map(({ type, value }) => ({ type, value: value.toString() })),
  );
}

function time(date: Date): number {
  const at = date.getTime();
  if (Number.isNaN(at)) throw new TypeError('not a time');
  return at;
}
