/**
 * How a relayed step of a download fails: the code for the device, the real reason for the order, which ends with it
 * (but for an order that has ended before, of which the log tells).
 */
import { Es9Error, Es9TransportError } from '../es9/errors.ts';
import { levelOf, type ProtocolLevel } from '../fleet/protocol-level.ts';
import type { Eid } from '../messages/ids.ts';
import { AuthenticateClientErrorEsipa } from '../messages/profile-download.ts';
import { DerError } from '../messages/tlv.ts';
import { type ProcedureError, procedureError } from '../orders/outcome.ts';
import type { Change } from '../store/store.ts';
import { ChainError } from '../trust/chain-error.ts';
import type { Eim } from './eim.ts';
import { endOrder } from './end-order.ts';
import { type Es9Function, es9Reason, esipaCode } from './es9-errors.ts';
import type { CompactFormError } from './full-forms.ts';
import { askToKnow } from './settle.ts';

/** What an order's outcome calls a failure in each function. */
const procedureErrors = {
  initiateAuthentication: 'initiateAuthenticationError',
  authenticateClient: 'authenticateClientError',
  getBoundProfilePackage: 'getBoundProfilePackageError',
  cancelSession: 'cancelSessionResponseError',
} as const satisfies Record<Es9Function, ProcedureError>;

/** What failed of which order. */
export interface Failing {
  readonly eim: Eim;
  readonly orderId: string;
  readonly called: Es9Function;
  /** The server asked: an SM-DP+, unless it is known to be none. */
  readonly address: string;
  readonly server?: 'SM-DS';
  /** What must not stand in logs and histories, though the SM-DP+ may repeat it: the matchingId. */
  readonly secret: string;
  /** What the outcome says, where it is not the function's own error. */
  readonly outcome?: ProcedureError;
}

/** The eIM's own no: ends the order. */
export async function fail(
  { eim, orderId, called, outcome }: Failing,
  reason: string,
  also: readonly Change[] = [],
): Promise<void> {
  const error = procedureError(outcome ?? procedureErrors[called]);
  await endOrder(eim, orderId, { success: false, outcome: [error], reason }, also);
}

/**
 * A compact form that cannot be rebuilt: ends the order. What is known of the eUICC is missing or stale, so it is to
 * tell that before the next try.
 */
export async function failCompact(
  failing: Failing,
  eid: Eid,
  { message }: CompactFormError,
  also: readonly Change[],
): Promise<void> {
  const why = `a compact answer cannot be rebuilt: ${message}`;
  await fail(failing, why, also);
  await askToKnow(failing.eim, eid, why);
}

/**
 * Whether a step failed for what the SM-DP+ is or sent: it refused, is not there, or speaks nonsense. Anything else is
 * ours.
 */
export function isSmdpFault(error: unknown): boolean {
  return (
    error instanceof Es9Error ||
    error instanceof Es9TransportError ||
    error instanceof DerError ||
    error instanceof ChainError
  );
}

/** The SM-DP+'s fault: ends the order. `refusal` makes the answer of its code, which is kept where `keep` says how. */
export async function failed(
  failing: Failing,
  error: unknown,
  refusal: (code: number) => Uint8Array,
  keep: (answer: Uint8Array) => readonly Change[] = () => [],
): Promise<Uint8Array> {
  if (!isSmdpFault(error)) throw error;
  const { called, address, secret, server } = failing;
  const answer = refusal(esipaCode(called, error, await levelOfOrder(failing)));
  const reason = es9Reason(called, address, error, server);
  await fail(failing, withoutSecret(reason, secret), keep(answer));
  return answer;
}

/** The version of SGP.32 that the device of this order speaks. */
async function levelOfOrder({ eim, orderId }: Failing): Promise<ProtocolLevel> {
  const order = await eim.orders.get(orderId);
  const euicc = order && (await eim.euiccs.get(order.eid));
  return levelOf(euicc ?? {}).level;
}

/** The text with a secret of it taken out, in whatever case; what is shorter than four characters is no secret. */
export function withoutSecret(text: string, secret: string): string {
  if (secret.length < 4) return text;
  const literally = secret.replace(/[^A-Za-z0-9]/g, '\\$&');
  return text.replace(new RegExp(literally, 'gi'), '…');
}

/** What a chain that is not believed is in AuthenticateClient's error codes. */
export function chainCode({ code, member }: ChainError): number {
  if (code === 'unknownCi') return AuthenticateClientErrorEsipa.ciPKUnknown;
  if (code === 'eid') return AuthenticateClientErrorEsipa.eidMismatch;
  const expired = code === 'expired' || code === 'notYetValid';
  if (member === 'euicc') {
    return expired
      ? AuthenticateClientErrorEsipa.euiccCertificateExpired
      : AuthenticateClientErrorEsipa.euiccCertificateInvalid;
  }
  return expired
    ? AuthenticateClientErrorEsipa.eumCertificateExpired
    : AuthenticateClientErrorEsipa.eumCertificateInvalid;
}
