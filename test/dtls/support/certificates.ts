/** A server's certificate under an authority of its own, made for one run of the tests. */
import { X509Certificate } from 'node:crypto';
import type { ServerCertificate } from '../../../src/dtls/credentials.ts';
import { issueTls, makeLabPki } from '../../../tools/lab/pki/lab-pki.ts';

export interface Issued extends ServerCertificate {
  readonly chain: readonly Uint8Array[];
  /** PEM of the authority, for programs that are to trust it. */
  readonly authority: string;
}

/** A chain of server and authority, for localhost. */
export function issue(): Issued {
  const pki = makeLabPki();
  const { certificate, key } = issueTls(pki, ['localhost']);
  return {
    chain: [certificate, pki.ci.certificate],
    key,
    authority: new X509Certificate(pki.ci.certificate).toString(),
  };
}
