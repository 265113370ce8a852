/**
 * CI → EUM → eUICC (SGP.22 4.5.2, 4.5.2.2): checked before anything that a eUICC signed is believed. Not the path
 * validation of RFC 5280, because the EUM's name constraint is a prefix rule of SGP.22's own, which that refuses.
 */
import type { KeyObject } from 'node:crypto';
import { equal } from '../base/bytes.ts';
import { type Eid, IdError, parseEid } from '../messages/ids.ts';
import {
  attribute,
  type Certificate,
  type NameAttributes,
  readCertificate,
  role,
} from './certificate.ts';
import { ChainError, type ChainMember } from './chain-error.ts';
import type { Revocations } from './revocations.ts';
import type { Roots } from './roots.ts';

export interface EuiccChain {
  /** DER. */
  readonly euiccCertificate: Uint8Array;
  /** DER. */
  readonly eumCertificate: Uint8Array;
  readonly roots: Roots;
  /** Absent: no revocation list is looked at. */
  readonly revocations?: Revocations;
  /** These very certificates were believed before: revocation lists that are stale take nothing back. */
  readonly believed?: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Whom the chain proves: the eUICC's EID and the key that its signatures are checked with. Throws ChainError. */
export function checkEuiccChain(chain: EuiccChain): { eid: Eid; publicKey: KeyObject } {
  const { certificate: eum, issuers: ci } = chain.roots.below(chain.eumCertificate);
  const euicc = readCertificate(chain.euiccCertificate, 'euicc');
  checkEum(eum, ci, chain.now);
  checkEuicc(euicc, eum, chain.now);
  const eid = permittedEid(euicc, eum);
  const { revocations, now, believed = false } = chain;
  const common = { now, believed };
  revocations?.check({ certificate: eum, issuers: ci, member: 'eum', ...common });
  revocations?.check({ certificate: euicc, issuers: [eum], member: 'euicc', ...common });
  return { eid, publicKey: euicc.publicKey };
}

/** The EID that an eUICC's certificate names: a claim, where its chain is not checked. Throws ChainError. */
export function eidInCertificate(euiccCertificate: Uint8Array): Eid {
  return eidOf(readCertificate(euiccCertificate, 'euicc').subject);
}

/** @param issuers the roots that signed it */
function checkEum(eum: Certificate, issuers: readonly Certificate[], now: number): void {
  const [first] = issuers;
  if (first === undefined) throw new ChainError('unknownCi', 'eum', 'no root signed it');
  // Reissues of one CI differ in their dates alone: any that is valid serves.
  if (!issuers.some((root) => isValidAt(root, now))) checkDates(first, 'ci', now);
  checkCurve(eum, first, 'eum');
  checkDates(eum, 'eum', now);
  checkRole(eum, role.eum, 'eum');
  if (!eum.isAuthority) throw new ChainError('authority', 'eum', 'it is not a CA');
  checkKeyUsage(eum, 'keyCertSign', 'eum');
}

function checkEuicc(euicc: Certificate, eum: Certificate, now: number): void {
  const named = euicc.authorityKeyIdentifier;
  const issuer = eum.subjectKeyIdentifier;
  if (named === undefined || issuer === undefined || !equal(named, issuer)) {
    throw new ChainError('issuer', 'euicc', 'it names another issuer than the EUM certificate');
  }
  if (!euicc.signedBy(eum.publicKey)) {
    throw new ChainError('signature', 'euicc', 'the EUM did not sign it');
  }
  checkCurve(euicc, eum, 'euicc');
  checkDates(euicc, 'euicc', now);
  checkRole(euicc, role.euicc, 'euicc');
  if (euicc.isAuthority) throw new ChainError('authority', 'euicc', 'it is a CA');
  checkKeyUsage(euicc, 'digitalSignature', 'euicc');
}

/**
 * The EID of the subject, if the EUM may speak for it: of the directory names that its name constraints permit, one
 * must have a serialNumber that the EID begins with, and its other attributes (the organization) must stand in the
 * subject as they are.
 */
function permittedEid(euicc: Certificate, eum: Certificate): Eid {
  const eid = eidOf(euicc.subject);
  const { permitted } = eum;
  if (permitted === undefined || permitted.length === 0) {
    throw new ChainError('nameConstraints', 'eum', 'it permits no directory name');
  }
  if (eum.otherConstraints) {
    throw new ChainError('nameConstraints', 'eum', 'it constrains more than directory names');
  }
  const wellFormed = permitted.every(
    (name) =>
      one(name, attribute.organization) !== undefined &&
      /^[0-9]+$/.test(one(name, attribute.serialNumber) ?? ''),
  );
  if (!wellFormed) {
    throw new ChainError(
      'nameConstraints',
      'eum',
      'a permitted name is not an organization and a prefix of digits',
    );
  }
  if (!permitted.some((name) => covers(name, euicc.subject, eid))) {
    throw new ChainError('notPermitted', 'euicc', `the EUM may not speak for EID ${eid}`);
  }
  return eid;
}

function covers(permitted: NameAttributes, subject: NameAttributes, eid: Eid): boolean {
  return permitted.every(({ type, value }) =>
    type === attribute.serialNumber ? eid.startsWith(value) : one(subject, type) === value,
  );
}

function eidOf(subject: NameAttributes): Eid {
  const serialNumber = one(subject, attribute.serialNumber);
  if (serialNumber === undefined) {
    throw new ChainError('eid', 'euicc', 'its subject has no serialNumber, or several');
  }
  try {
    return parseEid(serialNumber);
  } catch (cause) {
    if (!(cause instanceof IdError)) throw cause;
    throw new ChainError('eid', 'euicc', cause.message, { cause });
  }
}

/** The value of an attribute that occurs exactly once. */
function one(name: NameAttributes, type: string): string | undefined {
  const values = name.filter((part) => part.type === type);
  return values.length === 1 ? values[0]?.value : undefined;
}

function isValidAt(certificate: Certificate, now: number): boolean {
  return certificate.notBefore <= now && now <= certificate.notAfter;
}

function checkDates(certificate: Certificate, member: ChainMember, now: number): void {
  if (now < certificate.notBefore) {
    throw new ChainError('notYetValid', member, `not valid before ${day(certificate.notBefore)}`);
  }
  if (now > certificate.notAfter) {
    throw new ChainError('expired', member, `expired on ${day(certificate.notAfter)}`);
  }
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function checkRole(certificate: Certificate, policy: string, member: ChainMember): void {
  if (!certificate.policies.includes(policy)) {
    throw new ChainError('role', member, `its policies lack ${policy}`);
  }
}

function checkKeyUsage(
  certificate: Certificate,
  usage: 'keyCertSign' | 'digitalSignature',
  member: ChainMember,
): void {
  if (!certificate.keyUsage.includes(usage)) {
    throw new ChainError('keyUsage', member, `its key usage lacks ${usage}`);
  }
}

/** One chain stays on one curve (SGP.26 2.2). */
function checkCurve(certificate: Certificate, issuer: Certificate, member: ChainMember): void {
  if (certificate.curve !== issuer.curve) {
    throw new ChainError('algorithm', member, `${certificate.curve} below ${issuer.curve}`);
  }
}
