/** The sliding window of RFC 6347 §4.1.2.6: which of the last 64 sequence numbers were received. */

const width = 64;

/** The window as numbers, for a store. */
export interface WindowState {
  /** The highest number received; -1: none yet. */
  readonly right: number;
  /** Bit n stands for the number `right - n`, as an unsigned 32-bit number. */
  readonly near: number;
  /** Likewise for `right - 32 - n`. */
  readonly far: number;
}

/** Two halves of 32 bits; bit n of the window stands for the number `right - n`. */
export class ReplayWindow {
  #right: number;
  #near: number;
  #far: number;

  constructor({ right, near, far }: WindowState = { right: -1, near: 0, far: 0 }) {
    this.#right = right;
    this.#near = near | 0;
    this.#far = far | 0;
  }

  get state(): WindowState {
    return { right: this.#right, near: this.#near >>> 0, far: this.#far >>> 0 };
  }

  /** Whether `sequence` was neither received yet nor fell out of the window. */
  isNew(sequence: number): boolean {
    const age = this.#right - sequence;
    if (age < 0) return true;
    if (age >= width) return false;
    const half = age < 32 ? this.#near : this.#far;
    return ((half >>> (age % 32)) & 1) === 0;
  }

  /** Whether `sequence` is higher than any received. */
  isNewest(sequence: number): boolean {
    return sequence > this.#right;
  }

  /** Counts an authentic record's number as received. */
  receive(sequence: number): void {
    if (sequence > this.#right) this.#slide(sequence - this.#right);
    const age = this.#right - sequence;
    if (age < 32) this.#near |= 1 << age;
    else if (age < width) this.#far |= 1 << (age % 32);
  }

  #slide(by: number): void {
    this.#right += by;
    if (by >= width) {
      this.#near = 0;
      this.#far = 0;
    } else if (by >= 32) {
      this.#far = shiftLeft(this.#near, by - 32);
      this.#near = 0;
    } else {
      this.#far = shiftLeft(this.#far, by) | (this.#near >>> (32 - by));
      this.#near = shiftLeft(this.#near, by);
    }
  }
}

/** Left by 0 to 31 bits. */
function shiftLeft(half: number, by: number): number {
  return (half << by) | 0;
}
