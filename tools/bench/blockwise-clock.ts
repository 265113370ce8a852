/** Time that costs none: it stands still while anything can be done, then leaps to the next alarm. */
import type { Cancel, Clock } from '../../src/base/clock.ts';

interface Alarm {
  readonly at: number;
  readonly run: () => void;
}

export class LeapingClock implements Clock {
  #now = 0;
  readonly #alarms = new Set<Alarm>();

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): Cancel {
    const alarm = { at: this.#now + Math.max(0, milliseconds), run };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Lets time pass until the promise has settled; rejects as it does, or where nothing is left to wait for. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let open = true;
    const close = () => {
      open = false;
    };
    promise.then(close, close);
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve)); // every promise that can go on has its turn
      if (!open) return promise;
      const next = this.#next();
      if (next === undefined) throw new Error('nothing left to wait for');
      this.#alarms.delete(next);
      this.#now = next.at;
      next.run();
    }
  }

  /** The one due first; of several the one that was set first. */
  #next(): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms) if (first === undefined || alarm.at < first.at) first = alarm;
    return first;
  }
}
