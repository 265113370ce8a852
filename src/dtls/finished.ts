/** Whether a Finished is the one due (RFC 5246 §7.4.9). */
import { AlertDescription, HandshakeError } from './alert.ts';
import { sameSecret } from './same-secret.ts';

/** Throws HandshakeError(decryptError) where the peer's Finished is not the one due. */
export function checkVerifyData(finished: Uint8Array, due: Uint8Array): void {
  if (!sameSecret(finished, due)) throw notFinished();
}

export function notFinished(): HandshakeError {
  const complaint = 'Finished does not fit the handshake';
  return new HandshakeError(AlertDescription.decryptError, complaint);
}
