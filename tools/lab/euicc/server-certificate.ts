/** Certificates of servers as the eUICC judges them: issued by one of its CIs; it has no clock, so dates do not count. */
import type { KeyObject } from 'node:crypto';
import { type Certificate, readCertificate } from '../../../src/trust/certificate.ts';
import { ChainError } from '../../../src/trust/chain-error.ts';
import type { Chip } from './chip.ts';

export interface Server {
  readonly publicKey: KeyObject;
  readonly curve: string;
  /** registeredID of the subjectAltName. */
  readonly oid: string;
  readonly roles: readonly string[];
  /** subjectKeyIdentifier of its CI. */
  readonly ciKeyId: Uint8Array;
}

/** The curves that this eUICC has. */
const curves: readonly string[] = ['prime256v1', 'brainpoolP256r1'];

export function supportsCurve(server: Server): boolean {
  return curves.includes(server.curve);
}

/** Checks all of a server's certificate but its role. Throws ChainError. */
export function readServerCertificate(chip: Chip, der: Uint8Array): Server {
  const certificate = readCertificate(der);
  const ciKeyId = certificate.authorityKeyIdentifier;
  const named = ciKeyId === undefined ? [] : chip.roots.find(ciKeyId);
  if (ciKeyId === undefined || named.length === 0) {
    throw new ChainError('unknownCi', 'certificate', 'its issuer is none of the CI roots');
  }
  if (!named.some((root) => certificate.signedBy(root.publicKey))) {
    throw new ChainError('signature', 'certificate', 'the CI that it names did not sign it');
  }
  checkUse(certificate);
  const [oid, ...others] = certificate.registeredIds;
  if (oid === undefined || others.length > 0) {
    throw new ChainError('role', 'certificate', 'its subjectAltName is not one registeredID');
  }
  const { publicKey, curve, policies } = certificate;
  return { publicKey, curve, oid, roles: policies, ciKeyId };
}

function checkUse(certificate: Certificate): void {
  if (certificate.isAuthority) {
    throw new ChainError('authority', 'certificate', 'it is a CA');
  }
  if (!certificate.keyUsage.includes('digitalSignature')) {
    throw new ChainError('keyUsage', 'certificate', 'its key may not sign');
  }
}
