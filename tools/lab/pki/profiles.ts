/** The certificates of SGP.26 variant O (SGP.22 v2 chains), row by row; where the lab deviates: certs/README.md. */
import { type Eid, eidOctets } from '../../../src/messages/ids.ts';
import { role } from '../../../src/trust/certificate.ts';
import type { CertificateProfile } from './issue.ts';

/** The lab's object identifiers (SGP.26: below 2.999, which is for examples). */
export const LabOid = {
  ci: '2.999.1',
  eum: '2.999.5',
  smdp: '2.999.10',
  smds: '2.999.15',
  eim: '2.999.20',
  operator: '2.999.30',
} as const;

/** What the profiles leave open. */
export interface ProfileOptions {
  /** Where every certificate's life begins. */
  readonly notBefore: Date;
  /** The EUM's organization, repeated in its eUICCs. */
  readonly eumOrganization: string;
  /** The prefix of the EIDs that the EUM may give. */
  readonly iin: string;
  readonly smdpOid: string;
  readonly eimId: string;
}

const crlA = 'http://ci.test.example.com/CRL-A.crl';
const crlB = 'http://ci.test.example.com/CRL-B.crl';

/** Far from both ends: lab machines have wrong clocks, and tests turn theirs by hand. */
export const profileDefaults: ProfileOptions = {
  notBefore: new Date(Date.UTC(2025, 0, 1)),
  eumOrganization: 'RSP Test EUM',
  iin: '89049032',
  smdpOid: LabOid.smdp,
  eimId: 'eim.example.com',
};

/** SGP.26 gives TLS certificates 398 days; a lab that is committed must outlive that. */
const tlsYears = 30;

export function ciProfile(options: ProfileOptions): CertificateProfile {
  return {
    subject: [
      ['CN', 'Test CI'],
      ['OU', 'TESTCERT'],
      ['O', 'RSPTEST'],
      ['C', 'IT'],
    ],
    ...years(options, 35),
    keyUsage: 'keyCertSign+cRLSign',
    policy: { oid: role.ci, critical: true },
    names: [{ registeredId: LabOid.ci }],
    authority: {},
    ski: true,
    crls: [crlA, crlB],
  };
}

export function eumProfile(options: ProfileOptions): CertificateProfile {
  return {
    subject: [
      ['C', 'ES'],
      ['O', options.eumOrganization],
      ['CN', 'EUM Test'],
    ],
    ...years(options, 34),
    keyUsage: 'keyCertSign',
    policy: { oid: role.eum, critical: true },
    names: [{ registeredId: LabOid.eum }],
    authority: { pathLength: 0 },
    ski: true,
    crls: [crlB],
    permitted: { organization: options.eumOrganization, iin: options.iin },
  };
}

export function euiccProfile(options: ProfileOptions, eid: Eid): CertificateProfile {
  return {
    subject: [
      ['C', 'ES'],
      ['O', options.eumOrganization],
      ['serialNumber', eid],
      ['CN', 'Test eUICC'],
    ],
    notBefore: options.notBefore,
    notAfter: new Date(Date.UTC(7496, 0, 24)),
    serial: eidOctets(eid),
    keyUsage: 'digitalSignature',
    policy: { oid: role.euicc, critical: true },
    ski: true,
  };
}

export function dpAuthProfile(options: ProfileOptions): CertificateProfile {
  return serverProfile(options, 'TEST SM-DP+', role.dpAuth, options.smdpOid);
}

export function dpPbProfile(options: ProfileOptions): CertificateProfile {
  return serverProfile(options, 'TEST SM-DP+', role.dpPb, options.smdpOid);
}

/** `hosts`: DNS names and IP addresses of the SM-DP+, its own name first. */
export function dpTlsProfile(
  options: ProfileOptions,
  hosts: readonly string[],
): CertificateProfile {
  return tlsProfile(options, 'ACME', hosts, role.dpTls, options.smdpOid);
}

export function dsAuthProfile(options: ProfileOptions): CertificateProfile {
  return serverProfile(options, 'TEST SM-DS', role.dsAuth, LabOid.smds);
}

/** `hosts` as in dpTlsProfile. */
export function dsTlsProfile(
  options: ProfileOptions,
  hosts: readonly string[],
): CertificateProfile {
  return tlsProfile(options, 'RSPTEST', hosts, role.dsTls, LabOid.smds);
}

/** The operator as a client of ES2+, and as the server that is told of progress. SGP.26 has no such row. */
export function operatorTlsProfile(
  options: ProfileOptions,
  hosts: readonly string[],
): CertificateProfile {
  const { policy: _, ...profile } = tlsProfile(options, 'Operator', hosts, '', LabOid.operator);
  return profile;
}

export function eimSignProfile(options: ProfileOptions): CertificateProfile {
  return {
    subject: eimSubject(options.eimId),
    ...years(options, 7),
    keyUsage: 'digitalSignature',
    ski: false,
  };
}

/** One profile for HTTPS and DTLS; `hosts` as in dpTlsProfile. */
export function eimTlsProfile(
  options: ProfileOptions,
  hosts: readonly string[],
): CertificateProfile {
  return {
    subject: eimSubject(hosts[0] ?? ''),
    ...years(options, tlsYears),
    keyUsage: 'digitalSignature',
    tls: true,
    names: [...hosts.map(hostName), { registeredId: LabOid.eim }],
    ski: false,
    crls: [crlA, crlB],
  };
}

/** A certificate that signs RSP messages. */
function serverProfile(
  options: ProfileOptions,
  name: string,
  policy: string,
  oid: string,
): CertificateProfile {
  return {
    subject: [
      ['O', 'ACME'],
      ['CN', name],
    ],
    ...years(options, 10),
    keyUsage: 'digitalSignature',
    policy: { oid: policy, critical: true },
    names: [{ registeredId: oid }],
    ski: true,
    crls: [crlA, crlB],
  };
}

function tlsProfile(
  options: ProfileOptions,
  organization: string,
  hosts: readonly string[],
  policy: string,
  oid: string,
): CertificateProfile {
  return {
    subject: [
      ['O', organization],
      ['CN', hosts[0] ?? ''],
    ],
    ...years(options, tlsYears),
    keyUsage: 'digitalSignature',
    tls: true,
    policy: { oid: policy, critical: false },
    names: [...hosts.map(hostName), { registeredId: oid }],
    ski: true,
    crls: [crlA, crlB],
  };
}

function eimSubject(name: string): CertificateProfile['subject'] {
  return [
    ['C', 'DE'],
    ['CN', name],
  ];
}

function hostName(host: string): { dns: string } | { ip: string } {
  return /^[0-9.]+$/.test(host) || host.includes(':') ? { ip: host } : { dns: host };
}

/** From notBefore to the day before its anniversary. */
function years(options: ProfileOptions, count: number): { notBefore: Date; notAfter: Date } {
  const notAfter = new Date(options.notBefore);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + count);
  notAfter.setUTCSeconds(notAfter.getUTCSeconds() - 1);
  return { notBefore: options.notBefore, notAfter };
}
