/** The CI roots that the operator chose to believe. */
import { toHex } from '../base/bytes.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { ChainError } from './chain-error.ts';

export class Roots {
  readonly #byKeyIdentifier: ReadonlyMap<string, readonly Certificate[]>;

  private constructor(byKeyIdentifier: ReadonlyMap<string, readonly Certificate[]>) {
    this.#byKeyIdentifier = byKeyIdentifier;
  }

  /**
   * Takes CI certificates, DER. Each must be a CA with a subjectKeyIdentifier, and if it names itself as its issuer
   * it must have signed itself; its policy and its issuer are the operator's choice. Throws ChainError.
   */
  static of(certificates: readonly Uint8Array[]): Roots {
    const byKeyIdentifier = new Map<string, Certificate[]>();
    for (const bytes of certificates) {
      const root = readCertificate(bytes, 'ci');
      const identifier = root.subjectKeyIdentifier;
      if (identifier === undefined) {
        throw new ChainError('issuer', 'ci', 'it has no subjectKeyIdentifier to be found by');
      }
      if (!root.isAuthority) throw new ChainError('authority', 'ci', 'it is not a CA');
      if (!root.keyUsage.includes('keyCertSign')) {
        throw new ChainError('keyUsage', 'ci', 'its key may not sign certificates');
      }
      if (root.selfIssued && !root.signedBy(root.publicKey)) {
        throw new ChainError('signature', 'ci', 'it did not sign itself');
      }
      const same = byKeyIdentifier.get(toHex(identifier)) ?? [];
      byKeyIdentifier.set(toHex(identifier), [...same, root]);
    }
    return new Roots(byKeyIdentifier);
  }

  /**
   * The roots with this subjectKeyIdentifier: several where a CI certificate was issued anew over the same key, as
   * GSMA's test CI was.
   */
  find(subjectKeyIdentifier: Uint8Array): readonly Certificate[] {
    return this.#byKeyIdentifier.get(toHex(subjectKeyIdentifier)) ?? [];
  }
}
