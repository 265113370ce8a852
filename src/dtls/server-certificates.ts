/** Which of a server's certificates a client is shown. */
import { CertificateType, typesOf } from './certificate-types.ts';
import type { ServerCertificate } from './credentials.ts';
import type { Extensions } from './extensions.ts';
import { groupOfKey, namedGroups } from './named-groups.ts';
import { preferredSchemes, type SignatureScheme } from './signature-schemes.ts';

/** What a client takes, in its order of preference. */
export interface CertificateWishes {
  readonly serverName: string | undefined;
  /** Named groups, of certificates' keys too (RFC 8422 §5.1.1). */
  readonly groups: readonly number[];
  readonly schemes: readonly number[];
  readonly types: readonly number[];
}

export interface CertificateChoice {
  readonly certificate: ServerCertificate;
  readonly type: CertificateType;
  readonly scheme: SignatureScheme;
  /** Whether the name that the client asked for decided. */
  readonly byName: boolean;
}

/**
 * A client that names no groups is taken to have secp256r1, one that names no schemes to have ECDSA with SHA-256: what
 * a constrained client has by RFC 7925 §4.4 (RFC 5246 would have it SHA-1).
 */
export function readWishes(offered: Extensions): CertificateWishes {
  return {
    serverName: offered.serverName,
    groups: wishedGroups(offered),
    schemes: offered.signatureAlgorithms ?? preferredSchemes.map(({ id }) => id),
    types: typeWishes(offered),
  };
}

export function wishedGroups(offered: Extensions): readonly number[] {
  return offered.supportedGroups ?? [namedGroups.secp256r1.id];
}

/**
 * The client's order, but for a client that has only a raw public key itself: it is built for those, and a chain is
 * of little use to it. GnuTLS lists X.509 first even then.
 */
function typeWishes(offered: Extensions): readonly number[] {
  const { x509, rawPublicKey } = CertificateType;
  const types = offered.serverCertificateTypes ?? [x509];
  const own = offered.clientCertificateTypes ?? [x509];
  if (own.includes(x509) || !types.includes(rawPublicKey)) return types;
  return [rawPublicKey, ...types];
}

/** The first certificate that the client can do with: those for its name, then those for any, then the others. */
export function chooseCertificate(
  certificates: readonly ServerCertificate[],
  wishes: CertificateWishes,
): CertificateChoice | undefined {
  const { serverName, groups, schemes, types } = wishes;
  const scheme = preferredSchemes.find(({ id }) => schemes.includes(id));
  if (scheme === undefined) return undefined;
  const rank = ({ serverNames }: ServerCertificate) => {
    if (serverNames === undefined) return 1;
    return serverName !== undefined && isFor(serverNames, serverName) ? 0 : 2;
  };
  const inOrder = certificates.toSorted((a, b) => rank(a) - rank(b)); // stable
  for (const certificate of inOrder) {
    const group = groupOfKey(certificate.key);
    if (group === undefined || !groups.includes(group.id)) continue;
    const ours = typesOf(certificate);
    const shared = types.map((id) => ours.find((one) => one === id));
    const type = shared.find((one) => one !== undefined);
    if (type === undefined) continue;
    return { certificate, type, scheme, byName: rank(certificate) === 0 };
  }
  return undefined;
}

/** Whether one of a certificate's names is this one, which is in lower case. */
function isFor(serverNames: readonly string[], asked: string): boolean {
  const [, ...parent] = asked.split('.');
  const wildcard = ['*', ...parent].join('.');
  return serverNames.some((name) => [asked, wildcard].includes(name.toLowerCase()));
}
