/**
 * Orders as rows, with the indexes that find them. An index changes in the same commit as its order.
 *
 * ```
 *   order!<number>                      the order; numbers grow with arrival
 *   order-id!<id>                       its number
 *   order-of-euicc!<eid>/<number>       true: orders of an EID
 *   order-queue!<eid>/<number>          true: those not done, without facility euicc; the first is in work or next
 *   order-package!<eimTransactionId>    the number of the order that this eIM package left for
 *   order-since!<at>/<changed>/<number> true: orders by state and age (of the stage whose turn it is), for the deadlines
 *   order-due!<time>/<number>           true: orders whose stage has a deadline of its own
 *   order-push!<eid>/<number>           true: orders whose push is due (push-due.ts)
 * ```
 */
import { toHex } from '../base/bytes.ts';
import type { Eid } from '../messages/ids.ts';
import { type Change, put, remove, table } from '../store/store.ts';
import { dropCodes, dropCodesOfStages } from './confirmation-codes.ts';
import type { Order } from './order.ts';
import { isPushDue, pushes } from './push-due.ts';
import { ageOf, dispatchesOf, dueOf } from './whole.ts';

export const orders = table<Order>('order');
export const numbers = table<string>('order-id');
export const ofEuicc = table<true>('order-of-euicc');
export const queue = table<true>('order-queue');
export const packages = table<string>('order-package');
export const since = table<true>('order-since');
export const due = table<true>('order-due');

/** Digits enough for every order and for milliseconds until the year 33658. */
const digits = 15;

export function numberText(number: number): string {
  return String(number).padStart(digits, '0');
}

export function euiccKey(eid: Eid, number: string): string {
  return `${eid}/${number}`;
}

/** The number in a key of `ofEuicc` or `queue`. */
export function numberOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}

function sinceKey(order: Order, number: string): string {
  const { at, changed } = ageOf(order);
  return `${at}/${String(changed).padStart(digits, '0')}/${number}`;
}

function dueKey(order: Order, number: string): string | undefined {
  const time = dueOf(order);
  return time === undefined ? undefined : `${String(time).padStart(digits, '0')}/${number}`;
}

/** What a key of `due` says; the time in milliseconds since 1970. */
export function readDueKey(key: string): { time: number; number: string } {
  const [time, number = ''] = key.split('/');
  return { time: Number(time), number };
}

/** What a key of `since` says. */
export function readSinceKey(key: string): { changed: number; number: string } {
  const [, changed, number = ''] = key.split('/');
  return { changed: Number(changed), number };
}

export function packageKey(eimTransactionId: Uint8Array): string {
  return toHex(eimTransactionId);
}

export function additions(number: string, order: Order): Change[] {
  const changes: Change[] = [
    put(orders, number, order),
    put(numbers, order.id, number),
    put(ofEuicc, euiccKey(order.eid, number), true),
    put(since, sinceKey(order, number), true),
  ];
  if (order.facility !== 'euicc') {
    changes.push(put(queue, euiccKey(order.eid, number), true));
    if (isPushDue(order)) changes.push(put(pushes, euiccKey(order.eid, number), true));
  }
  return changes;
}

/** What a step from `before` to `after` changes. */
export function changes(number: string, before: Order, after: Order): Change[] {
  const list: Change[] = [put(orders, number, after)];
  const [old, fresh] = [sinceKey(before, number), sinceKey(after, number)];
  if (old !== fresh) list.push(remove(since, old), put(since, fresh, true));
  if (after.state.at === 'done') {
    list.push(remove(queue, euiccKey(after.eid, number)), ...dropCodes(after));
  } else {
    list.push(...dropCodesOfStages(before, after));
  }
  const [formerDue, freshDue] = [dueKey(before, number), dueKey(after, number)];
  if (formerDue !== freshDue) {
    if (formerDue !== undefined) list.push(remove(due, formerDue));
    if (freshDue !== undefined) list.push(put(due, freshDue, true));
  }
  if (isPushDue(before) !== isPushDue(after)) {
    const key = euiccKey(after.eid, number);
    list.push(isPushDue(after) ? put(pushes, key, true) : remove(pushes, key));
  }
  // Kept until the order is deleted: a result may come twice, or late.
  const [former, left] = [packageKeys(before), packageKeys(after)];
  for (const key of former) if (!left.has(key)) list.push(remove(packages, key));
  for (const key of left) if (!former.has(key)) list.push(put(packages, key, number));
  return list;
}

export function removals(number: string, order: Order): Change[] {
  const key = euiccKey(order.eid, number);
  const list: Change[] = [
    remove(orders, number),
    remove(numbers, order.id),
    remove(ofEuicc, key),
    remove(queue, key),
    remove(pushes, key),
    remove(since, sinceKey(order, number)),
    ...dropCodes(order),
  ];
  const time = dueKey(order, number);
  if (time !== undefined) list.push(remove(due, time));
  for (const left of packageKeys(order)) list.push(remove(packages, left));
  return list;
}

/** The keys of what left for the device. */
function packageKeys(order: Order): ReadonlySet<string> {
  return new Set(dispatchesOf(order).map(({ eimTransactionId }) => packageKey(eimTransactionId)));
}
