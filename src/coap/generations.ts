/**
 * Values by name that stay for at least one turn of the generations and at most two: `turn` forgets all that was not
 * used since the turn before, in one step, whatever their number.
 */
export class Generations<V> {
  #young = new Map<string, V>();
  #old = new Map<string, V>();
  readonly #ceiling: number;
  readonly #heaviest: number;
  /** What was added since the last turn. */
  #weight = 0;

  /** `ceiling`: most values at a time; `heaviest`: most weight. Where one is passed, the generations turn early. */
  constructor(ceiling: number, heaviest: number) {
    this.#ceiling = ceiling;
    this.#heaviest = heaviest;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The value, which counts as used now. */
  get(name: string): V | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old !== undefined) this.set(name, old);
    return old;
  }

  set(name: string, value: V): void {
    this.#old.delete(name);
    if (this.#young.size >= this.#ceiling / 2) this.turn();
    this.#young.set(name, value);
  }

  /** A value has grown by that much. */
  weigh(weight: number): void {
    this.#weight += weight;
    if (this.#weight > this.#heaviest / 2) this.turn();
  }

  delete(name: string): void {
    this.#young.delete(name);
    this.#old.delete(name);
  }

  *values(): Iterable<V> {
    yield* this.#young.values();
    yield* this.#old.values();
  }

  turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#weight = 0;
  }
}
