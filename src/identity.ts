/**
 * Who this eIM is: the key that signs eUICC Packages, the key and certificate of its DTLS server, and what eUICCs are
 * told of both. What the configuration does not name is made once, in the data folder, and kept there.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from './base/clock.ts';
import type { IntroductionChange, TlsTrust } from './base/introduction.ts';
import type { Log } from './base/log.ts';
import type { Random } from './base/random.ts';
import { type Config, ConfigError } from './config.ts';
import { EimConfigurationData, EimIdType, generateAssociationToken } from './messages/eco.ts';
import { AddInitialEimRequest } from './messages/es10.ts';
import { EimSigner } from './trust/eim-signer.ts';
import { selfSigned } from './trust/self-signed.ts';

/** A certificate of the DTLS server. */
export interface ServerIdentity {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
  /** Server names that it is for; absent: for every name that no other is for. */
  readonly serverNames?: readonly string[];
}

export interface Identity {
  readonly signer: EimSigner;
  /** Of eim.signing.otherKeys. */
  readonly otherSigners: readonly EimSigner[];
  readonly tls: ServerIdentity;
  /** Besides `tls`. */
  readonly otherTls: readonly ServerIdentity[];
  /** Where devices find this eIM: host, or host:port. */
  readonly fqdn: string;
  /** What eUICCs are told; what they are to trust is as configured where it is not given. */
  introduction(trust?: TlsTrust, change?: IntroductionChange): Introduction;
  /** PEM: the signing certificate, or the bare public key. */
  readonly signingPem: string;
  /** PEM, leaf first. */
  readonly tlsPem: string;
}

export interface Introduction {
  /** SGP.32 2.11.1.1.1, `30…`. */
  readonly eimConfigurationData: Uint8Array;
  /** SGP.32 5.9.4, `BF57…`: for an eUICC that has no eIM yet. */
  readonly addInitialEimRequest: Uint8Array;
}

const years = 365.25 * 24 * 3600 * 1000;
/** A certificate made here is a pin (trustedPublicKeyDataTls), not one that a CA renews. */
const madeValidity = 30 * years;

export interface IdentityOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Loads what the configuration names, makes what it does not. Throws ConfigError. */
export function loadIdentity({ config, clock, random, log }: IdentityOptions): Identity {
  const { eim } = config;
  const host = eim.fqdn === undefined ? hostname() : hostOf(eim.fqdn);
  const signing = {
    key: privateKey('eim.signing.key', eim.signing.key ?? made(config, 'eim-signing.key.pem', log)),
    certificate: eim.signing.certificate,
  };
  const tlsKey = privateKey(
    'eim.tls.key',
    eim.tls.key ?? made(config, 'eim-tls.key.pem', log),
    serverCurves,
  );
  const tlsPem =
    eim.tls.certificate === undefined
      ? madeCertificate(config, tlsKey, host, { clock, random, log })
      : read('eim.tls.certificate', eim.tls.certificate);
  const { chain, leaf } = chainOf('eim.tls', tlsPem, tlsKey);
  const signer = EimSigner.of(signing.key);
  const signingPem =
    signing.certificate === undefined
      ? createPublicKey(signing.key).export({ format: 'pem', type: 'spki' }).toString()
      : read('eim.signing.certificate', signing.certificate);
  const [signingCertificate] =
    signing.certificate === undefined ? [] : certificates('eim.signing.certificate', signingPem);
  if (signing.certificate !== undefined && signingCertificate === undefined) {
    throw new ConfigError('eim.signing.certificate: holds no certificate');
  }
  if (
    signingCertificate !== undefined &&
    !new X509Certificate(signingCertificate).checkPrivateKey(signing.key)
  ) {
    throw new ConfigError('eim.signing.certificate: is not the certificate of eim.signing.key');
  }
  const fqdn = eim.fqdn ?? hostname();
  const configuration = (trust: TlsTrust, change: IntroductionChange): EimConfigurationData => ({
    eimId: eim.id,
    eimFqdn: fqdn,
    eimIdType: idTypes[eim.idType],
    counterValue: change.counterValue ?? config.euicc.counterStart,
    associationToken: change.associationToken === 'none' ? undefined : generateAssociationToken,
    eimPublicKeyData:
      signingCertificate === undefined
        ? { type: 'eimPublicKey', value: signer.publicKeyInfo }
        : { type: 'eimCertificate', value: signingCertificate },
    trustedPublicKeyDataTls:
      trust === 'key'
        ? { type: 'trustedEimPkTls', value: spkiOf(tlsKey) }
        : { type: 'trustedCertificateTls', value: leaf },
    eimSupportedProtocol: [
      ...(config.https.enabled ? ['eimRetrieveHttps' as const] : []),
      'eimRetrieveCoaps',
    ],
    euiccCiPKId: change.euiccCiPKId,
    indirectProfileDownload: true,
  });
  return {
    signer,
    otherSigners: eim.signing.otherKeys.map((path, i) =>
      EimSigner.of(privateKey(`eim.signing.otherKeys.${i}`, path)),
    ),
    tls: { chain, key: tlsKey },
    otherTls: config.dtls.certificates.map((one, i) => serverIdentity(one, i)),
    fqdn,
    introduction(trust = eim.tls.trust, change = {}) {
      const told = configuration(trust, change);
      return {
        eimConfigurationData: EimConfigurationData.encode(told),
        addInitialEimRequest: AddInitialEimRequest.encode({ eimConfigurationDataList: [told] }),
      };
    },
    signingPem,
    tlsPem,
  };
}

/** Curves of DTLS server keys: all that node:crypto signs ECDHE_ECDSA's parameters with here. */
const serverCurves = ['prime256v1', 'brainpoolP256r1'] as const;

/** The certificates of a PEM text, which must be of this key. */
function chainOf(
  section: string,
  pem: string,
  key: KeyObject,
): { readonly chain: readonly Uint8Array[]; readonly leaf: Uint8Array } {
  const chain = certificates(`${section}.certificate`, pem);
  const [leaf] = chain;
  if (leaf === undefined) throw new ConfigError(`${section}.certificate: holds no certificate`);
  if (!new X509Certificate(leaf).checkPrivateKey(key)) {
    throw new ConfigError(`${section}.certificate: is not the certificate of ${section}.key`);
  }
  return { chain, leaf };
}

function serverIdentity(
  one: Config['dtls']['certificates'][number],
  index: number,
): ServerIdentity {
  const section = `dtls.certificates.${index}`;
  const key = privateKey(`${section}.key`, one.key, serverCurves);
  const pem = read(`${section}.certificate`, one.certificate);
  const { chain, leaf } = chainOf(section, pem, key);
  const serverNames = one.names ?? dnsNames(leaf);
  return { chain, key, ...(serverNames.length === 0 ? {} : { serverNames }) };
}

function dnsNames(certificate: Uint8Array): readonly string[] {
  const { subjectAltName = '' } = new X509Certificate(certificate);
  return [...subjectAltName.matchAll(/DNS:([^,"\s]+)/g)].map(([, name = '']) => name.toLowerCase());
}

/** SubjectPublicKeyInfo of a private key, DER. */
function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }));
}

const idTypes = {
  oid: EimIdType.eimIdTypeOid,
  fqdn: EimIdType.eimIdTypeFqdn,
  proprietary: EimIdType.eimIdTypeProprietary,
} as const;

/** The file of a key in the data folder; made where it is missing, readable by its owner alone. */
function made(config: Config, name: string, log: Log): string {
  const path = join(config.dataFolder, name);
  const key = () =>
    generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
      .privateKey.export({ format: 'pem', type: 'pkcs8' })
      .toString();
  if (makeFile(config.dataFolder, path, key, 0o600)) log.info('made a key', { file: path });
  return path;
}

function madeCertificate(
  config: Config,
  key: KeyObject,
  host: string,
  { clock, random, log }: Pick<IdentityOptions, 'clock' | 'random' | 'log'>,
): string {
  const path = join(config.dataFolder, 'eim-tls.cert.pem');
  const now = clock.now();
  const certificate = () =>
    new X509Certificate(
      selfSigned({
        key,
        host,
        serial: random(8),
        notBefore: new Date(now),
        notAfter: new Date(now + madeValidity),
      }),
    ).toString();
  if (makeFile(config.dataFolder, path, certificate, 0o644)) {
    log.info('made a self-signed DTLS certificate', { file: path, host });
  }
  return read('eim.tls.certificate', path);
}

/** The host of `host`, `host:port`, `[address]:port` or a bare IPv6 address. */
function hostOf(fqdn: string): string {
  const bracketed = /^\[(.*)\](:[0-9]+)?$/.exec(fqdn)?.[1];
  if (bracketed !== undefined) return bracketed;
  return fqdn.indexOf(':') === fqdn.lastIndexOf(':') ? fqdn.replace(/:[0-9]+$/, '') : fqdn;
}

/**
 * Makes a file of the data folder that must not be there yet; false where it is. Whole and on the disk, or not there
 * at all: devices may know this eIM by it from now on.
 */
export function makeFile(folder: string, path: string, text: () => string, mode: number): boolean {
  if (exists(path)) return false;
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    try {
      writeFileSync(draft, text(), { mode, flush: true });
      // Unlike a rename, it does not take the place of what another process made meanwhile.
      linkSync(draft, path);
    } finally {
      rmSync(draft, { force: true });
    }
    return true;
  } catch (cause) {
    // Another process made it meanwhile.
    if (exists(path)) return false;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`dataFolder: ${path} cannot be made: ${why}`, { cause });
  }
}

export function exists(path: string): boolean {
  return existsSync(path);
}

function privateKey(
  setting: string,
  path: string,
  curves: readonly string[] = ['prime256v1'],
): KeyObject {
  const pem = read(setting, path);
  try {
    const key = createPrivateKey(pem);
    if (curves.includes(key.asymmetricKeyDetails?.namedCurve ?? '')) return key;
  } catch (cause) {
    throw new ConfigError(`${setting}: ${path} holds no private key in PEM`, { cause });
  }
  const due = curves.length === 1 ? 'P-256' : 'P-256 or brainpoolP256r1';
  throw new ConfigError(`${setting}: ${path} is not a key of ${due}`);
}

/** The certificates of a PEM text, DER. */
export function certificates(setting: string, pem: string): readonly Uint8Array[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new Uint8Array(new X509Certificate(block).raw));
  } catch (cause) {
    throw new ConfigError(`${setting}: holds something that is no certificate`, { cause });
  }
}

/** A file that a setting names, as text. */
export function read(setting: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`${setting}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}
