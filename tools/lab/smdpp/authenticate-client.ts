/** ES9+.AuthenticateClient (SGP.22 5.6.3): the eUICC proves itself and names its order. */
import { concat, equal } from '../../../src/base/bytes.ts';
import type { Eid } from '../../../src/messages/ids.ts';
import {
  type AuthenticateServerResponse,
  EUICCInfo2,
  SmdpSigned2,
} from '../../../src/messages/rsp.ts';
import { DerError, tlv } from '../../../src/messages/tlv.ts';
import { signEcdsa } from '../../../src/trust/ecdsa.ts';
import { checkChain, checkProof, okResponse, withOtherOid } from '../server/authentication.ts';
import type { Call } from '../server/door.ts';
import { flipped } from '../server/faults.ts';
import { Refusal } from '../server/refusal.ts';
import { checkEligibility } from './eligibility.ts';
import type { ProfileOrder } from './order.ts';
import { reporting } from './progress.ts';
import type { AuthenticateClientAnswer, Session } from './session.ts';
import { settle, settleExpiry } from './settle.ts';
import { findSession, type Smdp, within } from './smdp.ts';

export interface AuthenticateClient {
  readonly transactionId: Uint8Array;
  readonly authenticateServerResponse: AuthenticateServerResponse;
  /** The authenticateServerResponse as it came. */
  readonly raw: Uint8Array;
}

const at = 'authenticateClient';

/**
 * Throws Refusal; the session is then over. The same request in the same session gets the same answer, so that one
 * whose answer was lost may be sent again.
 */
export function authenticateClient(
  smdp: Smdp,
  { transactionId, authenticateServerResponse: response, raw }: AuthenticateClient,
  call: Call,
): AuthenticateClientAnswer {
  const session = findSession(smdp, transactionId);
  if (session.authenticated !== undefined && equal(session.authenticated.request, raw)) {
    call.eid = session.authenticated.eid;
    return session.authenticated.answer;
  }
  return within(smdp, session, () => {
    if (session.authenticated !== undefined) throw new Refusal('transactionUnknown', 'used');
    const ok = okResponse(session, response);
    const proven = checkChain(smdp, ok);
    const { eid, publicKey } = proven;
    call.eid = eid;
    checkProof(session, ok, proven);
    const euiccInfo2 = readEuiccInfo2(ok.euiccSigned1.value.euiccInfo2);
    const matchingId = ok.euiccSigned1.value.ctxParams1.value.matchingId ?? '';
    const order = smdp.orders.find(matchingId, eid);
    if (order === undefined) throw new Refusal('matchingIdRefused');
    reporting(smdp, order, 'eligibility', eid, () => {
      checkOrder(smdp, order, eid);
      checkEligibility(order, euiccInfo2);
    });
    const answer = answerFor(smdp, session, order, eid, ok.euiccSignature1);
    session.authenticated = { request: raw.slice(), answer, eid, euiccKey: publicKey, order };
    return answer;
  });
}

function readEuiccInfo2(bytes: Uint8Array): EUICCInfo2 {
  try {
    return EUICCInfo2.decode(bytes);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new Refusal('malformed', error.message, { cause: error });
  }
}

/** Whether this eUICC may download it now. Throws Refusal. */
function checkOrder(smdp: Smdp, order: ProfileOrder, eid: Eid): void {
  if (order.eid !== undefined && order.eid !== eid) throw new Refusal('eidMismatch');
  if (smdp.faults.take(at, 'expire')) order.expires = smdp.clock.now();
  settleExpiry(smdp, order);
  if (order.attempts >= smdp.limits.attempts && !order.reusable) {
    settle(smdp, order, { type: 'failed', failure: { cause: 'attempts' } });
  }
  checkDownloadable(order);
}

/** Released, or handed out without a result yet. Throws Refusal. */
export function checkDownloadable({ state }: ProfileOrder): void {
  if (state.at === 'released' || state.at === 'downloaded') return;
  if (state.at === 'error' && state.failure.cause === 'expired') throw new Refusal('orderExpired');
  if (state.at === 'error' && state.failure.cause === 'attempts') {
    throw new Refusal('attemptsUsedUp');
  }
  throw new Refusal('notReleased', state.at);
}

function answerFor(
  smdp: Smdp,
  session: Session,
  order: ProfileOrder,
  eid: Eid,
  euiccSignature1: Uint8Array,
): AuthenticateClientAnswer {
  const { faults, random } = smdp;
  const bound = order.binding?.eid === eid ? order.binding : undefined;
  const smdpSigned2 = SmdpSigned2.encode({
    transactionId: faults.take(at, 'wrong-transaction') ? random(16) : session.transactionId,
    ccRequiredFlag: order.confirmationCodeHash !== undefined,
    ...(bound && { bppEuiccOtpk: bound.euiccOtpk }),
  });
  const { identity } = session;
  const { certificate, key } = faults.take(at, 'wrong-certificate')
    ? identity.auth
    : faults.take(at, 'wrong-oid')
      ? withOtherOid(identity, identity.dpPb)
      : identity.dpPb;
  const signature = signEcdsa(key, concat(smdpSigned2, tlv(0x5f37, euiccSignature1)));
  return {
    transactionId: session.transactionId,
    profileMetadata: order.storeMetadata,
    smdpSigned2,
    smdpSignature2: faults.take(at, 'wrong-signature') ? flipped(signature) : signature,
    smdpCertificate: certificate,
  };
}
