/** Ends orders whose time is over though nobody asks about them: their events must leave the SM-DS. */
import type { Cancel } from '../../../src/base/clock.ts';
import { isOpen, type ProfileOrder } from './order.ts';
import { settleExpiry } from './settle.ts';
import type { Smdp } from './smdp.ts';

export class ExpiryWatch {
  readonly #smdp: Smdp;
  readonly #save: () => void;
  #cancel: Cancel = () => {};

  /** @param save called once orders have ended */
  constructor(smdp: Smdp, save: () => void) {
    this.#smdp = smdp;
    this.#save = save;
  }

  /** Looks when the next order ends; to be called whenever orders may have changed. */
  look(): void {
    const { clock } = this.#smdp;
    this.#cancel();
    this.#cancel = () => {};
    const ends = this.#waiting().map(({ expires = Infinity }) => expires);
    const next = Math.min(...ends);
    if (next === Infinity) return;
    this.#cancel = clock.after(Math.max(0, next - clock.now()), () => {
      for (const order of this.#waiting()) settleExpiry(this.#smdp, order);
      this.#save();
      this.look();
    });
  }

  stop(): void {
    this.#cancel();
  }

  #waiting(): readonly ProfileOrder[] {
    return this.#smdp.orders.all.filter(
      ({ state, expires, smdsAddress }) =>
        isOpen(state) && expires !== undefined && smdsAddress !== undefined,
    );
  }
}
