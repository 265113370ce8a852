import { extensionList } from '../extensions.ts';
import { type Infer, opaque, struct, uint8, uint16, vector } from '../struct.ts';

/**
 * RFC 5246 §7.4.1.3
 *
 *   struct {
 *     ProtocolVersion server_version;
 *     Random random;
 *     SessionID session_id;              -- <0..32>; empty: this session will not be resumed
 *     CipherSuite cipher_suite;
 *     CompressionMethod compression_method;
 *     Extension extensions<0..2^16-1>;   -- absent when there are none
 *   } ServerHello;
 */
const fields = {
  serverVersion: uint16,
  random: opaque(32),
  sessionId: vector(0, 32),
  cipherSuite: uint16,
  compressionMethod: uint8,
  extensions: extensionList,
};
export const ServerHello = struct(fields, {
  write(writer, hello) {
    fields.serverVersion.write(writer, hello.serverVersion);
    fields.random.write(writer, hello.random);
    fields.sessionId.write(writer, hello.sessionId);
    fields.cipherSuite.write(writer, hello.cipherSuite);
    fields.compressionMethod.write(writer, hello.compressionMethod);
    fields.extensions.write(writer, hello.extensions);
  },
});
export type ServerHello = Infer<typeof ServerHello>;
