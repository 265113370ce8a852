/**
 * Notifications on their way to their SM-DP+: kept until it has taken them, tried again and again, for each SM-DP+ in
 * the order of their sequence numbers (SGP.22 3.5: a later one waits for the earlier).
 *
 * ```
 *   notification!<eid>/<seqNumber>/<address>   one that is still to be delivered
 * ```
 */
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
  readonly received: number;
}

const notifications = table<Row>('notification');

/** Notifications looked at in one round. */
const page = 256;

/**
 * The changes that keep a notification, and what to call once they are committed: the delivery, which nobody waits
 * for. A notification that is kept already is kept once.
 */
export function keepNotification(
  eim: Eim,
  notification: KeptNotification,
): { readonly changes: readonly Change[]; deliver(): void } {
  const row: Row = { ...notification, received: eim.clock.now() };
  return {
    changes: [put(notifications, keyOf(row), row)],
    deliver: () => {
      deliverNotifications(eim).catch((error) => {
        eim.log.error('delivery of notifications failed', { why: String(error) });
      });
    },
  };
}

/** Takes every kept notification to its SM-DP+; those that it does not take stay for the next round. */
export function deliverNotifications(eim: Eim): Promise<void> {
  return eim.serial.run('notifications', async () => {
    const unreachable = new Set<string>();
    for (const [key, row] of await eim.store.list(notifications, { limit: page })) {
      const lane = `${row.eid} ${row.address}`;
      if (unreachable.has(lane)) continue;
      try {
        await eim.es9.handleNotification(row.address, row.pendingNotification);
      } catch (error) {
        unreachable.add(lane);
        eim.log.warn('notification not delivered, to be tried again', {
          eid: row.eid,
          seq: row.seqNumber,
          smdp: row.address,
          why: error instanceof Error ? error.message : String(error),
        });
        continue;
      }
      await eim.store.commit([remove(notifications, key)]);
      eim.log.info('notification delivered', {
        eid: row.eid,
        seq: row.seqNumber,
        smdp: row.address,
      });
    }
  });
}

function keyOf({ eid, seqNumber, address }: KeptNotification): string {
  return `${eid}/${String(seqNumber).padStart(10, '0')}/${address}`;
}
