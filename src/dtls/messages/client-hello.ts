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
export const ClientHello = struct({
  clientVersion: uint16,
  random: opaque(32),
  sessionId: vector(0, 32),
  cookie: vector(0, 2 ** 8 - 1),
  cipherSuites: list(uint16, 2, 2 ** 16 - 1),
  compressionMethods: list(uint8, 1, 2 ** 8 - 1),
  extensions: extensionList,
});
export type ClientHello = Infer<typeof ClientHello>;
