/**
 * Notifications on their way to their SM-DP+: kept until it has them, tried again and again, for each eUICC and SM-DP+
 * in the order of their sequence numbers (SGP.22 3.5: a later one waits for the earlier).
 *
 * ```
 *   delivered                              gone
 *   refused by the SM-DP+                  kept for the operator; the next goes on
 *   SM-DP+ not to be reached, or busy      the SM-DP+ is left alone for a while (smdp-waits.ts), whosever it is
 *   SM-DP+ stumbles over this one          this eUICC's wait for a while, others go on
 *   older than its lifetime                gone, with a warning
 * ```
 */
import { Es9Error, Es9TransportError } from '../es9/errors.ts';
import type { Eid } from '../messages/ids.ts';
import { type Change, put, remove } from '../store/store.ts';
import type { Eim } from './eim.ts';
import {
  allRows,
  type KeptNotification,
  type NotificationRow,
  notifications,
  placeFor,
  settleRow,
} from './notification-rows.ts';
import { backOff, isAhead, noteDown, noteUp, sweepWaits, waitOf } from './smdp-waits.ts';

/** Most notifications of one EID that are kept: several times what a card keeps. */
const ceiling = 256;
/** SM-DP+s that are asked at a time in one round. */
const abreast = 16;

/** A notification that cannot be kept now: the device keeps it, and sends it again later. */
export class NotKeptError extends Error {
  override readonly name = 'NotKeptError';
}

/**
 * The changes that keep a notification, and what to call once they are committed: the delivery, which nobody waits
 * for. A notification that is kept already stays as it is: a device that repeats it has it delivered no sooner and no
 * more often. Throws NotKeptError where too many of this EID wait.
 */
export async function keepNotification(
  eim: Eim,
  notification: KeptNotification,
): Promise<{ readonly changes: readonly Change[]; deliver(): void }> {
  const { eid, address } = notification;
  const key = await placeFor(eim, notification);
  if (key === undefined) return { changes: [], deliver: () => {} };
  const kept = await eim.store.list(notifications, { prefix: `${eid}/`, limit: ceiling });
  const room: Change[] = [];
  if (kept.length >= ceiling) {
    // What an SM-DP+ has read and refused is the first to go.
    const [oldest] = kept.find(([, { refused }]) => refused === true) ?? [];
    if (oldest === undefined) {
      throw new NotKeptError(`${kept.length} notifications of eUICC ${eid} wait for their SM-DP+`);
    }
    room.push(remove(notifications, oldest));
  }
  const row: NotificationRow = { ...notification, received: eim.clock.now() };
  return {
    changes: [...room, put(notifications, key, row)],
    deliver: () => {
      deliverLane(eim, eid, address).catch((error: unknown) => {
        eim.log.error('delivery of notifications failed', { why: String(error) });
      });
    },
  };
}

/**
 * Takes every kept notification whose time has come to its SM-DP+; those that it does not take stay for a later round.
 * Several SM-DP+s are asked at a time, so that those that do not answer do not hold up the others.
 */
export async function deliverNotifications(eim: Eim): Promise<void> {
  const { lanes, old } = await waiting(eim);
  const entries = lanes.entries();
  const worker = async (): Promise<void> => {
    for (const [address, eids] of entries) {
      // Those not tried for longest go first, so that none alone brings the SM-DP+ down for all.
      const inTurn = [...eids].sort(([, one], [, other]) => one - other);
      for (const [eid] of inTurn) if ((await deliverLane(eim, eid, address)) === 'down') break;
    }
  };
  await Promise.all(Array.from({ length: abreast }, worker));
  for (const key of old) await giveUp(eim, key);
  await sweepWaits(eim, new Set(lanes.keys()));
}

/**
 * The eUICCs that have notifications for each SM-DP+, by its address, with the last try of their first; and the keys of
 * what is too old.
 */
async function waiting(eim: Eim) {
  const lanes = new Map<string, Map<Eid, number>>();
  const old: string[] = [];
  const oldest = eim.clock.now() - eim.settings.notifications.lifetime;
  for await (const [key, row] of allRows(eim)) {
    const { eid, address, received, refused, lastTry = 0 } = row;
    if (received < oldest) old.push(key);
    if (refused === true) continue;
    const lane = lanes.get(address) ?? new Map<Eid, number>();
    if (!lane.has(eid)) lanes.set(address, lane.set(eid, lastTry));
  }
  return { lanes, old };
}

/**
 * Takes one eUICC's notifications to one SM-DP+, in order: until none is left, one has to wait, or the SM-DP+ is not to
 * be reached.
 */
export function deliverLane(
  eim: Eim,
  eid: Eid,
  address: string,
): Promise<'done' | 'waits' | 'down'> {
  return eim.serial.run(`notifications ${eid} ${address}`, async () => {
    const rows = await eim.store.list(notifications, { prefix: `${eid}/` });
    for (const [key, row] of rows) {
      if (row.address !== address || row.refused === true) continue;
      if ((await waitOf(eim, address)) !== undefined) return 'down';
      if (isAhead(eim, row.notBefore ?? 0)) return 'waits';
      const end = await deliver(eim, key, row);
      if (end !== 'done') return end;
    }
    return 'done';
  });
}

/** Hands one over. A refusal is an answer: the SM-DP+ has read the notification, and will say the same again. */
async function deliver(
  eim: Eim,
  key: string,
  { eid, seqNumber: seq, address, pendingNotification }: NotificationRow,
): Promise<'done' | 'waits' | 'down'> {
  const told = { eid, seq, smdp: address };
  const now = eim.clock.now();
  const tried = (row: NotificationRow, reason: string): NotificationRow => {
    const { notBefore: _, ...rest } = row;
    return { ...rest, tries: (row.tries ?? 0) + 1, lastTry: now, reason };
  };
  try {
    await eim.es9.handleNotification(address, pendingNotification);
  } catch (error) {
    if (error instanceof Es9Error) {
      const { subjectCode, reasonCode, message } = error;
      const reason = `the SM-DP+ refuses it: ${subjectCode}/${reasonCode} ${message}`;
      await settleRow(eim, key, (row) => ({ ...tried(row, reason), refused: true }));
      await noteUp(eim, address);
      eim.log.warn('notification refused', { ...told, why: reason });
      return 'done';
    }
    if (!(error instanceof Es9TransportError)) throw error;
    const { message, retryAfter } = error;
    const down = isDown(error);
    if (down) await noteDown(eim, address, retryAfter);
    await settleRow(eim, key, (row) => {
      const next = tried(row, message);
      if (down) return next;
      return { ...next, notBefore: now + backOff(eim, next.tries ?? 1, retryAfter) };
    });
    eim.log.warn('notification not delivered, to be tried again', { ...told, why: message });
    return down ? 'down' : 'waits';
  }
  await settleRow(eim, key, () => undefined);
  await noteUp(eim, address);
  eim.log.info('notification delivered', told);
  return 'done';
}

/**
 * Whether a failure tells of the SM-DP+ as a whole: any other notification would fare the same. Else it may be what this
 * one holds that it stumbles over.
 */
function isDown({ kind, status = 0 }: Es9TransportError): boolean {
  if (kind === 'status') return status === 429 || (status >= 502 && status <= 504);
  return kind === 'unreachable' || kind === 'timeout' || kind === 'tls';
}

/** Takes out what no SM-DP+ took in its lifetime, unless it went meanwhile. */
async function giveUp(eim: Eim, key: string): Promise<void> {
  const row = await settleRow(eim, key, () => undefined);
  if (row === undefined) return;
  const { eid, seqNumber: seq, address: smdp, reason: why = 'never tried' } = row;
  eim.log.warn('notification given up: too old', { eid, seq, smdp, why });
}
