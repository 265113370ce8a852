/** Certificates of servers and clients under authorities of their own, made for one run of the tests. */
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { equal } from '../../../src/base/bytes.ts';
import { spkiOf } from '../../../src/dtls/certificate-types.ts';
import type { ClientCredential, ServerCertificate } from '../../../src/dtls/credentials.ts';
import { issueTls, makeLabPki } from '../../../tools/lab/pki/lab-pki.ts';

export interface Issued extends ServerCertificate {
  readonly chain: readonly Uint8Array[];
  /** PEM of the authority, for programs that are to trust it. */
  readonly authority: string;
}

export class Authority {
  readonly #pki = makeLabPki();

  get pem(): string {
    return new X509Certificate(this.#pki.ci.certificate).toString();
  }

  /** A chain of the names' certificate, the first its CN, and this authority. */
  issue(names: readonly string[], namedCurve = 'prime256v1'): Issued {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve });
    const { certificate, key } = issueTls(this.#pki, names, {}, privateKey);
    return { chain: [certificate, this.#pki.ci.certificate], key, authority: this.pem };
  }

  /** Throws where the first of a chain is not of this authority. */
  check(chain: readonly Uint8Array[]): void {
    const root = new X509Certificate(this.#pki.ci.certificate);
    const [own] = chain;
    if (own === undefined || !new X509Certificate(own).verify(root.publicKey)) {
      throw new Error('not of this authority');
    }
  }
}

/** A chain of server and authority, for localhost. */
export function issue(): Issued {
  return new Authority().issue(['localhost']);
}

/** A client that trusts an authority, and what it has besides. */
export function trusting(
  authority: Authority,
  more: Pick<Extract<ClientCredential, { type: 'certificate' }>, 'own' | 'serverName'> = {},
): ClientCredential {
  return { type: 'certificate', trust: (chain) => authority.check(chain), ...more };
}

/** A client that trusts one key. */
export function pinning(
  pinned: ServerCertificate,
  more: Pick<Extract<ClientCredential, { type: 'rawPublicKey' }>, 'own' | 'serverName'> = {},
): ClientCredential {
  return {
    type: 'rawPublicKey',
    trust(spki) {
      if (!equal(spki, spkiOf(pinned.key))) throw new Error('not the pinned key');
    },
    ...more,
  };
}
