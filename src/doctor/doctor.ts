/** `eim doctor`: looks at all that a running eIM needs, changes nothing, and says of each finding what to do. */
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { type Config, ConfigError } from '../config.ts';
import { Https } from '../es9/https.ts';
import { es9Options } from '../es9-options.ts';
import { weaknesses } from '../weaknesses.ts';
import { diskSpace, diskWrite, storeOpens } from './disk.ts';
import {
  certificateFile,
  crlFile,
  isThere,
  madeFiles,
  ownerOnly,
  privateKeyFile,
} from './files.ts';
import { error, type Finding, ok, warning } from './finding.ts';
import { tcpPort, udpBuffer, udpPort } from './ports.ts';
import { reaches } from './smdps.ts';

export interface Examination {
  readonly config: Config;
  /** The configuration file, where there is one. */
  readonly file: string | undefined;
  /** An eIM answers at rest.host and rest.port. */
  readonly running: boolean;
  /** SM-DP+s to ask besides those of es9.hosts. */
  readonly smdps: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

export async function examine(examination: Examination): Promise<readonly Finding[]> {
  const { config, file, running, now } = examination;
  const { coaps, rest, https, dataFolder } = config;
  return [
    clock(now),
    runtime(process.versions.node),
    ...(file === undefined ? [] : ownerOnly('configuration file', file)),
    ...identityFiles(config, now),
    ...secretFiles(config),
    ...trustFiles(config, now),
    ...weaknesses(config).map((text) => warning('weakness', text, 'for a laboratory alone')),
    await udpPort({ check: 'coaps.port', ...coaps, running }),
    await tcpPort({ check: 'rest.port', ...rest, running }),
    ...(https.enabled ? [await tcpPort({ check: 'https.port', ...https, running })] : []),
    await udpBuffer(),
    diskSpace(dataFolder),
    await diskWrite(dataFolder),
    await storeOpens(dataFolder, running),
    ...(await smdps(examination)),
  ];
}

/** No eIM of this kind ran before. */
const earliest = Date.UTC(2026, 0, 1);
const latest = Date.UTC(2100, 0, 1);

function clock(now: number): Finding {
  const text = new Date(now).toISOString();
  if (now >= earliest && now < latest) return ok('clock', text);
  const advice = 'set it, and keep it set (timedatectl set-ntp true): certificates depend on it';
  return error('clock', `${text} cannot be`, advice);
}

function runtime(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const fits = major > 20 || (major === 20 && minor >= 19);
  if (fits) return ok('Node.js', version);
  return error('Node.js', version, 'take Node.js 20.19 or newer');
}

function identityFiles({ eim, dtls, dataFolder }: Config, now: number): readonly Finding[] {
  const made = (check: string, name: string) => {
    const path = join(dataFolder, name);
    return isThere(path)
      ? privateKeyFile(check, path)
      : [ok(check, `${path} is made on first start`)];
  };
  const { signing, tls } = eim;
  const key = (check: string, path: string | undefined, name: string) =>
    path === undefined ? made(check, name) : privateKeyFile(check, path);
  const certificate = (check: string, path: string | undefined) =>
    path === undefined ? [] : certificateFile(check, path, now);
  const own = join(dataFolder, 'eim-tls.cert.pem');
  return [
    ...(eim.fqdn === undefined
      ? [warning('eim.fqdn', "not set: eUICCs are told this machine's name", 'set eim.fqdn')]
      : [ok('eim.fqdn', eim.fqdn)]),
    ...key('eim.signing.key', signing.key, 'eim-signing.key.pem'),
    ...certificate('eim.signing.certificate', signing.certificate),
    ...signing.otherKeys.flatMap((path) => privateKeyFile('eim.signing.otherKeys', path)),
    ...key('eim.tls.key', tls.key, 'eim-tls.key.pem'),
    ...certificate('eim.tls.certificate', tls.certificate ?? (isThere(own) ? own : undefined)),
    ...dtls.certificates.flatMap((one, i) => [
      ...privateKeyFile(`dtls.certificates.${i}.key`, one.key),
      ...certificateFile(`dtls.certificates.${i}.certificate`, one.certificate, now),
    ]),
  ];
}

function secretFiles({ secret, dataFolder }: Config): readonly Finding[] {
  const given = [secret.keyFile, ...secret.formerKeyFiles].filter((path) => path !== undefined);
  return [
    ...given.flatMap((path) =>
      isThere(path)
        ? ownerOnly('secret.keyFile', path)
        : [
            error(
              'secret.keyFile',
              `${path} is not there`,
              'restore it: PSKs cannot be read without',
            ),
          ],
    ),
    ...madeFiles(dataFolder),
  ];
}

function trustFiles({ es9, euicc, dtls }: Config, now: number): readonly Finding[] {
  const files = (check: string, paths: readonly string[]) =>
    paths.flatMap((path) => certificateFile(check, path, now));
  const lists = (check: string, sources: readonly string[]) =>
    sources.filter((source) => !/^https:/i.test(source)).map((path) => crlFile(check, path, now));
  return [
    ...(es9.roots.length === 0 && !es9.insecure
      ? [
          warning(
            'es9.roots',
            'empty: SM-DP+s are believed only by a ca of es9.hosts',
            'name the certificates of the GSMA CI',
          ),
        ]
      : []),
    ...(euicc.roots.length === 0
      ? [
          warning(
            'euicc.roots',
            'empty: no eUICC can be proven',
            'name the certificates of the CIs of your eUICCs',
          ),
        ]
      : []),
    ...files('es9.roots', es9.roots),
    ...files('euicc.roots', euicc.roots),
    ...files('dtls.clientAnchors', dtls.clientAnchors),
    ...lists('es9.crls', es9.crls),
    ...lists('euicc.crls', euicc.crls),
    ...Object.entries(es9.hosts).flatMap(([name, { ca, crls = [] }]) => [
      ...(ca === undefined ? [] : certificateFile(`es9.hosts.${name}.ca`, ca, now)),
      ...lists(`es9.hosts.${name}.crls`, crls),
    ]),
  ];
}

async function smdps({ config, smdps: more }: Examination): Promise<readonly Finding[]> {
  const names = [...new Set([...Object.keys(config.es9.hosts), ...more])];
  if (names.length === 0) {
    return [ok('SM-DP+s', 'none are known: name some with --smdp to have them asked')];
  }
  let https: Https;
  try {
    https = new Https({ ...es9Options(config), clock: systemClock, log: silentLog() });
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    return [error('SM-DP+s', `not asked: ${cause.message}`, 'put that file right')];
  }
  try {
    const found = await Promise.all(names.map((name) => reaches(https, name, systemClock)));
    return found.flat();
  } finally {
    https.close();
  }
}
