/**
 * Which eUICCs polled last over a connection: after a start nothing else tells whose a message is that names no EID.
 *
 * ```
 *   euicc-over!<connection>/<eid>   true: it is the lastConnection of this eUICC
 * ```
 */
import type { Eid } from '../messages/ids.ts';
import { type Change, put, remove, type Store, table } from '../store/store.ts';

const polledOver = table<true>('euicc-over');

/** eUICCs of one device that are looked at: as many as a device may be bound to. */
const most = 64;

/** The changes with which an eUICC polls over another connection than before; undefined: over none, or not known. */
export function movedTo(
  eid: Eid,
  connection: string | undefined,
  before: string | undefined,
): readonly Change[] {
  if (connection === before) return [];
  return [
    ...(before === undefined ? [] : [remove(polledOver, `${before}/${eid}`)]),
    ...(connection === undefined ? [] : [put(polledOver, `${connection}/${eid}`, true)]),
  ];
}

/** What the store has of a connection; the eUICC may have polled over another since. */
export async function eidsOver(store: Store, connection: string): Promise<readonly Eid[]> {
  const prefix = `${connection}/`;
  const rows = await store.list(polledOver, { prefix, limit: most });
  return rows.map(([key]) => key.slice(prefix.length) as Eid);
}
