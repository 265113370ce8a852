/** DTLS connections, as /v1 answers them. */
import { z } from 'zod';
import { queryNumber } from './query.ts';

/** GET /v1/dtls: those after a connection's id, in the order that memory has them. */
export const ConnectionQuery = z.strictObject({
  identity: z.string().max(256).exactOptional(),
  after: z.string().max(64).exactOptional(),
  limit: queryNumber(1, 1000).exactOptional(),
});

/** GET /v1/dtls/:id: a DTLS connection in memory. Octets in hex. */
export interface ConnectionView {
  readonly id: string;
  /** Asleep: not heard of for a while, and kept as octets until it is. */
  readonly state: 'awake' | 'asleep';
  /** `192.0.2.1:40000`, where it was last heard from. */
  readonly address: string;
  readonly credential: 'psk' | 'certificate' | 'rawPublicKey' | 'anonymous';
  /** Who the device proved to be. */
  readonly identity?: string;
  readonly suite: string;
  /** The connection ID (RFC 9146) in what the device sends, and in what it gets. */
  readonly cid?: string;
  readonly peerCid?: string;
  /** When its handshake was done. */
  readonly began: string;
  readonly lastContact: string;
  /** How often its address changed. */
  readonly moves: number;
  readonly datagramsIn: number;
  readonly datagramsOut: number;
  readonly octetsIn: number;
  readonly octetsOut: number;
  /** Records dropped, by reason. */
  readonly drops: Readonly<Record<string, number>>;
}

export interface ConnectionList {
  readonly connections: readonly ConnectionView[];
  /** As in OrderList. */
  readonly next?: string;
  readonly handshakes: number;
  readonly awake: number;
  readonly asleep: number;
  /** Sessions in memory that may be resumed by ID. */
  readonly sessions: number;
}
