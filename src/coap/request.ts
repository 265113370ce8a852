/** What the room's user sees: whole requests of a peer, and the responses to them. */
import type { Code, Method } from './codes.ts';

/** Whoever sends us messages. CoAP never asks what it is made of: a DTLS connection, a UDP address, a test. */
export interface CoapPeer {
  /** Of the connection: message IDs and tokens mean something within it alone (RFC 7252 section 9.1.1). */
  readonly id: string;
  /**
   * Who the peer has proven to be, the same in each of its connections; absent for peers that have proven nothing.
   * Transfers are taken up again, and repeated requests known, in another connection of the same identity.
   */
  readonly identity?: string;
  send(message: Uint8Array): void;
  /** Octets of the largest message that the peer can be sent; absent where nothing but the block size bounds it. */
  readonly maxPayload?: number;
  /**
   * Octets of a message that the peer may be sent now, where it writes from an address that no round trip has shown it
   * to be at; absent or Infinity: any number. Changes with what is said to it and heard of it.
   */
  readonly allowance?: number;
}

/** Whose bodies and answers are whose: the peer's identity, or else its connection. The two never meet. */
export function ownerOf({ id, identity }: CoapPeer): string {
  return identity === undefined ? `connection ${id}` : `identity ${identity}`;
}

export interface CoapRequest<P extends CoapPeer = CoapPeer> {
  readonly peer: P;
  readonly method: Method;
  /** Uri-Path, a segment an element. */
  readonly path: readonly string[];
  /** Uri-Query, an argument an element. */
  readonly query: readonly string[];
  /** Content-Format of the body (RFC 7252 section 12.3). */
  readonly contentFormat?: number;
  /** Content-Format that the peer wants the answer in. */
  readonly accept?: number;
  /** The whole body, its own memory; empty where there is none. */
  readonly body: Uint8Array;
}

export interface CoapResponse {
  readonly code: Code;
  /** The whole body, of any size; not to be changed once it is given. */
  readonly body?: Uint8Array;
  readonly contentFormat?: number;
  /** Seconds (RFC 7252 section 5.10.5). */
  readonly maxAge?: number;
}

/** At once, or later: most requests are answered without waiting for anything. */
export type Soon<T> = T | Promise<T>;

/**
 * Answers a request. Called once for each body. Throws CoapError for an error of the peer's; any other error is ours
 * and becomes 5.00.
 */
export type Handler<P extends CoapPeer> = (request: CoapRequest<P>) => Soon<CoapResponse>;
