/** Ending an order from a procedure: it may have ended meanwhile (cancelled, late), which changes nothing then. */
import { TransitionError } from '../orders/order.ts';
import { type Finish, OrderError } from '../orders/orders.ts';
import type { Change } from '../store/store.ts';
import type { Eim } from './eim.ts';

/** Ends the order; where it has ended already or is gone, `also` is committed all the same. */
export async function endOrder(
  eim: Eim,
  orderId: string,
  finish: Finish,
  also: readonly Change[] = [],
): Promise<void> {
  try {
    await eim.orders.finish(orderId, finish, also);
  } catch (error) {
    if (!(error instanceof TransitionError || error instanceof OrderError)) throw error;
    eim.log.info('after its order had ended', { order: orderId, what: finish.reason });
    await eim.store.commit(also);
  }
}
