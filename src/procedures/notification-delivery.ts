/**
 * Notifications on their way to their SM-DP+: kept until it has them, tried again and again, for each eUICC and SM-DP+
 * in the order of their sequence numbers (SGP.22 3.5: a later one waits for the earlier).
 *
 * ```
 *   notification!<eid>/<seqNumber>/<address>   one that is still to be delivered
 * ```
 */
import { Es9Error, Es9TransportError } from '../es9/errors.ts';
import type { Eid } from '../messages/ids.ts';
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

interface Row extends KeptNotification {
  /** Milliseconds since 1970. */
  readonly received: number;
}

const notifications = table<Row>('notification');

/** Milliseconds that a notification waits for an SM-DP+ that is not to be reached. */
const lifetime = 90 * 24 * 3600 * 1000;
/** Most notifications of one EID that wait: several times what a card keeps. */
const ceiling = 256;
/** SM-DP+s that are asked at a time in one round. */
const abreast = 16;
/** Rows read at a time. */
const page = 256;

/** A notification that cannot be kept now: the device keeps it, and sends it again later. */
export class NotKeptError extends Error {
  override readonly name = 'NotKeptError';
}

/**
 * The changes that keep a notification, and what to call once they are committed: the delivery, which nobody waits
 * for. A notification that waits already waits on: a device that repeats it has it delivered no sooner and no more
 * often. Throws NotKeptError where too many of this EID wait.
 */
export async function keepNotification(
  eim: Eim,
  notification: KeptNotification,
): Promise<{ readonly changes: readonly Change[]; deliver(): void }> {
  const { eid, address } = notification;
  const key = keyOf(notification);
  const before = await eim.store.get(notifications, key);
  if (before !== undefined) {
    const row: Row = { ...notification, received: before.received };
    return { changes: [put(notifications, key, row)], deliver: () => {} };
  }
  const waiting = await eim.store.list(notifications, { prefix: `${eid}/`, limit: ceiling });
  if (waiting.length >= ceiling) {
    throw new NotKeptError(`${waiting.length} notifications of eUICC ${eid} wait for their SM-DP+`);
  }
  const row: Row = { ...notification, received: eim.clock.now() };
  return {
    changes: [put(notifications, key, row)],
    deliver: () => {
      deliverLane(eim, eid, address).catch((error: unknown) => {
        eim.log.error('delivery of notifications failed', { why: String(error) });
      });
    },
  };
}

/**
 * Takes every kept notification to its SM-DP+; those that it does not take stay for the next round. Several SM-DP+s are
 * asked at a time, so that those that do not answer do not hold up the others.
 */
export async function deliverNotifications(eim: Eim): Promise<void> {
  const lanes = (await waitingLanes(eim)).entries();
  const worker = async (): Promise<void> => {
    for (const [address, eids] of lanes) {
      for (const eid of eids) if (!(await deliverLane(eim, eid, address))) break;
    }
  };
  await Promise.all(Array.from({ length: abreast }, worker));
}

/** The eUICCs that have notifications for each SM-DP+, by its address. */
async function waitingLanes(eim: Eim): Promise<ReadonlyMap<string, ReadonlySet<Eid>>> {
  const lanes = new Map<string, Set<Eid>>();
  let after: string | undefined;
  for (;;) {
    const rows = await eim.store.list(notifications, {
      limit: page,
      ...(after === undefined ? {} : { after }),
    });
    for (const [, { eid, address }] of rows) {
      lanes.set(address, (lanes.get(address) ?? new Set()).add(eid));
    }
    after = rows.at(-1)?.[0];
    if (rows.length < page) return lanes;
  }
}

/** Takes one eUICC's notifications to one SM-DP+, in order; false where that is not to be reached. */
function deliverLane(eim: Eim, eid: Eid, address: string): Promise<boolean> {
  return eim.serial.run(`notifications ${eid} ${address}`, async () => {
    const rows = await eim.store.list(notifications, { prefix: `${eid}/` });
    for (const [key, row] of rows.filter(([, one]) => one.address === address)) {
      const end = await deliver(eim, row);
      if (end === 'later') return false;
      await eim.store.commit([remove(notifications, key)]);
      const told = { eid, seq: row.seqNumber, smdp: address };
      if (end === 'delivered') eim.log.info('notification delivered', told);
      else eim.log.warn('notification given up', { ...told, why: end.why });
    }
    return true;
  });
}

/** Hands one over. A refusal is an answer: the SM-DP+ has read the notification, and will say the same again. */
async function deliver(eim: Eim, row: Row): Promise<'delivered' | 'later' | { why: string }> {
  try {
    await eim.es9.handleNotification(row.address, row.pendingNotification);
    return 'delivered';
  } catch (error) {
    if (error instanceof Es9Error) {
      return {
        why: `the SM-DP+ refuses it: ${error.subjectCode}/${error.reasonCode} ${error.message}`,
      };
    }
    if (!(error instanceof Es9TransportError)) throw error;
    if (eim.clock.now() - row.received > lifetime) return { why: `too old: ${error.message}` };
    eim.log.warn('notification not delivered, to be tried again', {
      eid: row.eid,
      seq: row.seqNumber,
      smdp: row.address,
      why: error.message,
    });
    return 'later';
  }
}

function keyOf({ eid, seqNumber, address }: KeptNotification): string {
  return `${eid}/${String(seqNumber).padStart(16, '0')}/${address}`;
}
