/**
 * Memory for many arrays that live for a moment, such as datagrams on their way out: pieces of a larger one, each given out
 * once. Memory of its own costs an array more than all that is done with it, once to get and once to give back.
 */

export class Stock {
  readonly #octets: number;
  #memory = new ArrayBuffer(0);
  #at = 0;

  /** `octets` are got at a time; while one piece of them is alive, all are. 0: each piece has memory of its own. */
  constructor(octets = 16_384) {
    this.#octets = octets;
  }

  /** So many octets, all zero. */
  take(length: number): Uint8Array {
    if (length > this.#octets / 8) return new Uint8Array(length);
    if (this.#at + length > this.#memory.byteLength) {
      this.#memory = new ArrayBuffer(this.#octets);
      this.#at = 0;
    }
    const piece = new Uint8Array(this.#memory, this.#at, length);
    this.#at += length;
    return piece;
  }
}
