/** A process that can be killed: what it holds stays as it is, and what it began goes on without effect. */
import type { Cancel, Clock } from '../../src/base/clock.ts';
import type { ListOptions, Store, Table } from '../../src/store/store.ts';

/** When a process dies: just before its n-th commit (from 0) reaches the disk, or just after. */
export interface Death {
  readonly commit: number;
  readonly when: 'before' | 'after';
}

export class Life {
  #alive = true;
  #commits = 0;
  #death: Death | undefined;
  readonly #died: () => void;

  /** `died` is told of the death that was agreed on. */
  constructor(death?: Death, died: () => void = () => {}) {
    this.#death = death;
    this.#died = died;
  }

  /** Commits so far. */
  get commits(): number {
    return this.#commits;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** SIGKILL: no timer fires, no promise is kept, no commit reaches the disk from here on. */
  kill(): void {
    this.#alive = false;
  }

  /** It dies at a commit counted from now on. */
  dieAt({ commit, when }: Death): void {
    this.#death = { commit: this.#commits + commit, when };
  }

  clock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      after: (milliseconds, run): Cancel =>
        clock.after(milliseconds, () => {
          if (this.#alive) run();
        }),
    };
  }

  /** What a promise from outside gives, while there is somebody to hear of it. */
  async hears<T>(promise: Promise<T>): Promise<T> {
    const value = await promise;
    return this.#alive ? value : new Promise<never>(() => {});
  }

  store(store: Store): Store {
    return {
      get: <Row>(table: Table<Row>, key: string) => this.hears(store.get(table, key)),
      list: <Row>(table: Table<Row>, options?: ListOptions) =>
        this.hears(store.list(table, options)),
      commit: (changes, options) => this.#commit(() => store.commit(changes, options)),
      scrub: () => this.hears(store.scrub()),
      close: async () => {},
    };
  }

  #commit(commit: () => Promise<void>): Promise<void> {
    const due = this.#alive && this.#death?.commit === this.#commits++;
    if (due && this.#death?.when === 'before') this.#die();
    if (!this.#alive) return new Promise<never>(() => {});
    const committed = commit();
    if (due) this.#die();
    return this.hears(committed);
  }

  #die(): void {
    this.kill();
    this.#died();
  }
}
