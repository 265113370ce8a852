/** A store for connections in memory, as slow and as unreliable as a test has it. Survives its servers. */
import { toHex } from '../../../src/base/bytes.ts';
import type { ConnectionStore, Kept } from '../../../src/dtls/connection-store.ts';

export class Disk implements ConnectionStore {
  readonly entries = new Map<string, Kept>();
  /** What a power cut brings back: how entries were before the first write that was not made to last. */
  readonly #before = new Map<string, Kept | undefined>();
  /** How often something was saved, and looked up. */
  saves = 0;
  loads = 0;
  /** Saves wait for this. */
  busy: Promise<void> = Promise.resolve();
  broken = false;

  async save(kept: readonly Kept[], gone: readonly Uint8Array[], lasting: boolean): Promise<void> {
    await this.busy;
    if (this.broken) throw new Error('no space left');
    this.saves++;
    for (const one of kept) this.#set(toHex(one.key), one);
    for (const key of gone) this.#set(toHex(key), undefined);
    if (lasting) this.#before.clear();
  }

  async load(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.loads++;
    return this.entries.get(toHex(key))?.octets;
  }

  async list(after: Uint8Array | undefined, limit: number): Promise<readonly Kept[]> {
    const from = after === undefined ? '' : toHex(after);
    const keys = [...this.entries.keys()].filter((key) => key > from).sort();
    return keys.slice(0, limit).flatMap((key) => this.entries.get(key) ?? []);
  }

  /** Nothing more is written until the function that it gives is called. */
  hold(): () => void {
    let release = () => {};
    this.busy = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  /** The disk as it is now, for the life after a crash. */
  copy(): Disk {
    const copy = new Disk();
    for (const [key, one] of this.entries) copy.entries.set(key, one);
    for (const [key, one] of this.#before) copy.#before.set(key, one);
    return copy;
  }

  /** What was not made to last is undone; gives of how many entries. */
  cutPower(): number {
    const undone = this.#before.size;
    for (const [key, one] of this.#before) this.#set(key, one);
    this.#before.clear();
    return undone;
  }

  #set(key: string, one: Kept | undefined): void {
    if (!this.#before.has(key)) this.#before.set(key, this.entries.get(key));
    if (one === undefined) this.entries.delete(key);
    else this.entries.set(key, one);
  }
}
