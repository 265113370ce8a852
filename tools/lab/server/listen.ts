/** Where a server of the lab listens, what it calls itself, and the TLS certificate for that. */
import { X509Certificate } from 'node:crypto';
import { type AddressInfo, isIP } from 'node:net';
import { addressText } from '../../../src/base/address.ts';
import { type LabCredential, loopbackHosts } from '../pki/lab-pki.ts';
import type { Door } from './door.ts';

export interface Listening {
  readonly address: string;
  readonly port: number;
}

/** Listens, and says where. Throws what node:net throws for a port that is taken. */
export async function listen({ server }: Door, host: string, port: number): Promise<Listening> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const bound = server.address() as AddressInfo;
  return { address: bound.address, port: bound.port };
}

/** `name` if there is one, else `host:port`. */
export function serverAddress(name: string | undefined, host: string, port: number): string {
  return name ?? addressText({ address: host, port });
}

/** The certificate given where it covers the host, else one issued for it. */
export function tlsCredential(
  given: LabCredential,
  name: string | undefined,
  host: string,
  issue: (names: readonly string[]) => LabCredential,
): LabCredential {
  const wanted = name === undefined ? host : hostOf(name);
  const certificate = new X509Certificate(given.certificate);
  const covered = isIP(wanted) === 0 ? certificate.checkHost(wanted) : certificate.checkIP(wanted);
  return covered === undefined ? issue([wanted, ...loopbackHosts]) : given;
}

/** `name` without its port. */
function hostOf(name: string): string {
  return /^\[(.*)\](:[0-9]+)?$/.exec(name)?.[1] ?? name.replace(/:[0-9]+$/, '');
}
