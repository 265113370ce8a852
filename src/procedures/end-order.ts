/** Ending an order, and noting things in its history, from a procedure: it may have ended or gone meanwhile. */
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

/** Adds a line to the order's history; where the order is done or gone, the line goes to the log alone. */
export async function noteOrder(
  eim: Eim,
  orderId: string,
  event: string,
  detail: string,
): Promise<void> {
  try {
    await eim.orders.note(orderId, event, detail);
  } catch (error) {
    if (!(error instanceof OrderError)) throw error;
    eim.log.info('after its order was deleted', { order: orderId, event, detail });
  }
}
