/**
 * A timer wheel: any number of alarms on one timer of the clock below. Alarms that fall due within one tick ring
 * together, at its end; between ticks that nobody waits for the wheel stands still.
 *
 * Its own time never goes back: where somebody sets the clock below back, what waits does not wait for longer.
 */
import type { Cancel, Clock } from '../base/clock.ts';

/** Milliseconds of a tick: no wait of CoAP is so short that this matters. */
const tick = 50;

export class TimerWheel implements Clock {
  readonly #clock: Clock;
  /** Alarms by the tick they ring at. */
  readonly #slots = new Map<number, Set<() => void>>();
  /** The ticks of `slots`, the next one last. */
  readonly #ticks: number[] = [];
  #armed: { readonly at: number; readonly cancel: Cancel } | undefined;
  #closed = false;
  /** The newest time of the clock below, and how far the wheel's own is ahead of it, in milliseconds. */
  #seen = Number.NEGATIVE_INFINITY;
  #ahead = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    const below = this.#clock.now();
    if (below < this.#seen) this.#ahead += this.#seen - below;
    this.#seen = below;
    return below + this.#ahead;
  }

  /** Calls `run` once after `milliseconds`, up to a tick late. */
  after(milliseconds: number, run: () => void): Cancel {
    if (this.#closed) return () => {};
    const at = Math.ceil((this.now() + milliseconds) / tick);
    const alarm = () => run(); // its own object: one `run` may be set twice
    const slot = this.#slots.get(at) ?? this.#newSlot(at);
    slot.add(alarm);
    return () => {
      // While a slot rings, its iteration leaves out what is deleted.
      if (slot.delete(alarm) && slot.size === 0 && this.#slots.get(at) === slot) this.#drop(at);
    };
  }

  /** Stops all alarms; none is set from here on. */
  close(): void {
    this.#closed = true;
    this.#slots.clear();
    this.#ticks.length = 0;
    this.#arm();
  }

  #newSlot(at: number): Set<() => void> {
    const slot = new Set<() => void>();
    this.#slots.set(at, slot);
    this.#ticks.splice(this.#placeOf(at), 0, at);
    this.#arm();
    return slot;
  }

  #drop(at: number): void {
    this.#slots.delete(at);
    this.#ticks.splice(this.#placeOf(at), 1);
    this.#arm();
  }

  /** Where a tick stands, or would stand, among the others. */
  #placeOf(at: number): number {
    let low = 0;
    let high = this.#ticks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ticks[middle] ?? 0) > at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #arm(): void {
    const next = this.#ticks.at(-1);
    if (this.#armed?.at === next) return;
    this.#armed?.cancel();
    this.#armed =
      next === undefined
        ? undefined
        : {
            at: next,
            cancel: this.#clock.after(next * tick - this.now(), () => this.#ring(next * tick)),
          };
  }

  /** @param due what time it is at least: so long was waited for */
  #ring(due: number): void {
    this.#armed = undefined;
    const late = this.now() - due;
    if (late < 0) this.#ahead -= late;
    const now = this.now() / tick;
    for (let at = this.#ticks.at(-1); at !== undefined && at <= now; at = this.#ticks.at(-1)) {
      const slot = this.#slots.get(at) ?? new Set();
      this.#ticks.pop();
      this.#slots.delete(at);
      for (const alarm of slot) if (!this.#closed) alarm();
    }
    this.#arm();
  }
}
