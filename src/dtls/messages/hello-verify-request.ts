import { type Infer, struct, uint16, vector } from '../struct.ts';

/**
 * RFC 6347 §4.2.1
 *
 *   struct { ProtocolVersion server_version; opaque cookie<0..2^8-1>; } HelloVerifyRequest;
 */
const fields = {
  serverVersion: uint16,
  cookie: vector(0, 2 ** 8 - 1),
};
export const HelloVerifyRequest = struct(fields, {
  write(writer, { serverVersion, cookie }) {
    fields.serverVersion.write(writer, serverVersion);
    fields.cookie.write(writer, cookie);
  },
});
export type HelloVerifyRequest = Infer<typeof HelloVerifyRequest>;
