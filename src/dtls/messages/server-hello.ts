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
export const ServerHello = struct({
  serverVersion: uint16,
  random: opaque(32),
  sessionId: vector(0, 32),
  cipherSuite: uint16,
  compressionMethod: uint8,
  extensions: extensionList,
});
export type ServerHello = Infer<typeof ServerHello>;
