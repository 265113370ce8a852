/** ClientKeyExchange, whose shape the key exchange decides. */
import { struct, vector } from '../struct.ts';

/**
 * RFC 4279 §2
 *
 *   opaque psk_identity<0..2^16-1>;
 */
const identity = vector(0, 2 ** 16 - 1);
export const PskClientKeyExchange = struct(
  { identity },
  { read: (reader) => ({ identity: identity.read(reader) }) },
);

/**
 * RFC 8422 §5.7
 *
 *   opaque ecdh_Yc<1..2^8-1>;
 */
export const EcdheClientKeyExchange = struct({ point: vector(1, 2 ** 8 - 1) });

/**
 * RFC 5489 §2
 *
 *   opaque psk_identity<0..2^16-1>;
 *   ClientECDiffieHellmanPublic public;
 */
export const EcdhePskClientKeyExchange = struct({
  identity,
  point: vector(1, 2 ** 8 - 1),
});
