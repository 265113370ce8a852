/** An order's next state, and what follows from it elsewhere: keys forgotten, the event at the SM-DS deleted. */
import type { Eid } from '../../../src/messages/ids.ts';
import { role } from '../../../src/trust/certificate.ts';
import { isOpen, type OrderEvent, type ProfileOrder, step } from './order.ts';
import { endSession, type Smdp } from './smdp.ts';

export const es12Path = '/gsma/rsp2/es12';

/** Takes an order to its next state; once its end is known, the one-time keys are forgotten. */
export function settle(smdp: Smdp, order: ProfileOrder, event: OrderEvent): void {
  const next = step(order.state, event);
  const again = order.reusable && (event.type !== 'failed' || event.failure.cause !== 'expired');
  if (!again) order.state = next;
  if (isOpen(next)) return;
  delete order.binding;
  if (!again) deleteEvent(smdp, order);
}

/** Ends the order where its time is over. */
export function settleExpiry(smdp: Smdp, order: ProfileOrder): void {
  if (order.expires !== undefined && order.expires <= smdp.clock.now()) {
    settle(smdp, order, { type: 'failed', failure: { cause: 'expired' } });
  }
}

/** Sessions about an order that was withdrawn cannot go on. */
export function endSessionsOf(smdp: Smdp, order: ProfileOrder): void {
  for (const session of [...smdp.sessions.values()]) {
    if (session.authenticated?.order === order) endSession(smdp, session);
  }
}

/** Has the event deleted, now or as soon as the SM-DS is there. */
export function deleteEvent(smdp: Smdp, order: ProfileOrder): void {
  const { smdsAddress, eid, matchingId } = order;
  if (smdsAddress === undefined || eid === undefined || matchingId === undefined) return;
  delete order.smdsAddress;
  smdp.errands.add({
    address: smdsAddress,
    path: `${es12Path}/deleteEvent`,
    body: { ...requestHeader(smdp), eid, eventId: matchingId },
    role: role.dsTls,
  });
}

/** What every request of ES2+ and ES12 begins with. */
export function requestHeader({ oid, random }: Pick<Smdp, 'oid' | 'random'>) {
  const functionCallIdentifier = Buffer.from(random(8)).toString('hex');
  return { header: { functionRequesterIdentifier: oid, functionCallIdentifier } };
}

/** An event as it is registered (SGP.22 5.10.1). */
export function eventOf(smdp: Smdp, eid: Eid, eventId: string) {
  const rspServerAddress = smdp.address;
  return { ...requestHeader(smdp), eid, rspServerAddress, eventId, forwardingIndicator: false };
}
