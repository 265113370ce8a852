/** Credentials that are wrong in one thing each: the twins of the lab PKI that every check must refuse. */
import { generateKeyPairSync } from 'node:crypto';
import type { Eid } from '../../../src/messages/ids.ts';
import { role } from '../../../src/trust/certificate.ts';
import { type CertificateProfile, issueCertificate, type LabCredential } from './issue.ts';
import { issueEuicc, issueTls, type LabPki, labEid, makeLabPki } from './lab-pki.ts';
import { eumProfile, type ProfileOptions, profileDefaults } from './profiles.ts';

/** A life that ended before the lab began. */
export const expired = {
  notBefore: new Date(Date.UTC(2020, 0, 1)),
  notAfter: new Date(Date.UTC(2021, 0, 1)),
};

/** A life that has not begun. */
export const notYetValid = {
  notBefore: new Date(Date.UTC(2099, 0, 1)),
  notAfter: new Date(Date.UTC(2101, 0, 1)),
};

/** A whole PKI of the same names under another CI: its AKIs and signatures lead elsewhere. */
export function otherCi(): LabPki {
  return makeLabPki();
}

/** The PKI with an EUM that is changed in what is given, and a eUICC of its own under it. */
export function withEum(
  pki: LabPki,
  change: Partial<CertificateProfile>,
  options: Partial<ProfileOptions> = {},
): LabPki {
  const profile = eumProfile({ ...profileDefaults, ...options });
  const eum = issueCertificate({ ...profile, ...change }, pki.ci);
  return { ...pki, eum, euicc: issueEuicc({ eum }, labEid) };
}

/** An EUM with the role of an SM-DP+. */
export function wrongRoleEum(pki: LabPki): LabPki {
  return withEum(pki, { policy: { oid: role.dpAuth, critical: true } });
}

export function expiredEum(pki: LabPki): LabPki {
  return withEum(pki, expired);
}

export function expiredEuicc(pki: LabPki, eid: Eid = labEid): LabCredential {
  return issueEuicc(pki, eid, expired);
}

export function wrongRoleEuicc(pki: LabPki, eid: Eid = labEid): LabCredential {
  return issueEuicc(pki, eid, { policy: { oid: role.dpAuth, critical: true } });
}

export function expiredTls(pki: LabPki, names: readonly string[]): LabCredential {
  return issueTls(pki, names, expired);
}

/** A TLS certificate without the extended key usages that SGP.22 asks for. */
export function wrongUsageTls(pki: LabPki, names: readonly string[]): LabCredential {
  return issueTls(pki, names, { tls: false, keyUsage: 'keyCertSign' });
}

/** A eUICC whose key is on another curve than its chain. */
export function wrongCurveEuicc(pki: LabPki, namedCurve = 'secp384r1'): LabCredential {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve });
  return issueEuicc(pki, labEid, {}, privateKey);
}
