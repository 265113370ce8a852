/** The settings of the operator's side as it takes them: files read. */
import type { Config } from './config.ts';
import { read } from './identity.ts';
import type { RestOptions, TlsIdentity } from './rest/server.ts';

/** Throws ConfigError where a file cannot be read. */
export function restOptions({ rest, stop }: Config): RestOptions {
  return { ...rest, tls: restTls(rest), grace: stop.within };
}

/** Throws ConfigError where a file cannot be read. */
export function restTls({ certificate, key }: Config['rest']): TlsIdentity | undefined {
  if (certificate === undefined || key === undefined) return undefined;
  return { certificate: read('rest.certificate', certificate), key: read('rest.key', key) };
}
