/**
 * When orders are pushed: as soon as they are submitted, where none of their eUICC is before them; else when their turn
 * comes. One push at a time for each eUICC, so many in all.
 */
import type { Cancel } from '../base/clock.ts';
import type { EuiccRecord } from '../fleet/euiccs.ts';
import { takesInjection } from '../fleet/ipa-capabilities.ts';
import type { Eid } from '../messages/ids.ts';
import type { Order } from '../orders/order.ts';
import { hasStageToBegin, splitId } from '../orders/whole.ts';
import type { Eim } from './eim.ts';
import { noteOrder } from './end-order.ts';
import { pushOrder, type Route } from './transfer-eim-package.ts';

export interface PushesOptions {
  readonly eim: Eim;
  /** What may lead to the device of a eUICC, the likeliest first. */
  routes(euicc: EuiccRecord): readonly Route[];
  /** Pushes under way at a time. */
  readonly atOnce: number;
  /** eUICCs that may wait for their push; the orders of others wait for their poll. */
  readonly waiting: number;
}

/**
 * Milliseconds between the end of an order and the push of the next one: a device that reports a result polls again at
 * once, as a rule, and then needs no push.
 */
const pause = 5_000;
/** eUICCs whose orders are looked at again when one has ended; the orders of others wait for their poll. */
const mostBehind = 100_000;

export class Pushes {
  readonly #options: PushesOptions;
  /** eUICCs whose turn comes, the first first. */
  readonly #waiting = new Set<Eid>();
  readonly #running = new Set<Eid>();
  /** eUICCs that may have orders to be pushed behind others. */
  readonly #behind = new Set<Eid>();
  readonly #pauses = new Set<Cancel>();

  constructor(options: PushesOptions) {
    this.#options = options;
  }

  /** Pushes from now on, until the returned function is called. */
  start(): () => void {
    const stop = this.#options.eim.orders.onChange((order, what) => {
      if (what === 'changed') this.#changed(order);
    });
    return () => {
      stop();
      this.#waiting.clear();
      for (const cancel of this.#pauses) cancel();
    };
  }

  #changed(order: Order): void {
    const { eid, state, push, history } = order;
    const isNextDue = state.at === 'done' || (push === true && hasStageToBegin(order));
    if (isNextDue && this.#behind.has(eid)) this.#wantLater(eid);
    else if (state.at === 'new' && push === true && history.length === 1) this.#submitted(order);
  }

  #submitted({ id, eid }: Order): void {
    if (this.#waiting.size >= this.#options.waiting) {
      this.#background(
        noteOrder(
          this.#options.eim,
          id,
          'not pushed',
          'too many wait for that; it waits for the poll',
        ),
      );
      return;
    }
    this.#behind.add(eid);
    const [oldest] = this.#behind;
    if (this.#behind.size > mostBehind && oldest !== undefined) this.#behind.delete(oldest);
    this.#want(eid);
    this.#background(this.#noteTurn(eid, id));
  }

  async #noteTurn(eid: Eid, id: string): Promise<void> {
    const { eim } = this.#options;
    const first = await eim.orders.next(eid);
    if (first === undefined || splitId(first.id).orderId === id) return;
    await noteOrder(eim, id, 'push waits', 'another order of this eUICC is before it');
  }

  #wantLater(eid: Eid): void {
    const cancel = this.#options.eim.clock.after(pause, () => {
      this.#pauses.delete(cancel);
      this.#want(eid);
    });
    this.#pauses.add(cancel);
  }

  #want(eid: Eid): void {
    this.#waiting.add(eid);
    this.#begin();
  }

  #begin(): void {
    for (const eid of this.#waiting) {
      if (this.#running.size >= this.#options.atOnce) return;
      if (this.#running.has(eid)) continue;
      this.#waiting.delete(eid);
      this.#running.add(eid);
      const run = this.#run(eid).finally(() => {
        this.#running.delete(eid);
        this.#begin();
      });
      this.#background(run);
    }
  }

  /** Pushes one order after the other, while the next one is to be pushed and the device is done with the last. */
  async #run(eid: Eid): Promise<void> {
    const { eim, routes } = this.#options;
    for (let last: string | undefined; ; ) {
      const order = await eim.orders.next(eid);
      if (order === undefined) {
        this.#behind.delete(eid);
        return;
      }
      if (order.push !== true || order.state.at !== 'new' || order.id === last) return;
      last = order.id;
      const euicc = await eim.euiccs.ensure(eid);
      if (takesInjection(euicc) === false) {
        eim.log.warn('an order is pushed to an IPA that says it takes none', { eid, order: last });
      }
      await pushOrder(eim, order, routes(euicc));
    }
  }

  #background(work: Promise<void>): void {
    work.catch((error: unknown) => {
      const why = error instanceof Error ? error.stack : String(error);
      this.#options.eim.log.error('a push failed', { why });
    });
  }
}
