/** The lab's keys and certificates in the form of SGP.26 (variant O, P-256): loaded from certs/lab or made fresh. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Eid, parseEid } from '../../../src/messages/ids.ts';
import {
  type CertificateProfile,
  issueCertificate,
  type LabCredential,
  type LabCurve,
  newKey,
} from './issue.ts';
import {
  ciProfile,
  dpAuthProfile,
  dpPbProfile,
  dpTlsProfile,
  dsAuthProfile,
  dsTlsProfile,
  eimSignProfile,
  eimTlsProfile,
  euiccProfile,
  eumProfile,
  operatorTlsProfile,
  type ProfileOptions,
  profileDefaults,
} from './profiles.ts';

export type { LabCredential } from './issue.ts';

export interface LabPki {
  /** The root. */
  readonly ci: LabCredential;
  readonly eum: LabCredential;
  readonly euicc: LabCredential;
  /** The SM-DP+: mutual authentication, profile binding, TLS. */
  readonly dpAuth: LabCredential;
  readonly dpPb: LabCredential;
  readonly dpTls: LabCredential;
  /** The SM-DS: mutual authentication, TLS. */
  readonly dsAuth: LabCredential;
  readonly dsTls: LabCredential;
  /** The operator, towards the SM-DP+ (ES2+). */
  readonly operatorTls: LabCredential;
  /** The eIM: eUICC Packages, TLS and DTLS. */
  readonly eimSign: LabCredential;
  readonly eimTls: LabCredential;
}

/** Where and under which names the lab's parts are met; each default is that of certs/lab. */
export interface LabPkiOptions extends Partial<ProfileOptions> {
  /** The EID of `euicc`; its first eight digits become the EUM's prefix unless `iin` says otherwise. */
  readonly eid?: Eid;
  /** The SM-DP+'s DNS name. */
  readonly smdpHost?: string;
  /** The SM-DS's DNS name. */
  readonly smdsHost?: string;
  /** The eIM's DNS name; default its eimId. */
  readonly eimHost?: string;
  /** DNS names and IP addresses that all TLS certificates cover besides. */
  readonly hosts?: readonly string[];
  /** Of every key but those of TLS and of the eIM; default P-256. */
  readonly curve?: LabCurve;
}

/** The EID of the committed lab's eUICC. */
export const labEid: Eid = parseEid('89049032123451234512345678901235');

export const labSmdpHost = 'testsmdpplus1.example.com';
const labSmdsHost = 'testrootsmds.example.com';
const labOperatorHost = 'operator.example.com';

/** What the loopback is called: the lab runs there. */
export const loopbackHosts: readonly string[] = ['localhost', '127.0.0.1', '::1'];

const fileNames: { readonly [K in keyof LabPki]: string } = {
  ci: 'ci',
  eum: 'eum',
  euicc: 'euicc',
  dpAuth: 'dp-auth',
  dpPb: 'dp-pb',
  dpTls: 'dp-tls',
  dsAuth: 'ds-auth',
  dsTls: 'ds-tls',
  operatorTls: 'operator-tls',
  eimSign: 'eim-sign',
  eimTls: 'eim-tls',
};
const roles = Object.keys(fileNames) as (keyof LabPki)[];

/** The committed lab: certificates in the form of SGP.26. */
export const labFolder = fileURLToPath(new URL('../../../certs/lab', import.meta.url));

const marking = 'TEST ONLY: certificate and key of a coap-eim lab. Trust it nowhere else.\n';

/** Makes a PKI with keys of its own. */
export function makeLabPki(options: LabPkiOptions = {}): LabPki {
  const eid = options.eid ?? labEid;
  const profile = { ...profileDefaults, iin: eid.slice(0, 8), ...options };
  const hosts = options.hosts ?? loopbackHosts;
  const key = () => newKey(options.curve);
  const ci = issueCertificate(ciProfile(profile), undefined, key());
  const eum = issueCertificate(eumProfile(profile), ci, key());
  return {
    ci,
    eum,
    euicc: issueCertificate(euiccProfile(profile, eid), eum, key()),
    dpAuth: issueCertificate(dpAuthProfile(profile), ci, key()),
    dpPb: issueCertificate(dpPbProfile(profile), ci, key()),
    dpTls: issueCertificate(dpTlsProfile(profile, [options.smdpHost ?? labSmdpHost, ...hosts]), ci),
    dsAuth: issueCertificate(dsAuthProfile(profile), ci, key()),
    dsTls: issueCertificate(dsTlsProfile(profile, [options.smdsHost ?? labSmdsHost, ...hosts]), ci),
    operatorTls: issueCertificate(operatorTlsProfile(profile, [labOperatorHost, ...hosts]), ci),
    eimSign: issueCertificate(eimSignProfile(profile), ci),
    eimTls: issueCertificate(
      eimTlsProfile(profile, [options.eimHost ?? profile.eimId, ...hosts]),
      ci,
    ),
  };
}

/** A further eUICC under the PKI's EUM; `change` and `key` make it wrong on purpose. */
export function issueEuicc(
  pki: Pick<LabPki, 'eum'>,
  eid: Eid,
  change: Partial<CertificateProfile> = {},
  key?: KeyObject,
): LabCredential {
  const eumOrganization = organizationOf(pki.eum);
  const profile = euiccProfile({ ...profileDefaults, eumOrganization }, eid);
  return issueCertificate({ ...profile, ...change }, pki.eum, key);
}

/** A further TLS server of an SM-DP+ under the PKI's CI, for DNS names and IP addresses, the first its CN. */
export function issueTls(
  pki: Pick<LabPki, 'ci'>,
  names: readonly string[],
  change: Partial<CertificateProfile> = {},
  key?: KeyObject,
): LabCredential {
  return issueCertificate({ ...dpTlsProfile(profileDefaults, names), ...change }, pki.ci, key);
}

/** A further TLS server of an SM-DS; as issueTls. */
export function issueDsTls(pki: Pick<LabPki, 'ci'>, names: readonly string[]): LabCredential {
  return issueCertificate(dsTlsProfile(profileDefaults, names), pki.ci);
}

/** Reads what saveLabPki wrote: the committed lab, or a folder of one's own. */
export function loadLabPki(folder: string = labFolder): LabPki {
  return everyRole((role) => credentialIn(folder, role));
}

/** Of such a folder what makes a eUICC: nobody has the keys of a stranger's CI and EUM. */
export function loadEuiccPki(folder: string): {
  readonly ci: Uint8Array;
  readonly eum: Uint8Array;
  readonly euicc: LabCredential;
} {
  return {
    ci: certificateIn(folder, 'ci'),
    eum: certificateIn(folder, 'eum'),
    euicc: credentialIn(folder, 'euicc'),
  };
}

function credentialIn(folder: string, role: keyof LabPki): LabCredential {
  return {
    certificate: certificateIn(folder, role),
    key: createPrivateKey(readFileSync(join(folder, `${fileNames[role]}.key.pem`))),
  };
}

function certificateIn(folder: string, role: keyof LabPki): Uint8Array {
  const pem = readFileSync(join(folder, `${fileNames[role]}.cert.pem`));
  return new Uint8Array(new X509Certificate(pem).raw);
}

/** Writes a PEM certificate and a PEM key (PKCS#8, readable by the owner alone) for each credential. */
export function saveLabPki(pki: LabPki, folder: string = labFolder): void {
  mkdirSync(folder, { recursive: true });
  for (const role of roles) {
    const { certificate, key } = pki[role];
    const path = join(folder, fileNames[role]);
    writeFileSync(`${path}.cert.pem`, marking + new X509Certificate(certificate).toString());
    writeFileSync(`${path}.key.pem`, marking + privatePem(key), { mode: 0o600 });
  }
}

function privatePem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}

function everyRole(make: (role: keyof LabPki) => LabCredential): LabPki {
  return {
    ci: make('ci'),
    eum: make('eum'),
    euicc: make('euicc'),
    dpAuth: make('dpAuth'),
    dpPb: make('dpPb'),
    dpTls: make('dpTls'),
    dsAuth: make('dsAuth'),
    dsTls: make('dsTls'),
    operatorTls: make('operatorTls'),
    eimSign: make('eimSign'),
    eimTls: make('eimTls'),
  };
}

function organizationOf(credential: LabCredential): string {
  const organization = /^O=(.*)$/m.exec(new X509Certificate(credential.certificate).subject)?.[1];
  if (organization === undefined) throw new Error('a certificate without an organization');
  return organization;
}
