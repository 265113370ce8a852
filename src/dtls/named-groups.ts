/** The groups we can do ECDHE in, as a table (RFC 8422 §5.1.1). */
import { createECDH } from 'node:crypto';
import type { Random } from '../base/random.ts';
import { AlertDescription, HandshakeError } from './alert.ts';

/** One side's ephemeral key. */
export interface KeyShare {
  /** As it goes on the wire. */
  readonly point: Uint8Array;
  /** The shared secret with the peer's point. Throws HandshakeError(illegalParameter) where that is none. */
  shared(point: Uint8Array): Uint8Array;
}

export interface NamedGroup {
  /** The number of the IANA registry. */
  readonly id: number;
  /** What node:crypto calls the curve of a certificate's key that is in this group. */
  readonly curve: string;
  generate(random: Random): KeyShare;
}

/** A curve whose points are written 04 | X | Y, with scalars of `length` octets. */
function weierstrass(id: number, curve: string, length: number): NamedGroup {
  return {
    id,
    curve,
    generate(random) {
      const ecdh = createECDH(curve);
      setScalar(() => ecdh.setPrivateKey(random(length)));
      return {
        point: ecdh.getPublicKey(),
        shared(point) {
          if (point.length !== 1 + 2 * length || point[0] !== 4) {
            throw new HandshakeError(AlertDescription.illegalParameter, 'no uncompressed point');
          }
          try {
            return ecdh.computeSecret(point);
          } catch (cause) {
            const complaint = 'a point that is not on the curve';
            throw new HandshakeError(AlertDescription.illegalParameter, complaint, { cause });
          }
        },
      };
    },
  };
}

/** Random octets may be no scalar (0, or the order and above: one in 2^32 on P-256); then others are taken. */
function setScalar(set: () => void): void {
  let failure: unknown;
  for (let tries = 0; tries < 4; tries++) {
    try {
      set();
      return;
    } catch (error) {
      failure = error;
    }
  }
  throw new Error('no scalar among random octets', { cause: failure });
}

export const namedGroups = {
  secp256r1: weierstrass(23, 'prime256v1', 32),
} as const satisfies Readonly<Record<string, NamedGroup>>;

/** In our order of preference. */
export const preferredGroups: readonly NamedGroup[] = [namedGroups.secp256r1];
