/** Why a certificate, or the chain that it belongs to, is not believed. */
export const ChainErrorCode = {
  /** Not DER, not X.509, or a part of it that cannot be read. */
  malformed: 'malformed',
  /** Another algorithm or curve than SGP.22 has, or a chain that changes its curve. */
  algorithm: 'algorithm',
  /** A critical extension that nobody here understands, or one given twice. */
  extension: 'extension',
  /** No root whose key the certificate names. */
  unknownCi: 'unknownCi',
  /** Not issued by the certificate given as its issuer. */
  issuer: 'issuer',
  signature: 'signature',
  notYetValid: 'notYetValid',
  expired: 'expired',
  /** The policy (id-rspRole) is not that of the role. */
  role: 'role',
  /** A CA where none may be, or none where one must be. */
  authority: 'authority',
  keyUsage: 'keyUsage',
  /** The EUM does not say, in the form of SGP.22, for which EIDs it may speak. */
  nameConstraints: 'nameConstraints',
  /** The EUM may not speak for this eUICC. */
  notPermitted: 'notPermitted',
  /** The subject holds no EID, or one whose check digits do not fit. */
  eid: 'eid',
  /** A revocation list of its issuer names it. */
  revoked: 'revoked',
  /** The revocation lists that are there are stale, incomplete, or have never been read. */
  revocationUnknown: 'revocationUnknown',
} as const;
export type ChainErrorCode = (typeof ChainErrorCode)[keyof typeof ChainErrorCode];

/** Which certificate is at fault. */
export type ChainMember = 'ci' | 'eum' | 'euicc' | 'certificate' | 'crl';

/** A certificate that is not believed: `code` says why, `member` which one. */
export class ChainError extends Error {
  override readonly name = 'ChainError';
  readonly code: ChainErrorCode;
  readonly member: ChainMember;

  constructor(
    code: ChainErrorCode,
    member: ChainMember,
    complaint: string,
    options?: ErrorOptions,
  ) {
    super(`${memberText[member]}: ${complaint}`, options);
    this.code = code;
    this.member = member;
  }
}

const memberText: { readonly [M in ChainMember]: string } = {
  ci: 'CI certificate',
  eum: 'EUM certificate',
  euicc: 'eUICC certificate',
  certificate: 'certificate',
  crl: 'CRL',
};
