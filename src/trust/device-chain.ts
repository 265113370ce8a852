/**
 * A device's certificate up to an anchor that the operator configured (RFC 5280 6, as far as device PKIs go), and the
 * name in it. Not for RSP chains, which have rules of their own (euicc-chain.ts).
 *
 * What is not looked at: revocation lists (devices are revoked by name) and certificate policies. What would have to
 * be looked at and is not understood (nameConstraints, any other critical extension) is refused.
 */
import { X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  ExtendedKeyUsage,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  id_kp_clientAuth,
  KeyUsage,
  KeyUsageFlags,
  SubjectAlternativeName,
  Certificate as X509,
} from '@peculiar/asn1-x509';

/** Where in a device's certificate its name stands. */
export type NamePlace = 'serialNumber' | 'commonName' | 'dns' | 'uri';

export interface NameRule {
  readonly place: NamePlace;
  /** Its first group, or else the whole match, is the name; the whole text must match. Absent: the text is the name. */
  readonly pattern?: RegExp;
}

export const DeviceChainErrorCode = {
  malformed: 'malformed',
  expired: 'expired',
  /** No anchor above it. */
  unknownCa: 'unknownCa',
  /** A signature, a CA or a usage that is not in order. */
  invalid: 'invalid',
  /** No name, several, or one that the rule does not take. */
  name: 'name',
} as const;
export type DeviceChainErrorCode = (typeof DeviceChainErrorCode)[keyof typeof DeviceChainErrorCode];

/** A chain that is not believed: `code` says why. */
export class DeviceChainError extends Error {
  override readonly name = 'DeviceChainError';
  readonly code: DeviceChainErrorCode;

  constructor(code: DeviceChainErrorCode, complaint: string, options?: ErrorOptions) {
    super(complaint, options);
    this.code = code;
  }
}

/** Octets of a certificate, and certificates below an anchor. */
const longest = 8192;
const mostMembers = 5;
/** Characters of a name; a PSK identity has no more octets. */
const longestName = 128;

const ids = {
  serialNumber: '2.5.4.5',
  commonName: '2.5.4.3',
  anyUsage: '2.5.29.37.0',
} as const;

/** With SHA-256 or better: ECDSA, RSA (PKCS #1 1.5), Ed25519. */
const signatures: readonly string[] = [
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.3.101.112',
];

const understood: readonly string[] = [
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
];

interface Member {
  readonly node: X509Certificate;
  readonly notBefore: number;
  readonly notAfter: number;
  /** basicConstraints: cA, and how many CAs may stand below. */
  readonly authority: boolean;
  readonly pathLength: number;
  /** undefined: any. */
  readonly keyUsage?: number;
  readonly extendedKeyUsage?: readonly string[];
  readonly certificate: X509;
}

/** The anchors that device certificates lead to. */
export class DeviceAnchors {
  readonly #anchors: readonly Member[];

  private constructor(anchors: readonly Member[]) {
    this.#anchors = anchors;
  }

  /** Takes CA certificates, DER. Throws DeviceChainError. */
  static of(certificates: readonly Uint8Array[]): DeviceAnchors {
    const anchors = certificates.map((bytes) => read(bytes));
    for (const anchor of anchors) checkAuthority(anchor, 0);
    return new DeviceAnchors(anchors);
  }

  /**
   * The name in a chain that leads to an anchor. Throws DeviceChainError.
   * @param chain DER, the device's own first, each signed by the next (RFC 5246 7.4.2)
   * @param now milliseconds since 1970
   */
  nameOf(chain: readonly Uint8Array[], rule: NameRule, now: number): string {
    if (chain.length === 0 || chain.length > mostMembers) {
      throw new DeviceChainError('malformed', `a chain of ${chain.length} certificates`);
    }
    const [leaf, ...above] = chain.map((bytes) => read(bytes));
    if (leaf === undefined) throw new DeviceChainError('malformed', 'no certificate');
    checkDates(leaf, now);
    checkClient(leaf);
    let member = leaf;
    for (let below = 0; !this.#isAnchored(member, below, now); below++) {
      const issuer = above.shift();
      if (issuer === undefined) {
        throw new DeviceChainError('unknownCa', 'its chain leads to no configured anchor');
      }
      checkDates(issuer, now);
      checkAuthority(issuer, below);
      checkSigned(member, issuer);
      member = issuer;
    }
    return nameIn(leaf, rule);
  }

  #isAnchored(member: Member, below: number, now: number): boolean {
    return this.#anchors.some(
      (anchor) =>
        below <= anchor.pathLength &&
        anchor.notBefore <= now &&
        now <= anchor.notAfter &&
        isSigned(member, anchor),
    );
  }
}

function read(bytes: Uint8Array): Member {
  if (bytes.length > longest) {
    throw new DeviceChainError('malformed', `a certificate of ${bytes.length} octets`);
  }
  let member: Member;
  let critical: readonly string[];
  try {
    const node = new X509Certificate(bytes);
    const certificate = AsnConvert.parse(bytes, X509);
    const { validity, extensions = [] } = certificate.tbsCertificate;
    const value = <T>(id: string, type: new () => T): T | undefined => {
      const found = [...extensions].find(({ extnID }) => extnID === id);
      return found && AsnConvert.parse(found.extnValue.buffer, type);
    };
    const constraints = value(id_ce_basicConstraints, BasicConstraints);
    const keyUsage = value(id_ce_keyUsage, KeyUsage)?.toNumber();
    const extendedKeyUsage = value(id_ce_extKeyUsage, ExtendedKeyUsage);
    critical = [...extensions]
      .filter((one) => one.critical || one.extnID === id_ce_nameConstraints)
      .map(({ extnID }) => extnID);
    member = {
      node,
      certificate,
      notBefore: validity.notBefore.getTime().getTime(),
      notAfter: validity.notAfter.getTime().getTime(),
      authority: constraints?.cA === true,
      pathLength: constraints?.pathLenConstraint ?? Number.POSITIVE_INFINITY,
      ...(keyUsage === undefined ? {} : { keyUsage }),
      ...(extendedKeyUsage && { extendedKeyUsage: [...extendedKeyUsage] }),
    };
  } catch (cause) {
    // OpenSSL and asn1js have many ways to say so; here each is the peer's fault.
    throw new DeviceChainError('malformed', 'not a certificate that can be read', { cause });
  }
  const strange = critical.find((id) => !understood.includes(id));
  if (strange !== undefined) {
    throw new DeviceChainError('invalid', `extension ${strange} is not understood`);
  }
  const { algorithm } = member.certificate.signatureAlgorithm;
  if (!signatures.includes(algorithm)) {
    throw new DeviceChainError('invalid', `signed with ${algorithm}`);
  }
  return member;
}

function checkDates({ notBefore, notAfter }: Member, now: number): void {
  // Written so that a date that is none is refused too.
  if (!(notBefore <= now && now <= notAfter)) {
    throw new DeviceChainError('expired', 'a certificate of its chain is not valid now');
  }
}

/** `below`: how many CAs stand between it and the device. */
function checkAuthority({ authority, pathLength, keyUsage }: Member, below: number): void {
  if (!authority || !allows(keyUsage, KeyUsageFlags.keyCertSign)) {
    throw new DeviceChainError('invalid', 'a certificate of its chain is no CA');
  }
  if (below > pathLength) throw new DeviceChainError('invalid', 'its chain is longer than allowed');
}

function checkClient({ keyUsage, extendedKeyUsage }: Member): void {
  if (!allows(keyUsage, KeyUsageFlags.digitalSignature)) {
    throw new DeviceChainError('invalid', 'its key may not sign');
  }
  const usages: readonly string[] = [id_kp_clientAuth, ids.anyUsage];
  if (extendedKeyUsage && !extendedKeyUsage.some((usage) => usages.includes(usage))) {
    throw new DeviceChainError('invalid', 'it is not for TLS clients');
  }
}

function allows(keyUsage: number | undefined, flag: number): boolean {
  return keyUsage === undefined || (keyUsage & flag) !== 0;
}

function checkSigned(member: Member, issuer: Member): void {
  if (!isSigned(member, issuer)) {
    throw new DeviceChainError('invalid', 'a certificate of its chain is not signed by the next');
  }
}

function isSigned({ node }: Member, issuer: Member): boolean {
  try {
    return node.issuer === issuer.node.subject && node.verify(issuer.node.publicKey);
  } catch {
    // A key that fits no signature of this kind.
    return false;
  }
}

function nameIn({ certificate }: Member, { place, pattern }: NameRule): string {
  const found = textsIn(certificate, place);
  const [text] = found;
  if (text === undefined || found.length > 1) {
    throw new DeviceChainError('name', `it has ${found.length} names of the kind ${place}`);
  }
  if (text.length > longestName) throw new DeviceChainError('name', 'its name is too long');
  if (pattern === undefined) return text;
  const match = pattern.exec(text);
  if (match?.[0] !== text) throw new DeviceChainError('name', 'its name does not fit the pattern');
  const name = match[1] ?? match[0];
  if (name === '') throw new DeviceChainError('name', 'its name is empty');
  return name;
}

function textsIn({ tbsCertificate }: X509, place: NamePlace): readonly string[] {
  if (place === 'serialNumber' || place === 'commonName') {
    return [...tbsCertificate.subject].flatMap((relative) =>
      [...relative].filter(({ type }) => type === ids[place]).map(({ value }) => value.toString()),
    );
  }
  const names = [...(tbsCertificate.extensions ?? [])].find(
    ({ extnID }) => extnID === id_ce_subjectAltName,
  );
  if (names === undefined) return [];
  try {
    return [...AsnConvert.parse(names.extnValue.buffer, SubjectAlternativeName)].flatMap(
      ({ dNSName, uniformResourceIdentifier }) =>
        (place === 'dns' ? dNSName : uniformResourceIdentifier) ?? [],
    );
  } catch (cause) {
    throw new DeviceChainError('malformed', 'its names cannot be read', { cause });
  }
}
