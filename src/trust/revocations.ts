/**
 * Which certificates their issuers have revoked, as the lists tell that the operator configured (SGP.22 4.5.2: EUM
 * certificates, by the CI). Lists are found by their issuer's key, never by what a certificate says of distribution
 * points: nobody makes the eIM fetch anything.
 *
 * ```
 *   a list names the certificate                                 revoked, whatever else
 *   lists of its issuer, fresh and in all their parts            good
 *   lists of its issuer, stale or not in all their parts         unknown: by `stale`
 *   none of its issuer, but a source that was never read         unknown: by `stale`
 *   none of its issuer                                           good: no list is given
 * ```
 */
import { equal } from '../base/bytes.ts';
import type { Certificate } from './certificate.ts';
import { ChainError, type ChainMember } from './chain-error.ts';
import { type Crl, readCrls } from './crl.ts';
import type { Roots } from './roots.ts';

export interface RevocationsOptions {
  /** Files and URLs, as the operator names them. */
  readonly sources: readonly string[];
  readonly roots: Roots;
  /** Milliseconds after its nextUpdate that a list counts as fresh. */
  readonly grace: number;
  /** What becomes of a certificate whose status is unknown. */
  readonly stale: 'refuse' | 'accept';
}

export interface RevocationCheck {
  readonly certificate: Certificate;
  /** Certificates over the one key that signed it. */
  readonly issuers: readonly Certificate[];
  readonly member: ChainMember;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** It was believed before: lists that are stale, or missing, take nothing back. Default false. */
  readonly believed?: boolean;
}

/** A list that is held, for operators. Milliseconds since 1970. */
export interface HeldCrl {
  readonly source: string;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly revoked: number;
}

export class Revocations {
  readonly #options: RevocationsOptions;
  readonly #held = new Map<string, readonly Crl[]>();

  constructor(options: RevocationsOptions) {
    this.#options = options;
  }

  /** Whether any list was configured. */
  get any(): boolean {
    return this.#options.sources.length > 0;
  }

  /**
   * Takes what a source holds now, in place of what it held before; false where that was newer, which stays. Throws
   * ChainError where it is no list, or one of a configured CI that the CI did not sign.
   */
  take(source: string, bytes: Uint8Array): boolean {
    const lists = readCrls(bytes);
    if (!lists.every((list) => this.#mayStand(list))) {
      throw new ChainError('signature', 'crl', 'the CI that it names did not sign it');
    }
    const before = this.#held.get(source) ?? [];
    if (newest(lists) < newest(before)) return false;
    this.#held.set(source, lists);
    return true;
  }

  /** Takes over what another held of the sources of this one: before a change of sources or roots takes effect. */
  takeOver(before: Revocations): void {
    for (const source of this.#options.sources) {
      const lists = before.#held.get(source);
      if (lists?.every((list) => this.#mayStand(list))) this.#held.set(source, lists);
    }
  }

  /** What is held, by source; a source that was never read is absent. */
  held(): readonly HeldCrl[] {
    return [...this.#held].flatMap(([source, lists]) =>
      lists.map(({ thisUpdate, nextUpdate, revoked }) => ({
        source,
        thisUpdate,
        nextUpdate,
        revoked: revoked.size,
      })),
    );
  }

  /** Throws ChainError `revoked`, or `revocationUnknown` where the options say so. */
  check({ certificate, issuers, member, now, believed = false }: RevocationCheck): void {
    const lists = this.#listsOf(certificate, issuers);
    if (lists.some((list) => list.revoked.has(certificate.serialNumber))) {
      throw new ChainError('revoked', member, 'its issuer has revoked it');
    }
    if (believed || this.#options.stale === 'accept') return;
    if (lists.length > 0) {
      if (isComplete(lists.filter((list) => this.#isFresh(list, now)))) return;
      throw new ChainError(
        'revocationUnknown',
        member,
        'the CRLs of its issuer are stale, or not there in all their parts: see euicc.crls',
      );
    }
    const unread = this.#options.sources.find((source) => !this.#held.has(source));
    // Of the EUM's own lists nobody knows whether there are any; the chain above has been looked at by then.
    if (unread === undefined || member === 'euicc') return;
    throw new ChainError('revocationUnknown', member, `the CRL ${unread} has not been read yet`);
  }

  /** Whether the configured CI that it names, if it names one, signed it. */
  #mayStand(list: Crl): boolean {
    const roots = this.#options.roots.find(list.authorityKeyIdentifier);
    return roots.length === 0 || roots.some((root) => mayVouch(root, list));
  }

  #listsOf(certificate: Certificate, issuers: readonly Certificate[]): readonly Crl[] {
    const scopes = ['all', certificate.isAuthority ? 'authorities' : 'others'];
    return [...this.#held.values()]
      .flat()
      .filter(
        (list) => scopes.includes(list.scope) && issuers.some((issuer) => mayVouch(issuer, list)),
      );
  }

  #isFresh({ thisUpdate, nextUpdate }: Crl, now: number): boolean {
    return thisUpdate <= now && now <= nextUpdate + this.#options.grace;
  }
}

function mayVouch(issuer: Certificate, list: Crl): boolean {
  const { subjectKeyIdentifier } = issuer;
  return (
    subjectKeyIdentifier !== undefined &&
    equal(subjectKeyIdentifier, list.authorityKeyIdentifier) &&
    issuer.keyUsage.includes('crlSign') &&
    list.signedBy(issuer.publicKey)
  );
}

/** A whole list, or every part of one. */
function isComplete(lists: readonly Crl[]): boolean {
  if (lists.some(({ part }) => part === undefined)) return true;
  const parts = lists.flatMap(({ part }) => part ?? []);
  return parts.some(({ of }) => {
    const numbers = new Set(parts.filter((part) => part.of === of).map(({ number }) => number));
    return numbers.size === of;
  });
}

function newest(lists: readonly Crl[]): number {
  return Math.max(Number.NEGATIVE_INFINITY, ...lists.map(({ thisUpdate }) => thisUpdate));
}
