/** ServerKeyExchange, whose shape the key exchange decides. */
import { type Infer, struct, uint8, uint16, vector } from '../struct.ts';

/**
 * RFC 4279 §2
 *
 *   opaque psk_identity_hint<0..2^16-1>;
 */
export const PskServerKeyExchange = struct({ identityHint: vector(0, 2 ** 16 - 1) });

/** ECCurveType of a curve that goes by its name, the only kind (RFC 8422 §5.4). */
export const namedCurve = 3;

/**
 * RFC 8422 §5.4; the part that is signed, behind both randoms.
 *
 *   struct { ECCurveType curve_type; NamedCurve namedcurve; ECPoint public; } ServerECDHParams;
 */
export const EcdhParameters = struct({
  curveType: uint8,
  group: uint16,
  point: vector(1, 2 ** 8 - 1),
});
export type EcdhParameters = Infer<typeof EcdhParameters>;

/**
 * RFC 8422 §5.4
 *
 *   struct { ServerECDHParams params; SignatureAndHashAlgorithm algorithm; opaque signature<0..2^16-1>; }
 */
export const EcdheServerKeyExchange = struct({
  parameters: EcdhParameters,
  scheme: uint16,
  signature: vector(0, 2 ** 16 - 1),
});

/**
 * RFC 5489 §2: there is always a hint, be it an empty one, and nothing is signed.
 *
 *   opaque psk_identity_hint<0..2^16-1>;
 *   ServerECDHParams params;
 */
export const EcdhePskServerKeyExchange = struct({
  identityHint: vector(0, 2 ** 16 - 1),
  parameters: EcdhParameters,
});
