/** How the device reaches its eIM: a DTLS and a CoAP client, ours (own-stack.ts) or a stranger's. */
import type { Address } from '../../../src/base/address.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { Log } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import type { CipherSuiteName } from '../../../src/dtls/cipher-suites.ts';
import type { ClientCredential } from '../../../src/dtls/credentials.ts';
import type { BlockWatch } from './blocks.ts';

/** One connection to the eIM. */
export interface Stack {
  /** Sends one ESipa message, waits for its answer; no octets where there is none. */
  exchange(request: Uint8Array): Promise<Uint8Array>;
  /** The device loses power and is back at once; what is under way goes on. Absent where a stack cannot. */
  reset?(): void;
  close(): Promise<void>;
}

export interface StackOptions {
  readonly eim: Address;
  readonly credential: ClientCredential;
  readonly suites?: readonly CipherSuiteName[];
  /** Octets of a block that the device asks for. Default 1024. */
  readonly blockSize?: number;
  /** Default: as the RFCs have it. */
  readonly pace?: Pace;
  /** Its address may change: the eIM is to know it by a connection ID (RFC 9146). Default false. */
  readonly roams?: boolean;
  /** Told of every CoAP message. */
  readonly watch?: BlockWatch;
  /** Answers what the eIM pushes, on the same connection. Absent: the device is no CoAP server. */
  readonly handle?: (request: Uint8Array) => Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** How patient a device is; milliseconds. */
export interface Pace {
  readonly ackTimeout: number;
  readonly maxRetransmit: number;
  /** Until the first repetition of a handshake flight. */
  readonly firstFlight: number;
}

/** The eIM answered with a CoAP error. */
export class StackError extends Error {
  override readonly name = 'StackError';
}

/** Path and content format of ESipa over CoAP (SGP.32 6.1). */
export const esipaPath = ['gsma', 'rsp2', 'asn1'] as const;
export const octetStream = 42;
