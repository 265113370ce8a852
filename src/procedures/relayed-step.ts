/** A step of a relayed session, from AuthenticateClient on: found, taken alone and once, and answered the same again. */
import type { Change } from '../store/store.ts';
import { secretOf, type UnderWay, underWay } from './download-order.ts';
import type { Caller, Eim } from './eim.ts';
import { CompactFormError } from './full-forms.ts';
import { type Failing, failCompact } from './profile-download-errors.ts';
import {
  answerOf,
  eventOf,
  inSession,
  keepAnswer,
  sessionOf,
  type Transaction,
  transactionOf,
} from './transactions.ts';

/** A step of a session that is under way. */
export interface Step {
  readonly transaction: Transaction;
  /** What the order asks for. */
  readonly underWay: UnderWay;
  /** What the SM-DP+ is to be asked: never a compact form. */
  readonly full: Uint8Array;
  readonly failing: Failing;
  /** The changes that keep the step's answer. */
  keep(answer: Uint8Array): readonly Change[];
  /** The answer of an error code. */
  refuse(code: number): Uint8Array;
}

export interface Relayed {
  readonly called: 'authenticateClient' | 'getBoundProfilePackage';
  readonly asked: Uint8Array;
  /** The codes for a session that nobody knows, and for what has no code. */
  readonly unknown: number;
  readonly undefined: number;
  /** What the IPA sent, in its full form. Throws CompactFormError. */
  full(transaction: Transaction, asked: Uint8Array, underWay: UnderWay): Promise<Uint8Array>;
  refuse(code: number): Uint8Array;
  ask(step: Step): Promise<Uint8Array>;
  /** The answer that was kept, as it is to leave once more; absent: as it was kept. */
  again?(transaction: Transaction, kept: Uint8Array, underWay: UnderWay): Promise<Uint8Array>;
}

/**
 * Takes a step of a session: alone, once, and only while its order is in work. Asked the same again, it answers the
 * same.
 */
export async function relay(
  eim: Eim,
  caller: Caller,
  transactionId: Uint8Array,
  relayed: Relayed,
): Promise<Uint8Array> {
  const { called, asked, refuse } = relayed;
  if ((await sessionOf(eim, caller, transactionId)) === undefined) return refuse(relayed.unknown);
  return inSession(eim, transactionId, async () => {
    const transaction = await transactionOf(eim, transactionId);
    if (transaction === undefined) return refuse(relayed.unknown);
    const { orderId, smdpAddress: address } = transaction;
    const found = underWay(await eim.orders.get(orderId));
    const before = await answerOf(eim, transaction, called, asked);
    if (before !== undefined) {
      return (found && relayed.again?.(transaction, before, found)) ?? before;
    }
    if (found === undefined) {
      // Cancelled, or ended: the device is to cancel the session.
      eim.log.info('a download goes on whose order has ended', { order: orderId, called });
      return refuse(relayed.undefined);
    }
    const secret = secretOf(found.download) || ((await eventOf(eim, orderId))?.eventId ?? '');
    const failing: Failing = {
      eim,
      orderId,
      called,
      address,
      ...(transaction.isSmds === true ? { server: 'SM-DS' } : {}),
      secret,
    };
    const keep = (answer: Uint8Array) => [keepAnswer(transaction, called, asked, answer)];
    let full: Uint8Array;
    try {
      full = await relayed.full(transaction, asked, found);
    } catch (error) {
      if (!(error instanceof CompactFormError)) throw error;
      const answer = refuse(relayed.undefined);
      await failCompact(failing, transaction.eid, error, keep(answer));
      return answer;
    }
    return relayed.ask({ transaction, underWay: found, full, failing, keep, refuse });
  });
}
