/** What the functions of the virtual eUICC share: who it is, what it keeps, and the download under way. */
import { type KeyObject, sign } from 'node:crypto';
import { hex, toHex } from '../../../src/base/bytes.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { Random } from '../../../src/base/random.ts';
import type { Eco } from '../../../src/messages/eco.ts';
import type { Eid } from '../../../src/messages/ids.ts';
import type { Psmo } from '../../../src/messages/psmo.ts';
import { tlv } from '../../../src/messages/tlv.ts';
import { readCertificate } from '../../../src/trust/certificate.ts';
import { signEcdsa } from '../../../src/trust/ecdsa.ts';
import { Roots } from '../../../src/trust/roots.ts';
import { MAX_SEGMENT } from '../bsp/bsp.ts';
import type { LabCredential } from '../pki/issue.ts';
import type { Session } from './session.ts';
import type { EuiccState } from './state.ts';

export interface EuiccOptions {
  readonly eid: Eid;
  /** CERT.EUICC.ECDSA and its private key. */
  readonly credential: LabCredential;
  /** CERT.EUM.ECDSA, DER. */
  readonly eumCertificate: Uint8Array;
  /** CI roots that servers may chain to, DER, in the order of preference. */
  readonly ciCertificates: readonly Uint8Array[];
  readonly clock: Clock;
  readonly random: Random;
  /** Octets of profiles that a fresh eUICC has room for (default 1 MiB). */
  readonly freeMemory?: number;
  /** The root SM-DS that it is made with (default the one of SGP.26). */
  readonly rootDsAddress?: string;
  /** The default SM-DP+ that it is made with (default none). */
  readonly defaultDpAddress?: string;
  /** Profile Policy Rules that the Rules Authorisation Table lets profiles have (default both). */
  readonly allowedRules?: readonly ('ppr1' | 'ppr2')[];
  /** Most eIMs that may be associated (default 8). */
  readonly mostEims?: number;
  /** Most octets of the results of one package (default 16 KiB); what does not fit ends it (resultSizeOverflow). */
  readonly mostResultOctets?: number;
  /** Most octets of a BSP segment (default 1020, the standard's; some servers send 1036). */
  readonly maxSegment?: number;
}

/** A PSMO or an eCO, as the standard names it. */
export type OperationName = Exclude<(Psmo | Eco)['type'], 'unknown'>;

/** An operation of a package that the card began to carry out. */
export interface Begun {
  readonly eimId: string;
  readonly counterValue: number;
  /** `unknown` where it could not be read. */
  readonly operation: OperationName | 'unknown';
}

/** A profile just installed, until the session is gone: ImmediateEnable may enable it (SGP.32 5.9.5). */
export interface Installed {
  readonly iccid: string;
  readonly serverAddress: string;
  readonly smdpOid: string;
}

/** Error codes to be answered instead of the truth, until they are taken out again. */
export interface Faults {
  authenticateServer?: number;
  prepareDownload?: number;
  cancelSession?: number;
  /** Signed error of LoadEuiccPackage. */
  loadEuiccPackage?: number;
  /** Results and errors of packages are signed as if their eIM had no association token. */
  noToken?: boolean;
  /** The token that packages are verified with is another than the eIM knows. */
  otherToken?: boolean;
  /** Results and errors of packages do not name the eimTransactionId, or name another. */
  eimTransactionId?: 'none' | 'another';
  /** Signatures are DER in place of r‖s. */
  derSignature?: boolean;
  /** The card is busy with the device (CAT): profiles are not switched. */
  catBusy?: boolean;
  /** Results of operations, by their names in Psmo and Eco: answered, and nothing is done. */
  operations?: Readonly<Partial<Record<OperationName, number>>>;
  /** processingTerminated of packages: what stands in place of their first operation. */
  processingTerminated?: number;
  /** rollbackResult of ProfileRollback: answered, and the profile of before is enabled all the same. */
  rollback?: number;
  /** Number of the operation of a package, from 1, at which the power is lost. */
  powerCutAtOperation?: number;
  /** Number of the 86 segment, from 1, at which the power is lost (installFailedDueToInterruption). */
  powerCutAtSegment?: number;
}

export class Chip {
  readonly options: EuiccOptions;
  readonly roots: Roots;
  readonly maxSegment: number;
  readonly faults: Faults = {};
  /** Key identifiers of the CIs whose servers are believed, and of those that vouch for this eUICC. */
  readonly verificationKeyIds: readonly Uint8Array[];
  readonly signingKeyIds: readonly Uint8Array[];
  state: EuiccState;
  session: Session | undefined;
  installed: Installed | undefined;
  /** The operations that were begun since it was made. */
  readonly begun: Begun[] = [];

  constructor(options: EuiccOptions, state: EuiccState) {
    this.options = options;
    this.roots = Roots.of(options.ciCertificates);
    this.maxSegment = options.maxSegment ?? MAX_SEGMENT;
    this.verificationKeyIds = distinct(
      options.ciCertificates.map((der) => readCertificate(der, 'ci').subjectKeyIdentifier),
    );
    const issuer = readCertificate(options.eumCertificate, 'eum').authorityKeyIdentifier;
    this.signingKeyIds = distinct([issuer]);
    this.state = state;
  }

  get eid(): Uint8Array {
    return hex(this.options.eid);
  }

  get key(): KeyObject {
    return this.options.credential.key;
  }

  /** Signs with SK.EUICC.ECDSA: r‖s, 64 octets. */
  sign(data: Uint8Array): Uint8Array {
    if (this.faults.derSignature === true) return new Uint8Array(sign('sha256', data, this.key));
    return signEcdsa(this.key, data);
  }

  /** Ends the session and returns it; a load under way has failed with it. */
  endSession(): Session | undefined {
    const session = this.session;
    if (session?.at === 'loading') session.loading.interrupt();
    this.session = undefined;
    this.installed = undefined;
    return session;
  }

  nextSeqNumber(): number {
    this.state.lastSeqNumber += 1;
    return this.state.lastSeqNumber;
  }
}

/** A signature as TLV, the form in which later signatures cover it. */
export function signatureTlv(signature: Uint8Array): Uint8Array {
  return tlv(0x5f37, signature);
}

function distinct(identifiers: readonly (Uint8Array | undefined)[]): Uint8Array[] {
  const seen = new Map<string, Uint8Array>();
  for (const one of identifiers) if (one !== undefined) seen.set(toHex(one), one);
  return [...seen.values()];
}
