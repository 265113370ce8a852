/**
 * The notifications that are kept, as the store has them.
 *
 * ```
 *   notification!<eid>/<seqNumber>/<address>        one that its SM-DP+ does not have yet
 *   notification!<eid>/<seqNumber>/<address>/<n>    another that the eUICC gave the same number, from 2 on
 * ```
 */
import { equal } from '../base/bytes.ts';
import type { Eid } from '../messages/ids.ts';
import { readAll, readOnly } from '../messages/tlv.ts';
import { type Change, put, remove, table } from '../store/store.ts';
import type { Eim } from './eim.ts';

export interface KeptNotification {
  readonly eid: Eid;
  /** The eUICC's own. */
  readonly seqNumber: number;
  /** The server that it is taken to: host, with a port where one was given. */
  readonly address: string;
  /** notificationAddress, as the eUICC has it. */
  readonly announcedAddress: string;
  /** As ES9+ wants it: `BF37…` or `30…`. */
  readonly pendingNotification: Uint8Array;
}

export interface NotificationRow extends KeptNotification {
  /** Milliseconds since 1970. */
  readonly received: number;
  /** How often it was taken to its SM-DP+; absent: never. */
  readonly tries?: number;
  readonly lastTry?: number;
  /** What came of the last try. */
  readonly reason?: string;
  /** No sooner than then: it is this notification that the SM-DP+ stumbles over. */
  readonly notBefore?: number;
  /** The SM-DP+ has read it and will not have it: it waits for the operator, and holds up no others. */
  readonly refused?: true;
}

export const notifications = table<NotificationRow>('notification');

/** Rows read at a time. */
const page = 256;

export function keyOf({
  eid,
  seqNumber,
  address,
}: {
  readonly eid: string;
  readonly seqNumber: number;
  readonly address: string;
}): string {
  return `${eid}/${String(seqNumber).padStart(16, '0')}/${address}`;
}

/** The free place for a notification; undefined where it is kept already, whatever the eUICC signed it with now. */
export async function placeFor(
  eim: Eim,
  notification: KeptNotification,
): Promise<string | undefined> {
  const first = keyOf(notification);
  for (let key = first, n = 2; ; key = `${first}/${n++}`) {
    const there = await eim.store.get(notifications, key);
    if (there === undefined) return key;
    if (equal(signedPart(there), signedPart(notification))) return undefined;
  }
}

/** What the eUICC signs: `BF27…` of `BF37…`, `BF2F…` of `30…`. */
function signedPart({ pendingNotification }: KeptNotification): Uint8Array {
  return readAll(readOnly(pendingNotification).value)[0]?.raw ?? pendingNotification;
}

/** Every row, in the order of EIDs and of their sequence numbers; those of one EID alone. */
export async function* allRows(
  eim: Eim,
  options: { readonly eid?: Eid; readonly after?: string } = {},
): AsyncGenerator<readonly [key: string, row: NotificationRow]> {
  const prefix = options.eid === undefined ? {} : { prefix: `${options.eid}/` };
  let { after } = options;
  for (;;) {
    const start = after === undefined ? {} : { after };
    const rows = await eim.store.list(notifications, { ...prefix, ...start, limit: page });
    yield* rows;
    after = rows.at(-1)?.[0];
    if (rows.length < page) return;
  }
}

/** Changes a row, or with undefined takes it out, unless it has gone meanwhile; gives what it was. */
export function settleRow(
  eim: Eim,
  key: string,
  after: (row: NotificationRow) => NotificationRow | undefined,
): Promise<NotificationRow | undefined> {
  return eim.serial.run(`notification ${key}`, async () => {
    const row = await eim.store.get(notifications, key);
    if (row === undefined) return undefined;
    const next = after(row);
    const change: Change =
      next === undefined ? remove(notifications, key) : put(notifications, key, next);
    await eim.store.commit([change]);
    return row;
  });
}
