/**
 * Things in the order of their last use. They are linked to each other, because the first entry of a Map or Set costs more
 * to find the more were taken out before it: thousands of steps, where the oldest is asked for with each datagram.
 */

/** For the order that it is in alone; undefined at its end. */
export interface InOrder<T> {
  older: T | undefined;
  newer: T | undefined;
}

/** Each is in one order at most. */
export class UseOrder<T extends InOrder<T>> {
  #oldest: T | undefined;
  #newest: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The one unused for longest. */
  get oldest(): T | undefined {
    return this.#oldest;
  }

  has(one: T): boolean {
    return one.older !== undefined || this.#oldest === one;
  }

  /** It is used now; whether it was in the order before does not matter. */
  use(one: T): void {
    if (one === this.#newest) return;
    this.delete(one);
    const before = this.#newest;
    one.older = before;
    if (before === undefined) this.#oldest = one;
    else before.newer = one;
    this.#newest = one;
    this.#size++;
  }

  /** Takes it out; says whether it was in. */
  delete(one: T): boolean {
    if (!this.has(one)) return false;
    const { older, newer } = one;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    one.older = undefined;
    one.newer = undefined;
    this.#size--;
    return true;
  }

  /** The one unused for longest first. The one that was given last may be used or taken out meanwhile. */
  *[Symbol.iterator](): Iterator<T> {
    for (let one = this.#oldest; one !== undefined; ) {
      const next: T | undefined = one.newer;
      yield one;
      one = next !== undefined && this.has(next) ? next : undefined;
    }
  }
}
