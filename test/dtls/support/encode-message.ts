import { Writer } from '../../../src/base/bytes.ts';
import {
  type HandshakeMessage,
  writeMessage,
} from '../../../src/dtls/messages/handshake-message.ts';

/** A message as the transcript holds it. */
export function encodeMessage(message: HandshakeMessage): Uint8Array {
  const writer = new Writer();
  writeMessage(writer, message);
  return writer.done();
}
