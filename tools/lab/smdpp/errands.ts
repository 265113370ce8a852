/**
 * What the SM-DP+ has to tell others and may tell late: events to be deleted at an SM-DS (ES12), progress to the operator
 * (ES2+). Each is kept until it was taken, one at a time in order for each address.
 */
import type { Cancel, Clock } from '../../../src/base/clock.ts';
import type { Log } from '../../../src/base/log.ts';
import { type JsonClient, PeerError, type PeerRequest } from '../server/json-client.ts';

/** An errand to an operator that is not there must not fill the memory. */
const ceiling = 1000;
const firstPause = 30_000;
const longestPause = 10 * 60_000;

export class Errands {
  readonly #client: JsonClient;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #save: () => void;
  #due: PeerRequest[] = [];
  #running: Promise<void> | undefined;
  #pause = firstPause;
  #cancel: Cancel = () => {};
  #closed = false;

  constructor(options: { client: JsonClient; clock: Clock; log: Log; save: () => void }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#save = options.save;
  }

  get due(): readonly PeerRequest[] {
    return this.#due;
  }

  add(...errands: readonly PeerRequest[]): void {
    this.#due.push(...errands);
    if (this.#due.length > ceiling) this.#due.splice(0, this.#due.length - ceiling);
    this.run();
  }

  /** Begins now, unless it runs already; what was not taken is tried again later. */
  run(): void {
    this.#cancel();
    if (this.#closed || this.#due.length === 0) return;
    this.#running ??= this.#runAll()
      .catch((error: unknown) => this.#log.error('errand failed', { error: String(error) }))
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Kept once whatever runs has ended. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.idle();
  }

  async #runAll(): Promise<void> {
    const silent = new Set<string>();
    for (;;) {
      const next = this.#due.find(({ address }) => !silent.has(address));
      if (next === undefined || this.#closed) break;
      if (await this.#taken(next)) {
        this.#due = this.#due.filter((one) => one !== next);
        this.#pause = firstPause;
        this.#save();
      } else silent.add(next.address);
    }
    if (this.#due.length === 0 || this.#closed) return;
    this.#cancel = this.#clock.after(this.#pause, () => this.run());
    this.#pause = Math.min(2 * this.#pause, longestPause);
  }

  /** A refusal is an answer: asking again would not change it. */
  async #taken(errand: PeerRequest): Promise<boolean> {
    try {
      const { refusal } = await this.#client.post(errand);
      if (refusal !== undefined) this.#log.warn('refused', { path: errand.path, refusal });
      return true;
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      this.#log.warn('not told', { path: errand.path, why: error.message });
      return false;
    }
  }
}
