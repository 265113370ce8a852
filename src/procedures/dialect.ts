/**
 * How a device speaks: what it does other than the standard has it is counted (fleet/quirks.ts), or refused under
 * `messages.strict`; what only one version of SGP.32 has tells which it speaks (fleet/protocol-level.ts).
 */
import type { LevelSeen, ProtocolLevel } from '../fleet/protocol-level.ts';
import type { EsipaMessageFromIpaToEim } from '../messages/esipa.ts';
import { type Eid, eidOf, IdError } from '../messages/ids.ts';
import { type QuirkName, quirkOf } from '../messages/quirks.ts';
import { type Caller, type Eim, isKnown, maySpeakFor } from './eim.ts';

/** A deviation, and where in the message it stood. */
export interface Deviation {
  readonly quirk: QuirkName;
  readonly where: string;
}

/** Counts what the reading of a message came upon, and learns of the device's version from it. */
export async function heard(
  eim: Eim,
  caller: Caller,
  message: EsipaMessageFromIpaToEim,
  deviations: readonly Deviation[],
): Promise<void> {
  const shown = levelShownBy(caller, message);
  if (deviations.length === 0 && shown === undefined) return;
  const eid = eidOfMessage(message) ?? eim.polls.get(caller.peerId);
  const counts = eid !== undefined && maySpeakFor(eim, caller, eid) && (await isKnown(eim, eid));
  if (!counts) {
    for (const { quirk, where } of deviations) eim.log.drop(`tolerated ${quirk}`, { at: where });
    return;
  }
  for (const { quirk, where } of deviations) await deviates(eim, eid, quirk, where);
  if (shown !== undefined) await speaks(eim, eid, ...shown);
}

/** Counts one deviation of this eUICC's device; what it has of v1.0 alone is remembered. */
export async function deviates(eim: Eim, eid: Eid, quirk: QuirkName, where: string): Promise<void> {
  eim.log.drop(`tolerated ${quirk}`, { eid, at: where });
  eim.quirks.met(eid, quirk, where);
  if (quirkOf(quirk).isV10) await speaks(eim, eid, 'v1.0', quirk);
}

/** Whether this deviation is taken; then it is counted. */
export async function tolerates(
  eim: Eim,
  eid: Eid,
  quirk: QuirkName,
  where: string,
): Promise<boolean> {
  if (eim.settings.strict) return false;
  await deviates(eim, eid, quirk, where);
  return true;
}

/** The device shows by this that it speaks this version. */
export async function speaks(eim: Eim, eid: Eid, level: ProtocolLevel, by: string): Promise<void> {
  const { levelSeen } = await eim.euiccs.ensure(eid);
  if (levelSeen?.level === level) return;
  const seen: LevelSeen = { level, by, at: eim.clock.now() };
  eim.log.info('a device shows which version of SGP.32 it speaks', { eid, level, by });
  await eim.store.commit(eim.euiccs.change(eid, { levelSeen: seen }));
}

/** What a message, or the request that it came in, has that only one version does. */
function levelShownBy(
  { level }: Caller,
  { type, value }: EsipaMessageFromIpaToEim,
): readonly [ProtocolLevel, string] | undefined {
  if (level !== undefined) return [level, 'X-Admin-Protocol'];
  if (type === 'getEimPackageRequest' && value.stateChangeCause !== undefined) {
    return ['v1.2', 'stateChangeCause'];
  }
  return undefined;
}

function eidOfMessage({ type, value }: EsipaMessageFromIpaToEim): Eid | undefined {
  if (type !== 'getEimPackageRequest' && type !== 'provideEimPackageResult') return undefined;
  if (value.eidValue === undefined) return undefined;
  try {
    return eidOf(value.eidValue);
  } catch (error) {
    if (!(error instanceof IdError)) throw error;
    return undefined;
  }
}
