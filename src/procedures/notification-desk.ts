/** The kept notifications as the operator sees and moves them: rest/desk.ts says what is wanted. */
import { toHex } from '../base/bytes.ts';
import type { NotificationFacts, NotificationFilter } from '../base/notification-facts.ts';
import type { Eid } from '../messages/ids.ts';
import { type NotificationMetadata, PendingNotification } from '../messages/notifications.ts';
import type { Eim } from './eim.ts';
import { deliverLane } from './notification-delivery.ts';
import {
  allRows,
  keyOf,
  type NotificationRow,
  notifications,
  settleRow,
} from './notification-rows.ts';
import { isAhead, noteUp, waitOf } from './smdp-waits.ts';

export class NotificationDesk {
  readonly #eim: Eim;

  constructor(eim: Eim) {
    this.#eim = eim;
  }

  /** In the order of EIDs and sequence numbers. */
  async list({
    eid,
    state,
    after,
    limit,
  }: NotificationFilter<Eid>): Promise<NotificationFacts<Eid>[]> {
    const key = after === undefined ? undefined : keyOfId(after);
    const found: NotificationFacts<Eid>[] = [];
    const options = {
      ...(eid === undefined ? {} : { eid }),
      ...(key === undefined ? {} : { after: key }),
    };
    for await (const [place, row] of allRows(this.#eim, options)) {
      if (state !== undefined && stateOf(row) !== state) continue;
      found.push(await this.#facts(place, row));
      if (found.length === limit) break;
    }
    return found;
  }

  async get(id: string): Promise<NotificationFacts<Eid> | undefined> {
    const key = keyOfId(id);
    const row = await this.#row(id);
    return key === undefined || row === undefined ? undefined : this.#facts(key, row);
  }

  /**
   * Takes a notification to its SM-DP+ now, those before it first, whatever was refused or is to wait. Gives what is
   * left of it then: undefined where it was delivered, or was not there.
   */
  async retry(id: string): Promise<NotificationFacts<Eid> | undefined> {
    const row = await this.#row(id);
    if (row === undefined) return undefined;
    const { eid, address } = row;
    await this.#atOnce(row);
    await noteUp(this.#eim, address);
    await deliverLane(this.#eim, eid, address);
    return this.get(id);
  }

  /** Takes a notification out undelivered; false where there was none. */
  async drop(id: string): Promise<boolean> {
    const key = keyOfId(id);
    if (key === undefined) return false;
    const row = await settleRow(this.#eim, key, () => undefined);
    if (row === undefined) return false;
    const { eid, seqNumber: seq, address: smdp } = row;
    this.#eim.log.warn('notification dropped by the operator', { eid, seq, smdp });
    return true;
  }

  /** This one and those before it on the same way are to be tried now; of those before, none that was refused. */
  async #atOnce({ eid, seqNumber, address }: NotificationRow): Promise<void> {
    for await (const [key, row] of allRows(this.#eim, { eid })) {
      if (row.address !== address || row.seqNumber > seqNumber) continue;
      if (row.refused === true && row.seqNumber < seqNumber) continue;
      await settleRow(this.#eim, key, ({ notBefore: _, refused: __, ...rest }) => rest);
    }
  }

  async #row(id: string): Promise<NotificationRow | undefined> {
    const key = keyOfId(id);
    return key === undefined ? undefined : this.#eim.store.get(notifications, key);
  }

  async #facts(key: string, row: NotificationRow): Promise<NotificationFacts<Eid>> {
    const { eid, seqNumber, address, announcedAddress, received, pendingNotification } = row;
    const { tries = 0, lastTry, reason, notBefore } = row;
    const state = stateOf(row);
    const nextTry = Math.max(notBefore ?? 0, (await waitOf(this.#eim, address)) ?? 0);
    return {
      id: idOf(key),
      eid,
      seqNumber,
      ...subjectOf(pendingNotification),
      address,
      announcedAddress,
      state,
      received,
      tries,
      ...(lastTry === undefined ? {} : { lastTry }),
      ...(state === 'waiting' && isAhead(this.#eim, nextTry) ? { nextTry } : {}),
      ...(reason === undefined ? {} : { reason }),
      pendingNotification,
    };
  }
}

function stateOf({ refused }: NotificationRow): 'waiting' | 'refused' {
  return refused === true ? 'refused' : 'waiting';
}

/** A notification's id, of its key in the store: EID, sequence number and what comes behind it. */
function idOf(key: string): string {
  const [eid = '', seqNumber = '', ...rest] = key.split('/');
  return `${eid}-${Number(seqNumber)}-${rest.join('/')}`;
}

/** The store's key of a notification's id; undefined where it is none. */
function keyOfId(id: string): string | undefined {
  const [, eid, seqNumber, address] = /^([0-9]{32})-([0-9]{1,16})-(.+)$/s.exec(id) ?? [];
  if (eid === undefined || address === undefined) return undefined;
  return keyOf({ eid, seqNumber: Number(seqNumber), address });
}

/** What was done to which profile. */
function subjectOf(bytes: Uint8Array): Pick<NotificationFacts<Eid>, 'operation' | 'iccid'> {
  const metadata = metadataOf(PendingNotification.decode(bytes));
  if (metadata === undefined) return { operation: 'unknown' };
  const { profileManagementOperation, iccid } = metadata;
  return {
    operation: profileManagementOperation.join(', '),
    ...(iccid === undefined ? {} : { iccid: toHex(iccid) }),
  };
}

function metadataOf(notification: PendingNotification): NotificationMetadata | undefined {
  switch (notification.type) {
    case 'profileInstallationResult':
      return notification.value.profileInstallationResultData.value.notificationMetadata;
    case 'otherSignedNotification':
      return notification.value.tbsOtherNotification.value;
    default:
      return undefined;
  }
}
