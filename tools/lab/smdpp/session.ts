/** One RSP session with an eUICC, from InitiateAuthentication to its result (SGP.22 3.1.2, 3.1.3). */
import type { KeyObject } from 'node:crypto';
import type { Eid } from '../../../src/messages/ids.ts';
import type { LabCredential } from '../pki/lab-pki.ts';
import type { Identity, Opened } from '../server/authentication.ts';
import type { ProfileOrder } from './order.ts';

/** The SM-DP+ under one CI. */
export interface SmdpIdentity extends Identity {
  readonly dpPb: LabCredential;
}

/** What authenticateClient gave, kept so that the same request gets the same answer. */
export interface Authenticated {
  /** The request as it came. */
  readonly request: Uint8Array;
  readonly answer: AuthenticateClientAnswer;
  readonly eid: Eid;
  readonly euiccKey: KeyObject;
  readonly order: ProfileOrder;
}

export interface AuthenticateClientAnswer {
  readonly transactionId: Uint8Array;
  /** `BF25…` */
  readonly profileMetadata: Uint8Array;
  readonly smdpSigned2: Uint8Array;
  readonly smdpSignature2: Uint8Array;
  readonly smdpCertificate: Uint8Array;
}

export interface Session extends Opened<SmdpIdentity> {
  authenticated?: Authenticated;
  /** A package was made in this session: a repeated request is no further attempt. */
  bound: boolean;
}

/** A package that was handed out and whose result may come long after its session. */
export interface Download {
  readonly transactionId: Uint8Array;
  readonly eid: Eid;
  readonly euiccKey: KeyObject;
  readonly order: ProfileOrder;
}
