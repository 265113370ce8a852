/** Requests that wait for an order to change: one listener for all, each with an end. */
import type { Clock } from '../base/clock.ts';
import type { Order } from '../orders/order.ts';
import { ApiError } from './api/errors.ts';
import type { Desk } from './desk.ts';
import { versionOf } from './views.ts';

export class Waiting {
  readonly #orders: Desk['orders'];
  readonly #clock: Clock;
  readonly #most: number;
  readonly #wakers = new Map<string, Set<() => void>>();
  #waiters = 0;
  readonly #stop: () => void;

  /** `most`: requests that may wait at a time. */
  constructor(orders: Desk['orders'], clock: Clock, most: number) {
    this.#orders = orders;
    this.#clock = clock;
    this.#most = most;
    this.#stop = orders.onChange((order) => this.#wake(order.id));
  }

  /**
   * The order as soon as its version is another than `since`, or it is done, or `milliseconds` are over, or `signal`
   * aborts; undefined where there is none, or no more. Throws ApiError 503 when too many wait.
   */
  async order(
    id: string,
    since: string | undefined,
    milliseconds: number,
    signal: AbortSignal,
  ): Promise<Order | undefined> {
    const end = this.#clock.now() + milliseconds;
    for (;;) {
      const changed = this.#watch(id);
      try {
        const order = await this.#orders.placed(id);
        const left = end - this.#clock.now();
        if (order === undefined || order.state.at === 'done' || left <= 0 || signal.aborted) {
          return order;
        }
        if (versionOf(order) !== since) return order;
        await this.#either(changed.promise, left, signal);
      } finally {
        changed.stop();
      }
    }
  }

  /** Lets go of the orders. */
  close(): void {
    this.#stop();
    for (const id of [...this.#wakers.keys()]) this.#wake(id);
  }

  #wake(id: string): void {
    const wakers = this.#wakers.get(id);
    this.#wakers.delete(id);
    for (const waker of wakers ?? []) waker();
  }

  /** A promise of the next change, made before the order is read, so that none is missed. */
  #watch(id: string): { readonly promise: Promise<void>; readonly stop: () => void } {
    if (this.#waiters >= this.#most) {
      throw new ApiError(503, 'busy', `${this.#most} requests wait already: ask without wait`);
    }
    this.#waiters++;
    let waker: () => void = () => {};
    const promise = new Promise<void>((resolve) => {
      waker = resolve;
    });
    const wakers = this.#wakers.get(id) ?? new Set();
    this.#wakers.set(id, wakers.add(waker));
    const stop = () => {
      this.#waiters--;
      wakers.delete(waker);
      if (wakers.size === 0 && this.#wakers.get(id) === wakers) this.#wakers.delete(id);
    };
    return { promise, stop };
  }

  async #either(changed: Promise<void>, milliseconds: number, signal: AbortSignal): Promise<void> {
    let over: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      over = resolve;
    });
    const cancel = this.#clock.after(milliseconds, over);
    signal.addEventListener('abort', over, { once: true });
    try {
      await Promise.race([changed, ended]);
    } finally {
      cancel();
      signal.removeEventListener('abort', over);
    }
  }
}
