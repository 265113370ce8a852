/** ES9+.CancelSession (SGP.22 5.6.5): the eUICC signs that the session is over, and why. */
import type { CancelSessionResponse } from '../../../src/messages/rsp.ts';
import { verifyEcdsa } from '../../../src/trust/ecdsa.ts';
import { checkTransaction } from '../server/authentication.ts';
import type { Call } from '../server/door.ts';
import { Refusal } from '../server/refusal.ts';
import { cancellationCode, tellOperator } from './progress.ts';
import { settle } from './settle.ts';
import { endSession, findSession, type Smdp } from './smdp.ts';

export interface CancelSession {
  readonly transactionId: Uint8Array;
  readonly cancelSessionResponse: CancelSessionResponse;
}

/** Throws Refusal; what nobody signed does not end the session. */
export function cancelSession(
  smdp: Smdp,
  { transactionId, cancelSessionResponse: response }: CancelSession,
  call: Call,
): void {
  const session = findSession(smdp, transactionId);
  const { authenticated } = session;
  if (authenticated !== undefined) call.eid = authenticated.eid;
  if (response.type === 'compactCancelSessionResponseOk') {
    throw new Refusal('malformed', 'a compact response is for the eIM');
  }
  if (response.type === 'cancelSessionResponseError') {
    throw new Refusal('euiccFailed', `code ${response.value}`);
  }
  const { euiccCancelSessionSigned, euiccCancelSessionSignature } = response.value;
  const { value, raw } = euiccCancelSessionSigned;
  checkTransaction(session.transactionId, value.transactionId);
  if (authenticated === undefined) {
    throw new Refusal('euiccSignatureInvalid', 'no eUICC has authenticated itself');
  }
  if (!verifyEcdsa(authenticated.euiccKey, raw, euiccCancelSessionSignature)) {
    throw new Refusal('euiccSignatureInvalid');
  }
  if (value.smdpOid !== smdp.oid) throw new Refusal('smdpOidMismatch');
  endSession(smdp, session);
  const { order, eid } = authenticated;
  const point = session.bound ? 'installation' : 'confirmation';
  tellOperator(smdp, order, point, { eid, failure: cancellationCode(value.reason) });
  settle(smdp, order, {
    type: 'failed',
    failure: { cause: 'cancelled', reason: value.reason },
  });
}
