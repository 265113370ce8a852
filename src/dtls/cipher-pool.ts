/**
 * Which connections have ciphers of their own: those that speak often. A cipher that lives on saves a third to a half of
 * what it takes to protect a record, but holds some 3 KiB, and most connections are silent.
 */
import { CcmBench } from './ccm.ts';

/** What may have ciphers of its own. */
export interface CipherHolder {
  /** Whether it was used since it was last asked; says so once. */
  wasUsed(): boolean;
  /** Lets its ciphers go. */
  cool(): void;
}

/** Both directions of 2,048 connections: some 12 MiB. */
const mostHolders = 4096;

export class CipherPool {
  readonly bench = new CcmBench();
  readonly #most: number;
  /** The one that was asked longest ago, first. */
  readonly #holders = new Set<CipherHolder>();

  constructor(most = mostHolders) {
    this.#most = most;
  }

  /**
   * Whether it may have ciphers from now on. One that was not used for a while makes way; where all are used, each
   * newcomer asks the next, so that more connections than there is room for do not take turns to make ciphers.
   */
  admit(newcomer: CipherHolder): boolean {
    if (this.#holders.size >= this.#most && !this.#makeRoom()) return false;
    this.#holders.add(newcomer);
    return true;
  }

  /** It is needed no more: its keys go with it. */
  release(holder: CipherHolder): void {
    if (this.#holders.delete(holder)) holder.cool();
  }

  #makeRoom(): boolean {
    const [oldest] = this.#holders;
    if (oldest === undefined) return false;
    this.#holders.delete(oldest);
    if (oldest.wasUsed()) {
      this.#holders.add(oldest);
      return false;
    }
    oldest.cool();
    return true;
  }
}
