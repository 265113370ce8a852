/**
 * Relayed RSP sessions, found by their transactionId and never by the connection: a device may go on from another
 * address, in another connection, or after a restart of the eIM. What a session was answered is kept with it: a device
 * that did not hear the answer asks again, and the SM-DP+, for which each step comes once, is not asked twice.
 *
 * ```
 *   transaction!<transactionId>                        the session
 *   transaction-since!<started>/<id>                   true: sessions by age
 *   transaction-answer!<started>/<id>/<function>       what a function of it was asked and answered
 *   transactions-of-order!<order>                      how many an order had, and which of them are kept
 * ```
 */
import { createHash } from 'node:crypto';
import { equal, toHex } from '../base/bytes.ts';
import type { Eid } from '../messages/ids.ts';
import { type Change, put, remove, table } from '../store/store.ts';
import { type Caller, callerText, type Eim, maySpeakFor } from './eim.ts';

/** One relayed RSP session (SGP.22 3.1.2, SGP.32 3.2.2). */
export interface Transaction {
  /** Made by the SM-DP+, 1 to 16 octets. */
  readonly transactionId: Uint8Array;
  readonly orderId: string;
  readonly eid: Eid;
  /** The SM-DP+ as in the activation code: host, with a port where one was given. */
  readonly smdpAddress: string;
  /** The server is an SM-DS: the session ends with AuthenticateClient. */
  readonly isSmds?: true;
  /** ICCID of the profile that the SM-DP+ announced, as in EF.ICCID. */
  readonly iccid?: string;
  /** What the SM-DP+ said in it, of which compact forms leave out most (full-forms.ts). */
  readonly said?: SmdpWords;
  /** Milliseconds since 1970. */
  readonly started: number;
  /** When its installation result was taken; milliseconds since 1970. */
  readonly ended?: number;
}

/** DER as it was received; OIDs in dotted form. */
export interface SmdpWords {
  readonly serverSigned1: Uint8Array;
  /** Address and OID that its CERT.DPauth and serverSigned1 have. */
  readonly serverAddress: string;
  readonly smdpOid?: string;
  /** What the eIM gave the device in its place: `A0…`. */
  readonly ctxParams1?: Uint8Array;
  readonly smdpSigned2?: Uint8Array;
  /** 64 octets. */
  readonly smdpSignature2?: Uint8Array;
  /** The OID in its CERT.DPpb. */
  readonly bindingOid?: string;
  /** Whom the profile's metadata has told of its installation. */
  readonly notificationAddresses?: readonly string[];
  /** Of the metadata that the eIM verified for the IPA (metadataHash). */
  readonly metadataHash?: Uint8Array;
}

interface Answer {
  /** SHA-256 of what was relayed. */
  readonly asked: Uint8Array;
  /** The ESipa message that answered it. */
  readonly answered: Uint8Array;
}

/** The sessions of one order: a device may begin its download anew, but not without end. */
interface OrderTransactions {
  readonly begun: number;
  /** Those that are kept, oldest first. */
  readonly kept: readonly Pick<Transaction, 'transactionId' | 'started'>[];
  /** Where an SM-DS sent the device to. */
  readonly event?: FoundEvent;
}

/** An event that an SM-DS told of (SGP.22 3.6.1). */
export interface FoundEvent {
  /** The SM-DP+, or another SM-DS: host, or host:port. */
  readonly address: string;
  /** The matchingId there. */
  readonly eventId: string;
  /** How many SM-DSs have sent the device on, this one included. */
  readonly hops: number;
}

const transactions = table<Transaction>('transaction');
const ofOrder = table<OrderTransactions>('transactions-of-order');
const since = table<true>('transaction-since');
const answers = table<Answer>('transaction-answer');

const hour = 3600 * 1000;
/** Milliseconds that a session is kept after it began: an installation result may come home weeks later. */
const lifetime = 90 * 24 * hour;
/** Milliseconds that answers are kept after their session began: profiles are large, and a device asks again soon. */
const answerLifetime = 48 * hour;

/** Sessions of one order that are kept: the result of an earlier one may still come home. */
const keptOfOrder = 8;
/** How often a device may begin one download: after that its order is stuck. */
export const mostOfOrder = 64;

/** Rows read at a time. */
const page = 256;

export function keepTransaction(transaction: Transaction): readonly Change[] {
  const id = toHex(transaction.transactionId);
  return [put(transactions, id, transaction), put(since, sinceKey(transaction.started, id), true)];
}

/**
 * The changes that begin a session of an order; the oldest of many makes way. Undefined where the order had its share.
 * To be called and committed alone among all that concerns the order.
 */
export async function beginTransaction(
  eim: Eim,
  transaction: Transaction,
): Promise<readonly Change[] | undefined> {
  const { transactionId, orderId, started } = transaction;
  const row = (await eim.store.get(ofOrder, orderId)) ?? { begun: 0, kept: [] };
  const { begun, kept } = row;
  if (begun >= mostOfOrder) return undefined;
  const others = kept.filter((one) => !equal(one.transactionId, transactionId));
  const gone = others.slice(0, Math.max(0, others.length + 1 - keptOfOrder));
  return [
    ...gone.flatMap((one) => {
      const id = toHex(one.transactionId);
      return [remove(transactions, id), remove(since, sinceKey(one.started, id))];
    }),
    ...keepTransaction(transaction),
    put(ofOrder, orderId, {
      ...row,
      begun: begun + 1,
      kept: [...others.slice(gone.length), { transactionId, started }],
    }),
  ];
}

/** Whether a relayed session has begun for this order. */
export async function hasSession(eim: Eim, orderId: string): Promise<boolean> {
  return ((await eim.store.get(ofOrder, orderId))?.begun ?? 0) > 0;
}

/** Where an SM-DS sent the device of this order to; undefined where none did. */
export async function eventOf(eim: Eim, orderId: string): Promise<FoundEvent | undefined> {
  return (await eim.store.get(ofOrder, orderId))?.event;
}

/** The change that keeps where an SM-DS sent the device to. To be committed alone among all that concerns the order. */
export async function keepEvent(eim: Eim, orderId: string, event: FoundEvent): Promise<Change> {
  const row = (await eim.store.get(ofOrder, orderId)) ?? { begun: 0, kept: [] };
  return put(ofOrder, orderId, { ...row, event });
}

export function transactionOf(
  eim: Eim,
  transactionId: Uint8Array,
): Promise<Transaction | undefined> {
  return eim.store.get(transactions, toHex(transactionId));
}

/** The session, where there is one and the caller may speak for its EID. */
export async function sessionOf(
  eim: Eim,
  caller: Caller,
  transactionId: Uint8Array,
): Promise<Transaction | undefined> {
  const transaction = await transactionOf(eim, transactionId);
  if (transaction !== undefined && maySpeakFor(eim, caller, transaction.eid)) return transaction;
  eim.log.warn('a session that is not known', {
    transactionId: toHex(transactionId),
    by: callerText(caller),
  });
  return undefined;
}

/** Runs `work` alone among all that concerns the session. */
export function inSession<T>(
  eim: Eim,
  transactionId: Uint8Array,
  work: () => Promise<T>,
): Promise<T> {
  return eim.serial.run(`transaction ${toHex(transactionId)}`, work);
}

/** What this function of the session was answered to these very octets; undefined where it was not, or long ago. */
export async function answerOf(
  eim: Eim,
  transaction: Transaction,
  name: Kept,
  asked: Uint8Array,
): Promise<Uint8Array | undefined> {
  // What is swept now and then is not to count for longer.
  if (eim.clock.now() - transaction.started > answerLifetime) return undefined;
  const kept = await eim.store.get(answers, answerKey(transaction, name));
  return kept !== undefined && equal(kept.asked, sha256(asked)) ? kept.answered : undefined;
}

/**
 * What the very message that began an order's latest session was answered; undefined where another began it, or the
 * session has gone on since.
 */
export async function beginningOf(
  eim: Eim,
  orderId: string,
  asked: Uint8Array,
): Promise<Uint8Array | undefined> {
  const latest = (await eim.store.get(ofOrder, orderId))?.kept.at(-1);
  const transaction = latest && (await transactionOf(eim, latest.transactionId));
  if (transaction?.orderId !== orderId) return undefined;
  return answerOf(eim, transaction, 'initiateAuthentication', asked);
}

/** The functions whose answers are kept. */
type Kept =
  | 'initiateAuthentication'
  | 'authenticateClient'
  | 'getBoundProfilePackage'
  | 'cancelSession';

/** The change that keeps an answer, for a device that asks again. */
export function keepAnswer(
  transaction: Transaction,
  name: Kept,
  asked: Uint8Array,
  answered: Uint8Array,
): Change {
  return put(answers, answerKey(transaction, name), { asked: sha256(asked), answered });
}

/** The change that drops an answer: the same question is a new one from now on. */
export function dropAnswer(transaction: Transaction, name: Kept): Change {
  return remove(answers, answerKey(transaction, name));
}

/** The changes that end a session: it stays known, for its result may come again; its answers go. */
export async function endTransaction(
  eim: Eim,
  transaction: Transaction,
): Promise<readonly Change[]> {
  const prefix = answerKey(transaction, '');
  const kept = await eim.store.list(answers, { prefix, limit: page });
  return [
    ...keepTransaction({ ...transaction, ended: eim.clock.now() }),
    ...kept.map(([key]) => remove(answers, key)),
  ];
}

/** Forgets sessions that began longer ago than any result can take, and answers that nobody asks for again. */
export async function sweepTransactions(eim: Eim): Promise<void> {
  const now = eim.clock.now();
  await sweepTable(eim, answers, now - answerLifetime, async (key) => [remove(answers, key)]);
  await sweepTable(eim, since, now - lifetime, async (key) => {
    const id = key.slice(key.indexOf('/') + 1);
    const row = await eim.store.get(transactions, id);
    // An SM-DP+ may give the same transactionId to a later session: that one stays.
    const isIt = row !== undefined && sinceKey(row.started, id) === key;
    return [
      remove(since, key),
      ...(isIt ? [remove(transactions, id), remove(ofOrder, row.orderId)] : []),
    ];
  });
}

/** Removes the rows of a table, ordered by time, that stand before `before`, a page at a time. */
async function sweepTable(
  eim: Eim,
  swept: typeof since | typeof answers,
  before: number,
  removals: (key: string) => Promise<readonly Change[]>,
): Promise<void> {
  const end = sinceKey(before, '');
  for (;;) {
    const oldest = await eim.store.list<unknown>(swept, { limit: page });
    const due = oldest.map(([key]) => key).filter((key) => key < end);
    if (due.length === 0) return;
    const changes = await Promise.all(due.map(removals));
    await eim.store.commit(changes.flat());
  }
}

function sinceKey(started: number, id: string): string {
  return `${String(started).padStart(15, '0')}/${id}`;
}

function answerKey({ started, transactionId }: Transaction, name: Kept | ''): string {
  return `${sinceKey(started, toHex(transactionId))}/${name}`;
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}
