/** Alerts (RFC 5246 §7.2) and the error that carries the one to send. */
import { BytesError } from '../base/bytes.ts';

export const AlertLevel = { warning: 1, fatal: 2 } as const;
export type AlertLevel = (typeof AlertLevel)[keyof typeof AlertLevel];

/** RFC 5246 §7.2.2; unknownPskIdentity is RFC 4279 §2. */
export const AlertDescription = {
  closeNotify: 0,
  unexpectedMessage: 10,
  badRecordMac: 20,
  handshakeFailure: 40,
  badCertificate: 42,
  unsupportedCertificate: 43,
  certificateRevoked: 44,
  certificateExpired: 45,
  certificateUnknown: 46,
  illegalParameter: 47,
  unknownCa: 48,
  decodeError: 50,
  decryptError: 51,
  protocolVersion: 70,
  internalError: 80,
  noRenegotiation: 100,
  unsupportedExtension: 110,
  unknownPskIdentity: 115,
} as const;
export type AlertDescription = (typeof AlertDescription)[keyof typeof AlertDescription];

export interface Alert {
  readonly level: number;
  readonly description: number;
}

/** `handshakeFailure (40)`, for logs and messages. */
export function alertText(description: number): string {
  const found = Object.entries(AlertDescription).find(([, number]) => number === description);
  return `${found?.[0] ?? 'alert'} (${description})`;
}

export function encodeAlert(level: AlertLevel, description: AlertDescription): Uint8Array {
  const alert = new Uint8Array(2);
  alert[0] = level;
  alert[1] = description;
  return alert;
}

/** The alert of a record's fragment; undefined where it is none. */
export function decodeAlert(fragment: Uint8Array): Alert | undefined {
  if (fragment.length !== 2) return undefined;
  return { level: fragment[0] ?? 0, description: fragment[1] ?? 0 };
}

/** The peer broke the handshake's rules; `alert` is what RFC 5246 §7.2 has us answer. */
export class HandshakeError extends Error {
  override readonly name = 'HandshakeError';
  readonly alert: AlertDescription;

  constructor(alert: AlertDescription, complaint: string, options?: ErrorOptions) {
    super(complaint, options);
    this.alert = alert;
  }
}

/** What `read` reads of a peer's bytes; where they end too early or do not fit, HandshakeError(decodeError). */
export function reading<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof BytesError)) throw cause;
    throw new HandshakeError(AlertDescription.decodeError, `${what}: ${cause.message}`, { cause });
  }
}
