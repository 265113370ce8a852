/**
 * When orders are pushed: as soon as they are submitted, where none of their eUICC is before them; else when their turn
 * comes; after a start, what was due before it. One push at a time for each eUICC, so many in all.
 */
import type { Cancel } from '../base/clock.ts';
import type { EuiccRecord } from '../fleet/euiccs.ts';
import { takesInjection } from '../fleet/ipa-capabilities.ts';
import type { Eid } from '../messages/ids.ts';
import type { Order } from '../orders/order.ts';
import { isPushDue } from '../orders/push-due.ts';
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
  /** eUICCs that have had a push due since before the start; absent: there are none, or none any more. */
  #backlog: AsyncIterator<Eid, void> | undefined;
  #isReading = false;
  #takenUp = 0;
  readonly #stop = new AbortController();

  constructor(options: PushesOptions) {
    this.#options = options;
  }

  /**
   * Pushes from now on, until the returned function is called; first what was due when the eIM stopped. To be called once
   * devices can be reached.
   */
  start(): () => void {
    const { orders } = this.#options.eim;
    const stop = orders.onChange((order, what) => {
      if (what === 'changed') this.#changed(order);
    });
    this.#backlog = orders.eidsWithPushDue();
    this.#takeUp();
    return () => {
      stop();
      this.#stop.abort();
      this.#waiting.clear();
      this.#backlog = undefined;
      for (const cancel of this.#pauses) cancel();
    };
  }

  #changed(order: Order): void {
    const { eid, state, push, history } = order;
    const isNextDue = state.at === 'done' || (hasStageToBegin(order) && isPushDue(order));
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
    this.#keepBehind(eid);
    this.#want(eid);
    this.#background(this.#noteTurn(eid, id));
  }

  #keepBehind(eid: Eid): void {
    this.#behind.add(eid);
    const [oldest] = this.#behind;
    if (this.#behind.size > mostBehind && oldest !== undefined) this.#behind.delete(oldest);
  }

  /**
   * Takes up what was due before the start, with half of what may be under way at a time and none of the waiting room: what is
   * ordered now comes first.
   */
  #takeUp(): void {
    if (this.#isReading || this.#backlog === undefined) return;
    const most = Math.ceil(this.#options.atOnce / 2);
    if (this.#waiting.size > 0 || this.#running.size >= most) return;
    this.#isReading = true;
    this.#background(this.#readNext(this.#backlog));
  }

  async #readNext(backlog: AsyncIterator<Eid, void>): Promise<void> {
    try {
      const { value: eid } = await backlog.next();
      if (this.#backlog === undefined) return;
      if (eid === undefined) this.#tookUp();
      // Else something was ordered for it since the start, and its pushes go on from there.
      else if (!this.#behind.has(eid)) {
        this.#takenUp++;
        this.#keepBehind(eid);
        this.#want(eid);
      }
    } catch (error) {
      this.#backlog = undefined;
      throw error;
    } finally {
      this.#isReading = false;
    }
    this.#takeUp();
  }

  #tookUp(): void {
    this.#backlog = undefined;
    if (this.#takenUp === 0) return;
    const eUICCs = this.#takenUp;
    this.#options.eim.log.info('pushes that were due before the start are taken up', { eUICCs });
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
        this.#takeUp();
      });
      this.#background(run);
    }
  }

  /** Pushes one order after the other, while the next one is to be pushed and the device is done with the last. */
  async #run(eid: Eid): Promise<void> {
    const { eim, routes } = this.#options;
    const { signal } = this.#stop;
    for (let last: string | undefined; ; ) {
      const order = await eim.orders.next(eid);
      if (signal.aborted) return;
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
      await pushOrder(eim, order, routes(euicc), signal);
    }
  }

  #background(work: Promise<void>): void {
    work.catch((error: unknown) => {
      const why = error instanceof Error ? error.stack : String(error);
      this.#options.eim.log.error('a push failed', { why });
    });
  }
}
