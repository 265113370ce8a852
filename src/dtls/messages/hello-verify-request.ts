import { setUint16 } from '../record.ts';
import { type Infer, struct, uint16, vector } from '../struct.ts';

/**
 * RFC 6347 §4.2.1
 *
 *   struct { ProtocolVersion server_version; opaque cookie<0..2^8-1>; } HelloVerifyRequest;
 */
export const HelloVerifyRequest = struct({
  serverVersion: uint16,
  cookie: vector(0, 2 ** 8 - 1),
});
export type HelloVerifyRequest = Infer<typeof HelloVerifyRequest>;

/** Octets of one before its cookie. */
export const cookieHeadLength = 3;

/** Writes it there. */
export function putHelloVerifyRequest(
  octets: Uint8Array,
  at: number,
  { serverVersion, cookie }: HelloVerifyRequest,
): void {
  setUint16(octets, at, serverVersion);
  octets[at + 2] = cookie.length;
  const from = at + cookieHeadLength;
  for (let i = 0; i < cookie.length; i++) octets[from + i] = cookie[i] ?? 0;
}
