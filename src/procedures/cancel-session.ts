/**
 * CancelSession (SGP.32 6.3.2.5): the device gives a download up, which the SM-DP+ is told and which ends the order.
 * Where the eUICC's key is known, only its signature can do that.
 */
import { equal } from '../base/bytes.ts';
import { nameOf } from '../messages/primitives.ts';
import {
  CancelSessionErrorEsipa,
  type CancelSessionRequestEsipa,
  CancelSessionResponseEsipa,
} from '../messages/profile-download.ts';
import { CancelSessionReason, CancelSessionResponse } from '../messages/rsp.ts';
import { type Finish, OrderError } from '../orders/orders.ts';
import type { Change } from '../store/store.ts';
import { verifyEcdsa } from '../trust/ecdsa.ts';
import type { Caller, Eim } from './eim.ts';
import { endOrder, noteOrder } from './end-order.ts';
import { esipaCode } from './es9-errors.ts';
import { CompactFormError, fullCancelSessionResponse } from './full-forms.ts';
import { keyOf } from './learn-euicc.ts';
import { type Failing, failed, isSmdpFault } from './profile-download-errors.ts';
import {
  answerOf,
  eventOf,
  inSession,
  keepAnswer,
  sessionOf,
  type Transaction,
} from './transactions.ts';

const called = 'cancelSession';

/** Returns the CancelSessionResponseEsipa, `BF41…`. */
export async function cancelSession(
  eim: Eim,
  caller: Caller,
  request: CancelSessionRequestEsipa,
): Promise<Uint8Array> {
  const { transactionId, cancelSessionResponse } = request;
  const transaction = await sessionOf(eim, caller, transactionId);
  if (transaction === undefined) return refuse(CancelSessionErrorEsipa.invalidTransactionId);
  return inSession(eim, transactionId, () => cancel(eim, transaction, cancelSessionResponse));
}

async function cancel(
  eim: Eim,
  transaction: Transaction,
  response: CancelSessionResponse,
): Promise<Uint8Array> {
  const { transactionId, orderId, smdpAddress: address } = transaction;
  const asked = CancelSessionResponse.encode(response);
  const before = await answerOf(eim, transaction, called, asked);
  if (before !== undefined) return before;
  if (transaction.isSmds === true)
    return leftSmds(eim, transaction, keepAnswer(transaction, called, asked, done));
  const failing: Failing = { eim, orderId, called, address, secret: '' };
  const keep = (answer: Uint8Array) => [keepAnswer(transaction, called, asked, answer)];
  let full: Uint8Array;
  try {
    full = await fullForm(eim, transaction, response, asked);
  } catch (error) {
    if (!(error instanceof CompactFormError)) throw error;
    return disbelieve(eim, transaction, error.message);
  }
  const said = full === asked ? response : CancelSessionResponse.decode(full);
  const proof = await proofOf(eim, transaction, said);
  if (proof === 'false') {
    return disbelieve(eim, transaction, "its signature does not fit the eUICC's key");
  }
  try {
    await eim.es9.cancelSession(address, { transactionId, cancelSessionResponse: full });
  } catch (error) {
    const code = isSmdpFault(error) ? esipaCode(called, error, 'v1.2') : undefined;
    if (proof === 'none' && code === CancelSessionErrorEsipa.euiccSignatureInvalid) {
      return disbelieve(eim, transaction, 'the SM-DP+ finds that its signature does not fit');
    }
    return failed(failing, error, refuse, keep);
  }
  const answer = done;
  await end(eim, orderId, ending(said), keep(answer));
  return answer;
}

const done = CancelSessionResponseEsipa.encode({ type: 'cancelSessionOk', value: {} });

/**
 * A session with an SM-DS, which has nothing to cancel (SGP.22 5.8): where its events are known the device only goes on;
 * else it has given up.
 */
async function leftSmds(
  eim: Eim,
  { orderId, smdpAddress }: Transaction,
  kept: Change,
): Promise<Uint8Array> {
  if ((await eventOf(eim, orderId)) !== undefined) {
    await eim.store.commit([kept]);
    return done;
  }
  const finish = {
    success: false,
    outcome: [{ cancelSessionResult: 'ok' }],
    reason: `the device gave up before SM-DS ${smdpAddress} told of any event`,
  };
  await end(eim, orderId, finish, [kept]);
  return done;
}

/** Ends the order; where something else has, such as the eIM's own refusal, its history tells of the cancellation. */
async function end(
  eim: Eim,
  orderId: string,
  finish: Finish,
  also: readonly Change[],
): Promise<void> {
  const order = await eim.orders.get(orderId);
  if (order?.state.at !== 'done') return endOrder(eim, orderId, finish, also);
  try {
    await eim.orders.toldLate(orderId, `${finish.reason}; the SM-DP+ was told`, also);
  } catch (error) {
    if (!(error instanceof OrderError)) throw error;
    await eim.store.commit(also);
  }
}

/** What the device sent, in its full form. Throws CompactFormError. */
async function fullForm(
  eim: Eim,
  { eid, transactionId, said }: Transaction,
  response: CancelSessionResponse,
  asked: Uint8Array,
): Promise<Uint8Array> {
  if (response.type !== 'compactCancelSessionResponseOk') return asked;
  const known = keyOf(eim, await eim.euiccs.ensure(eid));
  if ('doubt' in known) throw new CompactFormError(known.doubt);
  return fullCancelSessionResponse(asked, transactionId, said?.smdpOid, known.key);
}

/** How far the eUICC's signature proves that it cancelled this session. */
async function proofOf(
  eim: Eim,
  { eid, transactionId }: Transaction,
  response: CancelSessionResponse,
): Promise<'true' | 'false' | 'none'> {
  if (response.type !== 'cancelSessionResponseOk') return 'none';
  const record = await eim.euiccs.ensure(eid);
  const known = keyOf(eim, record);
  if (record.consumerEuicc || 'doubt' in known) return 'none';
  const { euiccCancelSessionSigned, euiccCancelSessionSignature } = response.value;
  const fits =
    equal(euiccCancelSessionSigned.value.transactionId, transactionId) &&
    verifyEcdsa(known.key, euiccCancelSessionSigned.raw, euiccCancelSessionSignature);
  return fits ? 'true' : 'false';
}

/** Leaves the order and the session as they were. */
async function disbelieve(
  eim: Eim,
  { eid, orderId }: Transaction,
  because: string,
): Promise<Uint8Array> {
  eim.log.drop('cancellation not believed');
  eim.log.warn('cancellation not believed', { eid, order: orderId, because });
  await noteOrder(eim, orderId, 'cancellation not believed', because);
  return refuse(CancelSessionErrorEsipa.euiccSignatureInvalid);
}

/** What an operator can do: which reasons are final is the SM-DP+'s own affair. */
const adviceOn: Readonly<Record<number, string>> = {
  [CancelSessionReason.endUserRejection]: 'the SM-DP+ counts the profile as rejected',
  [CancelSessionReason.postponed]: 'the profile stays where it is: order the download again',
  [CancelSessionReason.timeout]: 'the profile stays where it is: order the download again',
  [CancelSessionReason.pprNotAllowed]:
    "the eUICC's Rules Authorisation Table does not allow the profile's rules: have a profile made without them",
  [CancelSessionReason.metadataMismatch]:
    'the bound profile package holds other metadata than was announced: tell the operator of the SM-DP+',
  [CancelSessionReason.loadBppExecutionError]:
    'the eUICC could not load the bound profile package: tell the operator of the SM-DP+',
};

function ending(response: CancelSessionResponse): Finish {
  if (response.type !== 'cancelSessionResponseOk') {
    return {
      success: false,
      outcome: [{ cancelSessionResult: 'undefinedError' }],
      reason: 'the device cancelled the download, and its eUICC did not sign that',
    };
  }
  const { reason } = response.value.euiccCancelSessionSigned.value;
  const name = nameOf(CancelSessionReason, reason);
  const advice = adviceOn[reason];
  return {
    success: false,
    outcome: [{ cancelSessionResult: 'ok', cancelSessionReason: name }],
    reason: `the device cancelled the download: ${name}${advice === undefined ? '' : `; ${advice}`}`,
  };
}

function refuse(code: number): Uint8Array {
  return CancelSessionResponseEsipa.encode({ type: 'cancelSessionError', value: code });
}
