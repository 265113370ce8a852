/** A store that fails from a commit on, as a disk that is full or a process that dies: what came before is kept. */
import { MemoryStore } from '../../src/store/memory.ts';
import { type Change, StoreError } from '../../src/store/store.ts';

export class CrashingStore extends MemoryStore {
  /** Commits that still succeed. */
  left = Number.POSITIVE_INFINITY;

  override async commit(changes: readonly Change[]): Promise<void> {
    if (this.left <= 0) throw new StoreError('the disk is gone');
    this.left -= 1;
    await super.commit(changes);
  }
}
