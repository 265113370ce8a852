/** What an eUICC is told of this eIM: what who shows it may ask for, and who makes it gives. */

/** trustedPublicKeyDataTls (SGP.32 2.11.1.1.1): the certificate, or its bare key. */
export type TlsTrust = 'certificate' | 'key';

/** What of it is told otherwise than by default. */
export interface IntroductionChange {
  /** Default euicc.counterStart. */
  readonly counterValue?: number;
  /** Default: the eUICC is asked to make one; `none`: packages are signed with a token of zero. */
  readonly associationToken?: 'none' | 'generate';
  /** subjectKeyIdentifier of the CI under which the eUICC is to sign for this eIM; default: its choice. */
  readonly euiccCiPKId?: Uint8Array;
}
