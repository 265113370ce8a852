/**
 * Whom a caller speaks for where its message names no EID: the eUICC that it last polled for, over the same connection,
 * also where that was before a start; else those that it is bound to.
 */
import type { Eid } from '../messages/ids.ts';
import { type Caller, type Eim, maySpeakFor } from './eim.ts';

/**
 * Takes up what was known before the start: a connection that is kept goes on where it stopped. Where several eUICCs
 * polled over it, which one was the last is not known.
 */
export async function recallPoll(eim: Eim, caller: Caller): Promise<void> {
  const { peerId, connection } = caller;
  if (connection === undefined || eim.polls.get(peerId) !== undefined) return;
  const [eid, ...others] = await eim.euiccs.polledOver(connection);
  if (eid === undefined || others.length > 0 || !maySpeakFor(eim, caller, eid)) return;
  // It may have polled meanwhile.
  if (eim.polls.get(peerId) === undefined) eim.polls.set(peerId, eid);
}

/** The EIDs that it may speak for, the likeliest first: a signature tells which of them it is. */
export async function spokenFor(eim: Eim, caller: Caller): Promise<readonly Eid[]> {
  const { peerId, connection, identity } = caller;
  const polled = eim.polls.get(peerId);
  const over = connection === undefined ? [] : await eim.euiccs.polledOver(connection);
  const bound = identity === undefined ? [] : eim.devices.eidsOf(identity);
  const eids = new Set([...(polled === undefined ? [] : [polled]), ...over, ...bound]);
  return [...eids].filter((eid) => maySpeakFor(eim, caller, eid));
}
