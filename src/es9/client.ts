/** The eIM as client of an SM-DP+ (SGP.22 5.6): five functions, each one request. */
import { base64, toHex } from '../base/bytes.ts';
import { type Es9Function, es9Done, es9Members, type Members } from './binding.ts';
import {
  type AuthenticateClient,
  authenticateClientMembers,
  type InitiateAuthentication,
  type InitiateAuthenticationResult,
  initiateAuthenticationMembers,
  limit,
  RspCalls,
  type RspCallsOptions,
  readInitiateAuthentication,
  refuseOtherTransaction,
  signature,
  tag,
} from './calls.ts';
import type { HttpsAnswer } from './https.ts';

export interface AuthenticateClientResult {
  readonly transactionId: Uint8Array;
  /** `BF25…`. */
  readonly profileMetadata?: Uint8Array;
  /** `30…`, as the SM-DP+ signed it. */
  readonly smdpSigned2: Uint8Array;
  /** Contents of 5F37. */
  readonly smdpSignature2: Uint8Array;
  /** DER. */
  readonly smdpCertificate: Uint8Array;
}

export interface GetBoundProfilePackage {
  readonly transactionId: Uint8Array;
  /** `BF21…`. */
  readonly prepareDownloadResponse: Uint8Array;
}

export interface GetBoundProfilePackageResult {
  readonly transactionId: Uint8Array;
  /** `BF36…`; only its outer tag and length are looked at. */
  readonly boundProfilePackage: Uint8Array;
}

export interface CancelSession {
  readonly transactionId: Uint8Array;
  /** `BF41…`. */
  readonly cancelSessionResponse: Uint8Array;
}

export interface Es9ClientOptions extends RspCallsOptions {
  /** Largest bound profile package, in octets. Default 2 MiB. */
  readonly boundProfilePackageLimit?: number;
}

/**
 * Each function takes the SM-DP+'s address (`host` or `host:port`) and throws Es9Error where the SM-DP+ refused,
 * Es9TransportError where it could not be asked or not be understood. Nothing is tried again here.
 */
export class Es9Client {
  readonly #calls: RspCalls;
  readonly #boundProfilePackageLimit: number;

  constructor(options: Es9ClientOptions) {
    this.#calls = new RspCalls(options);
    this.#boundProfilePackageLimit = options.boundProfilePackageLimit ?? 2 * 2 ** 20;
  }

  /** ES9+.InitiateAuthentication (SGP.22 5.6.1). */
  async initiateAuthentication(
    smdpAddress: string,
    asked: InitiateAuthentication,
  ): Promise<InitiateAuthenticationResult> {
    const members = initiateAuthenticationMembers(smdpAddress, asked);
    return readInitiateAuthentication(
      await this.#call(smdpAddress, 'initiateAuthentication', members),
    );
  }

  /** ES9+.AuthenticateClient (SGP.22 5.6.3). */
  async authenticateClient(
    smdpAddress: string,
    asked: AuthenticateClient,
  ): Promise<AuthenticateClientResult> {
    const { transactionId } = asked;
    const members = await this.#call(
      smdpAddress,
      'authenticateClient',
      authenticateClientMembers(asked),
    );
    refuseOtherTransaction(members, transactionId);
    return {
      transactionId,
      ...(members.has('profileMetadata') && {
        profileMetadata: members.object(
          'profileMetadata',
          tag.storeMetadataRequest,
          limit.metadata,
        ),
      }),
      smdpSigned2: members.object('smdpSigned2', tag.sequence, limit.signed),
      smdpSignature2: signature(members, 'smdpSignature2'),
      smdpCertificate: members.object('smdpCertificate', tag.sequence, limit.certificate),
    };
  }

  /** ES9+.GetBoundProfilePackage (SGP.22 5.6.2). */
  async getBoundProfilePackage(
    smdpAddress: string,
    { transactionId, prepareDownloadResponse }: GetBoundProfilePackage,
  ): Promise<GetBoundProfilePackageResult> {
    const members = await this.#call(smdpAddress, 'getBoundProfilePackage', {
      transactionId: toHex(transactionId),
      prepareDownloadResponse: base64(prepareDownloadResponse),
    });
    refuseOtherTransaction(members, transactionId);
    const boundProfilePackage = members.object(
      'boundProfilePackage',
      tag.boundProfilePackage,
      this.#boundProfilePackageLimit,
    );
    return { transactionId, boundProfilePackage };
  }

  /** ES9+.CancelSession (SGP.22 5.6.5). */
  async cancelSession(
    smdpAddress: string,
    { transactionId, cancelSessionResponse }: CancelSession,
  ): Promise<void> {
    es9Done(
      await this.#post(smdpAddress, 'cancelSession', {
        transactionId: toHex(transactionId),
        cancelSessionResponse: base64(cancelSessionResponse),
      }),
    );
  }

  /**
   * ES9+.HandleNotification (SGP.22 5.6.4).
   * @param pendingNotification `BF37…` or `30…`
   */
  async handleNotification(smdpAddress: string, pendingNotification: Uint8Array): Promise<void> {
    es9Done(
      await this.#post(smdpAddress, 'handleNotification', {
        pendingNotification: base64(pendingNotification),
      }),
    );
  }

  async #call(
    smdpAddress: string,
    name: Es9Function,
    members: Readonly<Record<string, string>>,
  ): Promise<Members> {
    return es9Members(await this.#post(smdpAddress, name, members));
  }

  #post(
    smdpAddress: string,
    name: Es9Function,
    members: Readonly<Record<string, string>>,
  ): Promise<HttpsAnswer> {
    return this.#calls.post(smdpAddress, 'es9plus', name, members);
  }
}
