/** How long a peer takes to react, learned from its reactions: the estimator of RFC 6298 section 2, with bounds. */

export interface RoundTripBounds {
  /** Ms of a time-out before anything is learned. */
  readonly initial: number;
  /** Ms; a time-out is never less, nor more. */
  readonly least: number;
  readonly most: number;
}

export class RoundTrip {
  readonly #bounds: RoundTripBounds;
  #mean: number | undefined;
  #variation = 0;

  constructor(bounds: RoundTripBounds) {
    this.#bounds = bounds;
  }

  /** Ms from a message of ours to its reaction, on average; undefined before the first sample. */
  get mean(): number | undefined {
    return this.#mean;
  }

  /** Ms to wait for a reaction before a message is sent again. */
  get timeout(): number {
    const { initial, least, most } = this.#bounds;
    if (this.#mean === undefined) return initial;
    return Math.min(most, Math.max(Math.min(least, initial), this.#mean + 4 * this.#variation));
  }

  /** A reaction after so many ms. Never of a message that was sent twice: nobody knows which one it answers. */
  learn(sample: number): void {
    if (sample < 0 || sample > this.#bounds.most) return; // the peer slept
    if (this.#mean === undefined) {
      this.#mean = sample;
      this.#variation = sample / 2;
      return;
    }
    this.#variation = 0.75 * this.#variation + 0.25 * Math.abs(this.#mean - sample);
    this.#mean = 0.875 * this.#mean + 0.125 * sample;
  }
}
