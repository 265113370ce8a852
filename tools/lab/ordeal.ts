/** What befalls a device in the middle of its download: another address, a reset, a restart of its eIM. */
import { LabError } from './eim-process.ts';

/** Each happens as the device first asks for that block of the bound profile package. */
export interface Ordeal {
  /** The NAT forgets the device. */
  readonly rebind?: number;
  /** The device loses power. */
  readonly reset?: number;
  /** The eIM is killed (SIGKILL), and started again. */
  readonly restart?: number;
}

type Act = keyof Ordeal;

export class OrdealRun {
  readonly #acts: Readonly<Record<Act, () => void | Promise<void>>>;
  /** What is still to come. */
  readonly #due: Map<Act, number>;
  readonly #begun: Promise<void>[] = [];

  constructor(ordeal: Ordeal, acts: Readonly<Record<Act, () => void | Promise<void>>>) {
    this.#acts = acts;
    this.#due = new Map();
    for (const act of ['rebind', 'reset', 'restart'] as const) {
      const block = ordeal[act];
      if (block !== undefined) this.#due.set(act, block);
    }
  }

  /** The device asks for that block; what is due happens as soon as its request is on its way. */
  asked(block: number): void {
    for (const [act, at] of this.#due) {
      if (at !== block) continue;
      this.#due.delete(act);
      const begun = new Promise<void>((resolve) => setImmediate(resolve)).then(this.#acts[act]);
      begun.catch(() => {}); // heard in `over`
      this.#begun.push(begun);
    }
  }

  /** Resolves once all that has begun is over; rejects with what failed, or with LabError where something never came. */
  async over(): Promise<void> {
    await Promise.all(this.#begun);
    for (const [act, block] of this.#due) {
      throw new LabError(`no ${act}: the device never asked for block ${block} of its profile`);
    }
  }
}
