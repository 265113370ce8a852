/** The groups we can do ECDHE in, as a table (RFC 8422 §5.1.1). */
import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto';
import { concat, hex } from '../base/bytes.ts';
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
  /** What node:crypto calls the curve of a certificate's key that is in this group; absent: there are none. */
  readonly curve?: string;
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

/**
 * Random octets may be no scalar (0, or the order and above): one in 2^32 on P-256, but one in three on
 * brainpoolP256r1. Then others are taken; so many in a row that are none show that they are not random.
 */
function setScalar(set: () => void): void {
  let failure: unknown;
  for (let tries = 0; tries < mostScalars; tries++) {
    try {
      set();
      return;
    } catch (error) {
      failure = error;
    }
  }
  throw new Error('no scalar among random octets', { cause: failure });
}

const mostScalars = 100;

/** PKCS #8 and SubjectPublicKeyInfo of an X25519 key, but for its 32 octets (RFC 8410 §4, §7). */
const pkcs8 = hex('302e020100300506032b656e04220420');
const spki = hex('302a300506032b656e032100');
const montgomeryLength = 32;

/** RFC 8422 §5.11: points are the u coordinate alone. */
const montgomery: NamedGroup = {
  id: 29,
  generate(random) {
    const key = Buffer.from(concat(pkcs8, random(montgomeryLength)));
    const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    const exported = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
    return {
      point: new Uint8Array(exported.subarray(spki.length)),
      shared(point) {
        if (point.length !== montgomeryLength) {
          throw new HandshakeError(AlertDescription.illegalParameter, 'no X25519 point');
        }
        return agree(privateKey, point);
      },
    };
  },
};

/** A point of small order, which makes the secret zero, is refused by OpenSSL (RFC 7748 §6.1). */
function agree(privateKey: KeyObject, point: Uint8Array): Uint8Array {
  const key = Buffer.from(concat(spki, point));
  try {
    const publicKey = createPublicKey({ key, format: 'der', type: 'spki' });
    return diffieHellman({ privateKey, publicKey });
  } catch (cause) {
    const complaint = 'a point of small order';
    throw new HandshakeError(AlertDescription.illegalParameter, complaint, { cause });
  }
}

export const namedGroups = {
  secp256r1: weierstrass(23, 'prime256v1', 32),
  x25519: montgomery,
  /** RFC 7027 §2 */
  brainpoolP256r1: weierstrass(26, 'brainpoolP256r1', 32),
} as const satisfies Readonly<Record<string, NamedGroup>>;

export type NamedGroupName = keyof typeof namedGroups;

/** A client's order of preference; a server takes its client's. */
export const defaultGroups: readonly NamedGroupName[] = ['secp256r1', 'x25519', 'brainpoolP256r1'];

/** The group that a certificate's key is in; undefined where it is none of ours. */
export function groupOfKey(key: KeyObject): NamedGroup | undefined {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve === undefined) return undefined;
  return Object.values<NamedGroup>(namedGroups).find((group) => group.curve === curve);
}
