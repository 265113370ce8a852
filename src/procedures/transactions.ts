/**
 * Relayed RSP sessions, found by their transactionId and never by the connection: a device may go on from another
 * address, in another connection, or after a restart of the eIM.
 *
 * ```
 *   transaction!<transactionId>       the session
 *   transaction-since!<started>/<id>  true: sessions by age
 * ```
 */
import { toHex } from '../base/bytes.ts';
import type { Eid } from '../messages/ids.ts';
import { type Change, put, remove, table } from '../store/store.ts';
import type { Eim } from './eim.ts';

/** One relayed RSP session (SGP.22 3.1.2, SGP.32 3.2.2). */
export interface Transaction {
  /** Made by the SM-DP+, 1 to 16 octets. */
  readonly transactionId: Uint8Array;
  readonly orderId: string;
  readonly eid: Eid;
  /** The SM-DP+ as in the activation code: host, with a port where one was given. */
  readonly smdpAddress: string;
  /** ICCID of the profile that the SM-DP+ announced, as in EF.ICCID. */
  readonly iccid?: string;
  /** Milliseconds since 1970. */
  readonly started: number;
}

const transactions = table<Transaction>('transaction');
const since = table<true>('transaction-since');

/** Milliseconds that a session is kept after it began: an installation result may come home weeks later. */
const lifetime = 90 * 24 * 3600 * 1000;

/** Sessions looked at in one sweep. */
const page = 256;

export function keepTransaction(transaction: Transaction): readonly Change[] {
  const id = toHex(transaction.transactionId);
  return [put(transactions, id, transaction), put(since, sinceKey(transaction.started, id), true)];
}

export function transactionOf(
  eim: Eim,
  transactionId: Uint8Array,
): Promise<Transaction | undefined> {
  return eim.store.get(transactions, toHex(transactionId));
}

/** Forgets sessions that began longer ago than any answer can take. */
export async function sweepTransactions(eim: Eim): Promise<void> {
  const before = sinceKey(eim.clock.now() - lifetime, '');
  const oldest = await eim.store.list(since, { limit: page });
  const due = oldest.map(([key]) => key).filter((key) => key < before);
  await eim.store.commit(
    due.flatMap((key) => [remove(since, key), remove(transactions, key.split('/')[1] ?? '')]),
  );
}

function sinceKey(started: number, id: string): string {
  return `${String(started).padStart(15, '0')}/${id}`;
}
