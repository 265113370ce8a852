/** The CI roots that the operator chose to believe, and what was last seen below them. */
import { base64, toHex } from '../base/bytes.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { ChainError } from './chain-error.ts';

/** A certificate and the roots that signed it: one or more. */
export interface BelowRoots {
  readonly certificate: Certificate;
  readonly issuers: readonly Certificate[];
}

/** EUMs that are remembered: each makes eUICCs by the million. */
const mostRemembered = 64;

export class Roots {
  readonly #byKeyIdentifier: ReadonlyMap<string, readonly Certificate[]>;
  /** By their octets, the last seen last. */
  readonly #below = new Map<string, BelowRoots>();

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

  /**
   * Reads the certificate of an EUM and finds the roots that signed it, whatever their dates: once, for as long as it is
   * among the last that were seen. Throws ChainError.
   */
  below(bytes: Uint8Array): BelowRoots {
    const key = base64(bytes);
    const known = this.#below.get(key) ?? this.#issued(bytes);
    this.#below.delete(key);
    this.#below.set(key, known);
    for (const oldest of this.#below.keys()) {
      if (this.#below.size <= mostRemembered) break;
      this.#below.delete(oldest);
    }
    return known;
  }

  #issued(bytes: Uint8Array): BelowRoots {
    const certificate = readCertificate(bytes, 'eum');
    const { authorityKeyIdentifier } = certificate;
    const named = authorityKeyIdentifier === undefined ? [] : this.find(authorityKeyIdentifier);
    if (named.length === 0) {
      throw new ChainError('unknownCi', 'eum', 'its issuer is none of the configured CI roots');
    }
    const issuers = named.filter((root) => certificate.signedBy(root.publicKey));
    if (issuers.length > 0) return { certificate, issuers };
    throw new ChainError('signature', 'eum', 'the CI that it names did not sign it');
  }
}
