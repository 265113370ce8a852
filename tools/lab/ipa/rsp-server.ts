/**
 * An SM-DP+ or SM-DS as a download sees it: behind the eIM (via-eim.ts), or reached by the device itself (es9.ts).
 * Everything that is signed is a whole TLV, as it came.
 */
import { utf8 } from '../../../src/base/bytes.ts';

/** The server, or the eIM before it, refused a step of a download or could not be asked. */
export class Refused extends Error {
  override readonly name = 'Refused';
  /** What there was for an answer, or else the message: an IPA reports it (errorResponse). */
  readonly response: Uint8Array;

  constructor(message: string, response?: Uint8Array, options?: ErrorOptions) {
    super(message, options);
    this.response = response ?? utf8(message);
  }
}

/** Where a download begins. */
export interface Beginning {
  /** 16 octets. */
  readonly euiccChallenge: Uint8Array;
  /** `BF20…` */
  readonly euiccInfo1: Uint8Array;
}

export interface Initiated {
  readonly transactionId: Uint8Array;
  readonly serverSigned1: Uint8Array;
  /** `5F37…` */
  readonly serverSignature1: Uint8Array;
  /** `04…` */
  readonly euiccCiPKIdToBeUsed: Uint8Array;
  readonly serverCertificate: Uint8Array;
  /** What the eIM says the download is for; the trigger's own goes before it. */
  readonly matchingId?: string;
  /** `A0…` or what else the eIM made for an IPA that makes none. */
  readonly ctxParams1?: Uint8Array;
}

/** A profile that an SM-DP+ has for the eUICC. */
export interface Offer {
  readonly type: 'offer';
  /** `BF25…` */
  readonly profileMetadata?: Uint8Array;
  readonly smdpSigned2: Uint8Array;
  /** `5F37…` */
  readonly smdpSignature2: Uint8Array;
  readonly smdpCertificate: Uint8Array;
  /** `04…`: of the confirmation code that the eIM knows. */
  readonly hashCc?: Uint8Array;
}

/** What an SM-DS has: downloads, each a ProfileDownloadTriggerRequest `BF54…`. */
export interface Events {
  readonly type: 'events';
  readonly triggers: readonly Uint8Array[];
}

/** Each function throws Refused. */
export interface RspServer {
  initiateAuthentication(asked: Beginning): Promise<Initiated>;
  /** @param authenticateServerResponse `BF38…` */
  authenticateClient(
    transactionId: Uint8Array,
    authenticateServerResponse: Uint8Array,
  ): Promise<Offer | Events>;
  /**
   * @param prepareDownloadResponse `BF21…`
   * @returns `BF36…`
   */
  getBoundProfilePackage(
    transactionId: Uint8Array,
    prepareDownloadResponse: Uint8Array,
  ): Promise<Uint8Array>;
  /** @param cancelSessionResponse `BF41…` */
  cancelSession(transactionId: Uint8Array, cancelSessionResponse: Uint8Array): Promise<void>;
}
