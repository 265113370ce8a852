/** Readiness: what the store, the sockets and a stop make of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Drops, type LogLine, makeLog } from '../src/base/log.ts';
import { Health } from '../src/health.ts';
import { MemoryStore } from '../src/store/memory.ts';
import { type Change, put, StoreError, table } from '../src/store/store.ts';
import { WatchedStore } from '../src/store/watched.ts';
import { HandClock, settled } from './support/hand-clock.ts';

/** A disk that fails or hangs on command. */
class Disk extends MemoryStore {
  state: 'good' | 'full' | 'hangs' = 'good';

  override async commit(changes: readonly Change[]): Promise<void> {
    if (this.state === 'full') throw new StoreError('the store cannot be written: no space');
    if (this.state === 'hangs') return new Promise(() => {});
    return super.commit(changes);
  }
}

function bench() {
  const disk = new Disk();
  const clock = new HandClock();
  const told: (readonly [took: number, failed: boolean])[] = [];
  let now = 0;
  const store = new WatchedStore({
    store: disk,
    clock,
    elapsed: () => now++,
    watcher: (took, failed) => told.push([took, failed]),
  });
  const lines: LogLine[] = [];
  const log = makeLog('eim', (line) => lines.push(line), new Drops());
  const health = new Health({ store, clock, log });
  health.listens(true);
  /** What the log says of the store: the words after its event, or the event. */
  const logged = () => lines.map(({ event, fields }) => fields.why ?? event);
  return { disk, clock, told, store, health, logged };
}

const rows = table<number>('row');

describe('readiness', () => {
  it('asks the store by a commit, and only where none told lately', async () => {
    const { told, store, health } = bench();
    assert.equal((await health.readiness()).ready, true);
    assert.deepEqual(told, [[1, false]]);
    await health.readiness();
    await store.commit([put(rows, 'a', 1)]);
    await health.readiness();
    assert.equal(told.length, 2);
  });

  it('is gone while the store cannot be written, and comes back by itself', async () => {
    const { disk, store, health, logged } = bench();
    disk.state = 'full';
    await assert.rejects(store.commit([put(rows, 'a', 1)]), StoreError);
    const { ready, checks } = await health.readiness();
    assert.equal(ready, false);
    assert.equal(checks.store, 'cannot be written: the log says why');
    await health.readiness();
    disk.state = 'good';
    assert.equal((await health.readiness()).ready, true);
    await health.readiness();
    const why = 'the store cannot be written: no space';
    assert.deepEqual(logged(), [why, 'eim: the store can be written again'], 'each once');
  });

  it('is gone while a disk hangs', async () => {
    const { disk, clock, health, logged } = bench();
    disk.state = 'hangs';
    const asked = health.readiness();
    await settled();
    await clock.turn(5000);
    assert.equal((await asked).checks.store, 'cannot be written: the log says why');
    assert.deepEqual(logged(), ['not written within 5 s']);
  });

  it('is gone while nobody listens, and from the beginning of a stop', async () => {
    const { health } = bench();
    health.listens(false);
    assert.deepEqual((await health.readiness()).checks.coaps, 'not listening');
    health.listens(true);
    health.stops();
    const { ready, checks } = await health.readiness();
    assert.deepEqual([ready, checks.stopping], [false, 'stopping']);
  });
});
