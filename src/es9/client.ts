/** The eIM as client of an SM-DP+ (SGP.22 5.6): five functions, each one request. */
import { base64, equal, toHex } from '../base/bytes.ts';
import type { Log } from '../base/log.ts';
import { parseSmdpAddress, SmdpAddressError } from '../messages/smdp-address.ts';
import { type Es9Function, es9Done, es9Members, es9Request, type Members } from './binding.ts';
import { Es9TransportError } from './errors.ts';
import type { Https, HttpsAnswer } from './https.ts';

export interface InitiateAuthentication {
  /** 16 octets. */
  readonly euiccChallenge: Uint8Array;
  /** `BF20…`. */
  readonly euiccInfo1: Uint8Array;
}

export interface InitiateAuthenticationResult {
  readonly transactionId: Uint8Array;
  /** `30…`, as the SM-DP+ signed it. */
  readonly serverSigned1: Uint8Array;
  /** Contents of 5F37. */
  readonly serverSignature1: Uint8Array;
  /** Contents of the OCTET STRING: a subjectKeyIdentifier. */
  readonly euiccCiPKIdToBeUsed: Uint8Array;
  /** DER. */
  readonly serverCertificate: Uint8Array;
}

export interface AuthenticateClient {
  readonly transactionId: Uint8Array;
  /** `BF38…`. */
  readonly authenticateServerResponse: Uint8Array;
}

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

export interface Es9ClientOptions {
  readonly connect: Pick<Https, 'post'>;
  /** functionRequesterIdentifier: the eimId. */
  readonly requester: string;
  readonly log: Log;
  /** Largest bound profile package, in octets. Default 2 MiB. */
  readonly boundProfilePackageLimit?: number;
}

/** Largest members of an answer, in octets: several times what is met (signed parts 100, certificates 600). */
const limit = {
  signed: 4096,
  signature: 256,
  keyIdentifier: 64,
  certificate: 8192,
  /** An icon of 1024 octets, names, and rules (SGP.22 2.4.5). */
  metadata: 32_768,
} as const;

const tag = {
  sequence: 0x30,
  signature: 0x5f37,
  octetString: 0x04,
  storeMetadataRequest: 0xbf25,
  boundProfilePackage: 0xbf36,
} as const;

/** A plain signature on a 256-bit curve, a key identifier of SHA-1. */
const bare = { signature: 64, keyIdentifier: 20 } as const;

/**
 * Each function takes the SM-DP+'s address (`host` or `host:port`) and throws Es9Error where the SM-DP+ refused,
 * Es9TransportError where it could not be asked or not be understood. Nothing is tried again here.
 */
export class Es9Client {
  readonly #connect: Pick<Https, 'post'>;
  readonly #requester: string;
  readonly #log: Log;
  readonly #boundProfilePackageLimit: number;
  #calls = 0;

  constructor(options: Es9ClientOptions) {
    this.#connect = options.connect;
    this.#requester = options.requester;
    this.#log = options.log;
    this.#boundProfilePackageLimit = options.boundProfilePackageLimit ?? 2 * 2 ** 20;
  }

  /** ES9+.InitiateAuthentication (SGP.22 5.6.1). */
  async initiateAuthentication(
    smdpAddress: string,
    { euiccChallenge, euiccInfo1 }: InitiateAuthentication,
  ): Promise<InitiateAuthenticationResult> {
    const members = await this.#call(smdpAddress, 'initiateAuthentication', {
      euiccChallenge: base64(euiccChallenge),
      euiccInfo1: base64(euiccInfo1),
      smdpAddress,
    });
    const transactionId = members.transactionId();
    if (transactionId === undefined) {
      throw new Es9TransportError('malformed', 'the answer has no transactionId');
    }
    return {
      transactionId,
      serverSigned1: members.object('serverSigned1', tag.sequence, limit.signed),
      serverSignature1: signature(members, 'serverSignature1'),
      euiccCiPKIdToBeUsed: members.contents(
        // The older spelling is still met.
        members.has('euiccCiPKIdToBeUsed') ? 'euiccCiPKIdToBeUsed' : 'euiccCiPKIdentifierToBeUsed',
        tag.octetString,
        bare.keyIdentifier,
        limit.keyIdentifier,
      ),
      serverCertificate: members.object('serverCertificate', tag.sequence, limit.certificate),
    };
  }

  /** ES9+.AuthenticateClient (SGP.22 5.6.3). */
  async authenticateClient(
    smdpAddress: string,
    { transactionId, authenticateServerResponse }: AuthenticateClient,
  ): Promise<AuthenticateClientResult> {
    const members = await this.#call(smdpAddress, 'authenticateClient', {
      transactionId: toHex(transactionId),
      authenticateServerResponse: base64(authenticateServerResponse),
    });
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

  async #post(
    smdpAddress: string,
    name: Es9Function,
    members: Readonly<Record<string, string>>,
  ): Promise<HttpsAnswer> {
    const header = {
      functionRequesterIdentifier: this.#requester,
      functionCallIdentifier: `${name}-${++this.#calls}`,
    };
    const request = es9Request(name, header, members);
    const answer = await this.#connect.post(addressOf(smdpAddress), request);
    this.#log.debug('answered', {
      function: name,
      smdpAddress,
      status: answer.status,
      sent: request.body.length,
      received: answer.body.length,
    });
    return answer;
  }
}

function addressOf(smdpAddress: string) {
  try {
    return parseSmdpAddress(smdpAddress);
  } catch (cause) {
    if (!(cause instanceof SmdpAddressError)) throw cause;
    throw new Es9TransportError('unreachable', `the address ${cause.message}`, { cause });
  }
}

function signature(members: Members, name: string): Uint8Array {
  return members.contents(name, tag.signature, bare.signature, limit.signature);
}

/** An answer may leave the transactionId out, but not name another. */
function refuseOtherTransaction(members: Members, transactionId: Uint8Array): void {
  const named = members.transactionId();
  if (named !== undefined && !equal(named, transactionId)) {
    throw new Es9TransportError('malformed', 'the answer is about another transaction');
  }
}
