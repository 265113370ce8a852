/** An RSP session of the eUICC: volatile, one at a time, dropped by the next challenge (SGP.22 3.0.1). */
import type { KeyObject } from 'node:crypto';
import type { OneTimeKey } from '../bsp/session-keys.ts';
import type { Loading } from './load-bound-profile-package.ts';

export type Session =
  | { readonly at: 'challenged'; readonly euiccChallenge: Uint8Array }
  | ({ readonly at: 'authenticated' } & Authenticated)
  | ({ readonly at: 'prepared' } & Prepared)
  | ({ readonly at: 'loading'; readonly loading: Loading } & Prepared);

/** After AuthenticateServer. */
export interface Authenticated {
  readonly transactionId: Uint8Array;
  readonly serverAddress: string;
  /** OID of CERT.DPauth. */
  readonly smdpOid: string;
  /** subjectKeyIdentifier of the CI that the server chains to. */
  readonly ciKeyId: Uint8Array;
  /** r‖s. */
  readonly euiccSignature1: Uint8Array;
}

/** After PrepareDownload. */
export interface Prepared extends Authenticated {
  /** otSK.EUICC.ECKA and otPK.EUICC.ECKA. */
  readonly otKey: OneTimeKey;
  /** Key of CERT.DPpb. */
  readonly profileBindingKey: KeyObject;
}
