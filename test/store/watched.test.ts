import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MemoryStore } from '../../src/store/memory.ts';
import { type Change, type CommitOptions, put, table } from '../../src/store/store.ts';
import { WatchedStore } from '../../src/store/watched.ts';
import { HandClock } from '../support/hand-clock.ts';

it('WatchedStore asks of its store what is asked of it', async () => {
  const asked: unknown[] = [];
  class Asked extends MemoryStore {
    override async commit(changes: readonly Change[], options?: CommitOptions): Promise<void> {
      asked.push([changes, options]);
    }
  }
  const store = new WatchedStore({ store: new Asked(), clock: new HandClock(), elapsed: () => 0 });
  const changes = [put(table<number>('rows'), 'a', 1)];
  await store.commit(changes);
  await store.commit(changes, { synced: false });
  assert.deepEqual(asked, [
    [changes, undefined],
    [changes, { synced: false }],
  ]);
});
