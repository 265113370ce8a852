/** The files of the configuration: keys, certificates, revocation lists, who may read them, and when they end. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pemCrls } from '../es9/pem.ts';
import { ChainError } from '../trust/chain-error.ts';
import { readCrls } from '../trust/crl.ts';
import { causeText, error, type Finding, ok, warning } from './finding.ts';

const day = 24 * 3600 * 1000;
/** A certificate that ends within so many days is worth a word. */
const soon = 30;

/** A private key in PEM, and who may read it. */
export function privateKeyFile(check: string, path: string): readonly Finding[] {
  const mode = ownerOnly(check, path);
  try {
    const { asymmetricKeyDetails } = createPrivateKey(readFileSync(path));
    return [ok(check, `${path}: ${asymmetricKeyDetails?.namedCurve ?? 'a key'}`), ...mode];
  } catch (cause) {
    const advice = `put a private key in PEM there, readable by the user of the eIM, or set ${check}`;
    return [error(check, `${path}: ${causeText(cause)}`, advice)];
  }
}

/** Warns where others than the owner may read a file; nothing where it is not there. */
export function ownerOnly(check: string, path: string): readonly Finding[] {
  const mode = modeOf(path);
  if (mode === undefined || (mode & 0o077) === 0) return [];
  const shown = mode.toString(8).padStart(4, '0');
  const least = mode & 0o100 ? '700' : '600';
  return [
    warning(check, `${path} has mode ${shown}: others may read it`, `chmod ${least} ${path}`),
  ];
}

function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode & 0o777;
  } catch {
    // What is not there, or not to be seen, is told of by whoever reads it.
    return undefined;
  }
}

/** Certificates in PEM: whether they are in force, and for how long. */
export function certificateFile(check: string, path: string, now: number): readonly Finding[] {
  let found: readonly X509Certificate[];
  try {
    const text = readFileSync(path, 'utf8');
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    found = blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    return [error(check, `${path}: ${causeText(cause)}`, `put certificates in PEM there`)];
  }
  if (found.length === 0) {
    return [error(check, `${path} holds no certificate`, 'put certificates in PEM there')];
  }
  return found.map((certificate) => validity(check, path, certificate, now));
}

function validity(
  check: string,
  path: string,
  { subject, validFrom, validTo }: X509Certificate,
  now: number,
): Finding {
  const name = `${path}: ${subject.replaceAll('\n', ', ')}`;
  const end = new Date(validTo);
  const left = Math.floor((end.getTime() - now) / day);
  const until = end.toISOString().slice(0, 10);
  const renew = 'renew it, then eim config reload';
  if (Date.parse(validFrom) > now) {
    const advice = 'set the clock, or take the certificate that is in force';
    return error(check, `${name}: not in force before ${validFrom}`, advice);
  }
  if (left < 0) return error(check, `${name}: expired ${until}`, renew);
  if (left < soon) return warning(check, `${name}: expires ${until}, in ${left} days`, renew);
  return ok(check, `${name}: until ${until}`);
}

/** Revocation lists: whether they can be read, and whether they are stale. */
export function crlFile(check: string, path: string, now: number): Finding {
  const advice = 'fetch the list of its CI anew; the eIM reads the file again by itself';
  try {
    const bytes = new Uint8Array(readFileSync(path));
    pemCrls(bytes);
    const next = Math.min(...readCrls(bytes).map(({ nextUpdate }) => nextUpdate));
    const until = new Date(next).toISOString();
    return next < now
      ? warning(check, `${path} is stale since ${until}`, advice)
      : ok(check, `${path}: next update ${until}`);
  } catch (cause) {
    if (cause instanceof ChainError || cause instanceof TypeError || isFileError(cause)) {
      return error(check, `${path}: ${causeText(cause)}`, advice);
    }
    throw cause;
  }
}

function isFileError(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause;
}

/** What the eIM made in its data folder: there or to be made, and who may read it. */
export function madeFiles(dataFolder: string): readonly Finding[] {
  const names = ['eim-signing.key.pem', 'eim-tls.key.pem', 'secret.key'];
  return [
    ...ownerOnly('dataFolder', dataFolder),
    ...names.flatMap((name) => ownerOnly('dataFolder', join(dataFolder, name))),
  ];
}

export function isThere(path: string): boolean {
  return existsSync(path);
}
