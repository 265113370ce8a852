/** ES9+.AuthenticateClient (SGP.22 5.6.3): the eUICC proves itself and names its order. */
import { concat, equal } from '../../../src/base/bytes.ts';
import type { Eid } from '../../../src/messages/ids.ts';
import {
  type AuthenticateServerResponse,
  EUICCInfo2,
  SmdpSigned2,
} from '../../../src/messages/rsp.ts';
import { DerError, tlv } from '../../../src/messages/tlv.ts';
import { ChainError } from '../../../src/trust/chain-error.ts';
import { signEcdsa, verifyEcdsa } from '../../../src/trust/ecdsa.ts';
import { checkEuiccChain } from '../../../src/trust/euicc-chain.ts';
import { checkEligibility } from './eligibility.ts';
import { flipped } from './faults.ts';
import { type ProfileOrder, settle } from './order.ts';
import { Refusal, type RefusalReason } from './refusal.ts';
import type { AuthenticateClientAnswer, Session } from './session.ts';
import { type Call, checkTransaction, findSession, type Smdp, within } from './smdp.ts';

export interface AuthenticateClient {
  readonly transactionId: Uint8Array;
  readonly authenticateServerResponse: AuthenticateServerResponse;
  /** The authenticateServerResponse as it came. */
  readonly raw: Uint8Array;
}

type Ok = Extract<AuthenticateServerResponse, { type: 'authenticateResponseOk' }>['value'];

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
    if (response.type === 'compactAuthenticateResponseOk') {
      throw new Refusal('malformed', 'a compact response is for the eIM');
    }
    if (response.type === 'authenticateResponseError') {
      checkTransaction(session, response.value.transactionId);
      throw new Refusal('euiccFailed', `code ${response.value.authenticateErrorCode}`);
    }
    const ok = response.value;
    checkTransaction(session, ok.euiccSigned1.value.transactionId);
    const { eid, publicKey } = checkChain(smdp, ok);
    call.eid = eid;
    if (!verifyEcdsa(publicKey, ok.euiccSigned1.raw, ok.euiccSignature1)) {
      throw new Refusal('euiccSignatureInvalid');
    }
    if (!equal(ok.euiccSigned1.value.serverChallenge, session.serverChallenge)) {
      throw new Refusal('euiccSignatureInvalid', 'another serverChallenge');
    }
    const euiccInfo2 = readEuiccInfo2(ok.euiccSigned1.value.euiccInfo2);
    const matchingId = ok.euiccSigned1.value.ctxParams1.value.matchingId ?? '';
    const order = findOrder(smdp, matchingId, eid);
    checkEligibility(order, euiccInfo2);
    const answer = answerFor(smdp, session, order, eid, ok.euiccSignature1);
    session.authenticated = { request: raw.slice(), answer, eid, euiccKey: publicKey, order };
    return answer;
  });
}

function checkChain(smdp: Smdp, { euiccCertificate, eumCertificate }: Ok) {
  const { roots, clock } = smdp;
  try {
    return checkEuiccChain({ euiccCertificate, eumCertificate, roots, now: clock.now() });
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    throw new Refusal(chainRefusal(error), error.message, { cause: error });
  }
}

function readEuiccInfo2(bytes: Uint8Array): EUICCInfo2 {
  try {
    return EUICCInfo2.decode(bytes);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new Refusal('malformed', error.message, { cause: error });
  }
}

function chainRefusal({ code, member }: ChainError): RefusalReason {
  if (code === 'unknownCi') return 'ciUnknown';
  if (member === 'euicc') return code === 'expired' ? 'euiccExpired' : 'euiccInvalid';
  return code === 'expired' ? 'eumExpired' : 'eumInvalid';
}

/** The order that this eUICC may download now. Throws Refusal. */
function findOrder(smdp: Smdp, matchingId: string, eid: Eid): ProfileOrder {
  const order = smdp.orders.find(matchingId, eid);
  if (order === undefined) throw new Refusal('matchingIdRefused');
  if (order.eid !== undefined && order.eid !== eid) throw new Refusal('eidMismatch');
  if (order.expires !== undefined && order.expires <= smdp.clock.now()) {
    settle(order, { type: 'failed', failure: { cause: 'expired' } });
  }
  if (order.attempts >= smdp.limits.attempts && !order.reusable) {
    settle(order, { type: 'failed', failure: { cause: 'attempts' } });
  }
  checkDownloadable(order);
  return order;
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
  const at = 'authenticateClient';
  const { faults, random } = smdp;
  const bound = order.binding?.eid === eid ? order.binding : undefined;
  const smdpSigned2 = SmdpSigned2.encode({
    transactionId: faults.take(at, 'wrong-transaction') ? random(16) : session.transactionId,
    ccRequiredFlag: order.confirmationCodeHash !== undefined,
    ...(bound && { bppEuiccOtpk: bound.euiccOtpk }),
  });
  const signer = faults.take(at, 'wrong-certificate') ? smdp.dpAuth : smdp.dpPb;
  const signature = signEcdsa(signer.key, concat(smdpSigned2, tlv(0x5f37, euiccSignature1)));
  return {
    transactionId: session.transactionId,
    profileMetadata: order.storeMetadata,
    smdpSigned2,
    smdpSignature2: faults.take(at, 'wrong-signature') ? flipped(signature) : signature,
    smdpCertificate: signer.certificate,
  };
}
