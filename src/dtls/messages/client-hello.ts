import { extensionList } from '../extensions.ts';
import { type Infer, list, opaque, struct, uint8, uint16, vector } from '../struct.ts';

/**
 * RFC 6347 §4.2.1
 *
 *   struct {
 *     ProtocolVersion client_version;
 *     Random random;
 *     SessionID session_id;                             -- <0..32>
 *     opaque cookie<0..2^8-1>;
 *     CipherSuite cipher_suites<2..2^16-1>;
 *     CompressionMethod compression_methods<1..2^8-1>;
 *     Extension extensions<0..2^16-1>;                  -- may be absent
 *   } ClientHello;
 */
const fields = {
  clientVersion: uint16,
  random: opaque(32),
  sessionId: vector(0, 32),
  cookie: vector(0, 2 ** 8 - 1),
  cipherSuites: list(uint16, 2, 2 ** 16 - 1),
  compressionMethods: list(uint8, 1, 2 ** 8 - 1),
  extensions: extensionList,
};
export const ClientHello = struct(fields, {
  read: (reader) => ({
    clientVersion: fields.clientVersion.read(reader),
    random: fields.random.read(reader),
    sessionId: fields.sessionId.read(reader),
    cookie: fields.cookie.read(reader),
    cipherSuites: fields.cipherSuites.read(reader),
    compressionMethods: fields.compressionMethods.read(reader),
    extensions: fields.extensions.read(reader),
  }),
});
export type ClientHello = Infer<typeof ClientHello>;
