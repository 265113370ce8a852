/**
 * Which results of direct installations were counted: an IPA that did not hear the answer tells them again, by then
 * perhaps while the next download is under way.
 *
 * ```
 *   direct-told!<eid>   hashes of the installation results that were counted last
 * ```
 */
import { createHash } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import type { Eid } from '../messages/ids.ts';
import type { ProfileInstallationResult } from '../messages/notifications.ts';
import { type Change, put, table } from '../store/store.ts';
import type { Eim } from './eim.ts';

const told = table<readonly string[]>('direct-told');

/** Results of one eUICC that are known again: what comes twice comes soon. */
const mostTold = 16;

/** Whether this very result was counted before: it is of no other download, whatever it is told under. */
export async function isToldAgain(
  eim: Eim,
  eid: Eid,
  result: ProfileInstallationResult,
): Promise<boolean> {
  if (!((await eim.store.get(told, eid)) ?? []).includes(hashOf(result))) return false;
  eim.log.info('an installation result that came again', { eid });
  return true;
}

/** The change by which a result counts. Runs within the EID's turn. */
export async function counted(
  eim: Eim,
  eid: Eid,
  result: ProfileInstallationResult,
): Promise<Change> {
  const before = (await eim.store.get(told, eid)) ?? [];
  return put(told, eid, [...before, hashOf(result)].slice(-mostTold));
}

function hashOf({ profileInstallationResultData: { raw } }: ProfileInstallationResult): string {
  return toHex(createHash('sha256').update(raw).digest());
}
