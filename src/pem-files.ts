/** Certificates and revocation lists in files that settings name. */
import { readFileSync } from 'node:fs';
import { ConfigError } from './config.ts';
import { pemCrls } from './es9/pem.ts';
import { certificates, read } from './identity.ts';

/** The certificates in these PEM files, DER. */
export function pemFiles(setting: string, paths: readonly string[]): readonly Uint8Array[] {
  return paths.flatMap((path) => {
    const found = certificates(setting, read(setting, path));
    if (found.length === 0) throw new ConfigError(`${setting}: ${path} holds no certificate`);
    return found;
  });
}

/** The CRLs in these files, DER or PEM. */
export function crlFiles(setting: string, paths: readonly string[]): readonly Uint8Array[] {
  return paths.map((path) => {
    try {
      const bytes = new Uint8Array(readFileSync(path));
      pemCrls(bytes);
      return bytes;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ConfigError(`${setting}: ${path}: ${why}`, { cause });
    }
  });
}
