/**
 * What ES9+ and ES11 have in common (SGP.22 5.6, 5.8): each function is one request to the host of an SM-DP+ or SM-DS,
 * and both begin with the same InitiateAuthentication.
 */
import { base64, equal, toHex } from '../base/bytes.ts';
import type { Log } from '../base/log.ts';
import { parseSmdpAddress, SmdpAddressError } from '../messages/smdp-address.ts';
import { type Es9Function, es9Request, type Members, type RspInterface } from './binding.ts';
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

export interface RspCallsOptions {
  readonly connect: Pick<Https, 'post'>;
  /** functionRequesterIdentifier: the eimId. */
  readonly requester: string;
  readonly log: Log;
}

/** Largest members of an answer, in octets: several times what is met (signed parts 100, certificates 600). */
export const limit = {
  signed: 4096,
  signature: 256,
  keyIdentifier: 64,
  certificate: 8192,
  /** An icon of 1024 octets, names, and rules (SGP.22 2.4.5). */
  metadata: 32_768,
} as const;

export const tag = {
  sequence: 0x30,
  signature: 0x5f37,
  octetString: 0x04,
  storeMetadataRequest: 0xbf25,
  boundProfilePackage: 0xbf36,
} as const;

/** A plain signature on a 256-bit curve, a key identifier of SHA-1. */
const bare = { signature: 64, keyIdentifier: 20 } as const;

/** Nothing is tried again here. */
export class RspCalls {
  readonly #options: RspCallsOptions;
  #calls = 0;

  constructor(options: RspCallsOptions) {
    this.#options = options;
  }

  /** The answer of a function, whatever it says. Throws Es9TransportError (not of kind `status`). */
  async post(
    address: string,
    face: RspInterface,
    name: Es9Function,
    members: Readonly<Record<string, string>>,
  ): Promise<HttpsAnswer> {
    const { connect, requester, log } = this.#options;
    const header = {
      functionRequesterIdentifier: requester,
      functionCallIdentifier: `${name}-${++this.#calls}`,
    };
    const request = es9Request(name, header, members, face);
    const answer = await connect.post(addressOf(address), request);
    log.debug('answered', {
      function: name,
      address,
      status: answer.status,
      sent: request.body.length,
      received: answer.body.length,
    });
    return answer;
  }
}

function addressOf(address: string) {
  try {
    return parseSmdpAddress(address);
  } catch (cause) {
    if (!(cause instanceof SmdpAddressError)) throw cause;
    throw new Es9TransportError('unreachable', `the address ${cause.message}`, { cause });
  }
}

/** InitiateAuthentication as JSON: the server's own address, an SM-DS's too, is smdpAddress. */
export function initiateAuthenticationMembers(
  address: string,
  { euiccChallenge, euiccInfo1 }: InitiateAuthentication,
): Readonly<Record<string, string>> {
  return {
    euiccChallenge: base64(euiccChallenge),
    euiccInfo1: base64(euiccInfo1),
    smdpAddress: address,
  };
}

/** Throws Es9TransportError. */
export function readInitiateAuthentication(members: Members): InitiateAuthenticationResult {
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

/** AuthenticateClient as JSON. */
export function authenticateClientMembers({
  transactionId,
  authenticateServerResponse,
}: AuthenticateClient): Readonly<Record<string, string>> {
  return {
    transactionId: toHex(transactionId),
    authenticateServerResponse: base64(authenticateServerResponse),
  };
}

/** The octets of a signature. Throws Es9TransportError. */
export function signature(members: Members, name: string): Uint8Array {
  return members.contents(name, tag.signature, bare.signature, limit.signature);
}

/** An answer may leave the transactionId out, but not name another. Throws Es9TransportError. */
export function refuseOtherTransaction(members: Members, transactionId: Uint8Array): void {
  const named = members.transactionId();
  if (named !== undefined && !equal(named, transactionId)) {
    throw new Es9TransportError('malformed', 'the answer is about another transaction');
  }
}
