/** Work on the same thing, one after the other: a queue for each key, none for idle keys. */
export class Serial {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Whether there is work under `key`, or waits. */
  isBusy(key: string): boolean {
    return this.#tails.has(key);
  }

  /** Runs `work` after all earlier work under `key` has ended, whatever came of it. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#tails.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === mine) this.#tails.delete(key);
    }
  }
}
