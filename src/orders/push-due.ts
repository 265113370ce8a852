/**
 * Orders that are still to be pushed: each is tried once in its turn (of a whole order, each stage in its own), and
 * from then on waits for the poll. Which ones are due is read off the order, and kept as an index, so that a start
 * finds them.
 *
 * ```
 *   order-push!<eid>/<number>   true: the push of this order is due
 * ```
 */
import type { Eid } from '../messages/ids.ts';
import { type Store, table } from '../store/store.ts';
import type { Order } from './order.ts';
import { ageOf } from './whole.ts';

export const pushes = table<true>('order-push');

/** Digits of an EID, which the keys begin with. */
const eidLength = 32;
/** Rows read at a time. */
const page = 256;

/** What the history says of a push that has come to its end. */
const ends: ReadonlySet<string> = new Set(['not pushed', 'push failed', 'push taken']);

/** Whether nothing has left for the device in this turn, and no push was tried to its end. */
export function isPushDue(order: Order): boolean {
  if (order.push !== true || ageOf(order).at !== 'new') return false;
  // The stage before ended so, and what stands behind that is of the stage whose turn it is.
  const last = order.history.findLast(({ event }) => event === 'finished' || ends.has(event));
  return last === undefined || last.event === 'finished';
}

/** The eUICCs that have a push due now, each once, in the order of their EIDs. */
export async function* eidsWithPushDue(store: Store): AsyncGenerator<Eid, void> {
  let last: Eid | undefined;
  for (;;) {
    // `0` is the character after `/`: past every order of this EID.
    const after = last === undefined ? {} : { after: `${last}0` };
    const rows = await store.list(pushes, { limit: page, ...after });
    for (const [key] of rows) {
      const eid = key.slice(0, eidLength) as Eid;
      if (eid === last) continue;
      last = eid;
      yield eid;
    }
    if (rows.length < page) return;
  }
}
