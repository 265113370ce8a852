/** A network on the test's clock: datagrams take their time, and some are lost, come twice or late, as a seed decides. */
import type { Clock } from '../../src/base/clock.ts';
import { seededNumbers } from '../support/seeded.ts';

export interface Weather {
  /** Milliseconds one way. Default 20. */
  readonly delay?: number;
  /** Shares of datagrams in [0, 1], in each direction. */
  readonly loss?: number;
  readonly repeat?: number;
  /** Late by up to five delays, so that others overtake. */
  readonly reorder?: number;
  readonly seed?: number;
}

export class Network {
  /** Sees each datagram before its fate; what it gives false for is lost. */
  tap: (datagram: Uint8Array, up: boolean) => boolean = () => true;
  readonly counts = { carried: 0, lost: 0, repeated: 0, late: 0 };
  readonly #clock: Clock;
  readonly #weather: Weather;
  readonly #chance: () => number;

  constructor(clock: Clock, weather: Weather = {}) {
    this.#clock = clock;
    this.#weather = weather;
    this.#chance = seededNumbers(weather.seed ?? 1);
  }

  /** Takes a datagram from the device (up) or the eIM (down) to where it goes, or not. */
  carry(datagram: Uint8Array, up: boolean, arrive: (datagram: Uint8Array) => void): void {
    const { delay = 20, loss = 0, repeat = 0, reorder = 0 } = this.#weather;
    if (!this.tap(datagram, up)) return;
    this.counts.carried++;
    if (this.#chance() < loss) {
      this.counts.lost++;
      return;
    }
    const twice = this.#chance() < repeat;
    if (twice) this.counts.repeated++;
    for (let copy = 0; copy < (twice ? 2 : 1); copy++) {
      const late = this.#chance() < reorder;
      if (late) this.counts.late++;
      const wait = late ? delay * (1 + 5 * this.#chance()) : delay;
      this.#clock.after(wait, () => arrive(datagram.slice()));
    }
  }
}
