/** Requests that wait for an order to change: one listener for all, each with an end. */
import type { Clock } from '../base/clock.ts';
import type { Order } from '../orders/order.ts';
import type { Desk } from './desk.ts';
import type { Places } from './places.ts';
import type { Caller } from './route.ts';
import { versionOf } from './views.ts';

export interface Wait {
  /** The version that is known. */
  readonly since: string | undefined;
  /** How long at the most. */
  readonly milliseconds: number;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

export class Waiting {
  readonly #orders: Desk['orders'];
  readonly #clock: Clock;
  readonly #places: Places;
  readonly #wakers = new Map<string, Set<() => void>>();
  readonly #stop: () => void;

  /** `places`: of requests that wait. */
  constructor(orders: Desk['orders'], clock: Clock, places: Places) {
    this.#orders = orders;
    this.#clock = clock;
    this.#places = places;
    this.#stop = orders.onChange((order) => this.#wake(order.id));
  }

  /**
   * The order as soon as its version is another than `since`, or it is done, or `milliseconds` are over, or `signal`
   * aborts; undefined where there is none, or no more. Throws ApiError 429 or 503 when too many wait.
   */
  async order(id: string, wait: Wait): Promise<Order | undefined> {
    const leave = this.#places.take(wait.caller);
    try {
      return await this.#changed(id, wait);
    } finally {
      leave();
    }
  }

  async #changed(id: string, { since, milliseconds, signal }: Wait): Promise<Order | undefined> {
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
    let waker: () => void = () => {};
    const promise = new Promise<void>((resolve) => {
      waker = resolve;
    });
    const wakers = this.#wakers.get(id) ?? new Set();
    this.#wakers.set(id, wakers.add(waker));
    const stop = () => {
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
