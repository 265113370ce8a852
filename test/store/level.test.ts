import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Level } from 'level';
import type { Clock } from '../../src/base/clock.ts';
import { LevelStore } from '../../src/store/level.ts';
import { put, StoreError, table } from '../../src/store/store.ts';
import { storeSuite } from '../suites/store.ts';
import { newFolder } from '../support/folders.ts';
import { HandClock } from '../support/hand-clock.ts';
import { killedAfter } from '../support/killed.ts';
import { seededNumbers } from '../support/seeded.ts';

storeSuite('LevelStore', () => LevelStore.open(newFolder()));

const rows = table<unknown>('rows');

describe('LevelStore on its folder', () => {
  it('keeps rows over close and open', async () => {
    const folder = newFolder();
    const first = await LevelStore.open(folder);
    await first.commit([put(rows, 'ключ', { bytes: Uint8Array.of(0, 255) })]);
    await first.close();
    const second = await LevelStore.open(folder);
    assert.deepEqual(await second.get(rows, 'ключ'), { bytes: Uint8Array.of(0, 255) });
    await second.close();
  });

  it('finishes commits under way before it closes', async () => {
    const folder = newFolder();
    const first = await LevelStore.open(folder);
    const commits = Array.from({ length: 50 }, (_, i) => first.commit([put(rows, `${i}`, i)]));
    await first.close();
    await Promise.all(commits);
    const second = await LevelStore.open(folder);
    assert.equal((await second.list(rows)).length, 50);
    await second.close();
  });

  it('makes the folder, for its owner alone', async () => {
    const folder = join(newFolder(), 'deep', 'store');
    const store = await LevelStore.open(folder);
    await store.close();
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  });

  it('refuses a folder in use, naming it and what to do', async () => {
    const folder = newFolder();
    const first = await LevelStore.open(folder);
    await assert.rejects(LevelStore.open(folder), (error: unknown) => {
      assert.ok(error instanceof StoreError);
      assert.ok(error.message.includes(folder), error.message);
      assert.match(error.message, /in use by another process.*stop that one/);
      return true;
    });
    await first.commit([put(rows, 'a', 1)]);
    await first.close();
  });

  it('refuses a folder that holds other things', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'letter.txt'), '');
    await assert.rejects(LevelStore.open(folder), /is not a store, it holds letter\.txt/);
    assert.deepEqual(readdirSync(folder), ['letter.txt']);
  });

  it('refuses a path that is a file', async () => {
    const path = join(newFolder(), 'file');
    writeFileSync(path, '');
    await assert.rejects(LevelStore.open(path), StoreError);
  });

  it('refuses the database of another program', async () => {
    const folder = newFolder();
    const foreign = new Level(folder);
    await foreign.put('x', 'y');
    await foreign.close();
    await assert.rejects(LevelStore.open(folder), /database of another program/);
  });

  for (const [what, text, complaint] of [
    ['a newer layout', '{"layout":3}', /layout 3, this version knows layouts up to 2/],
    ['a layout row that is none', 'layout', /does not say its layout/],
  ] as const) {
    it(`refuses ${what}, and leaves the store as it is`, async () => {
      const folder = newFolder();
      await (await LevelStore.open(folder)).close();
      const raw = new Level(folder);
      await raw.put('!layout', text);
      await raw.close();
      await assert.rejects(LevelStore.open(folder), complaint);
      const again = new Level(folder);
      assert.equal(await again.get('!layout'), text);
      await again.close();
    });
  }

  it('takes over a store of layout 1, which versions of then refuse from now on', async () => {
    const folder = newFolder();
    const before = new Level(folder);
    await before.put('!layout', '{"layout":1}');
    await before.put('rows!a', '1');
    await before.close();
    const store = await LevelStore.open(folder);
    assert.equal(await store.get(rows, 'a'), 1);
    await store.close();
    const raw = new Level(folder);
    assert.equal(await raw.get('!layout'), '{"layout":2}');
    await raw.close();
  });

  it('says which row it cannot read', async () => {
    const folder = newFolder();
    await (await LevelStore.open(folder)).close();
    const raw = new Level(folder);
    await raw.put('rows!a', '{"$":7}');
    await raw.close();
    const store = await LevelStore.open(folder);
    await assert.rejects(store.get(rows, 'a'), /rows!a/);
    await assert.rejects(store.list(rows), StoreError);
    await store.close();
  });

  it('refuses a damaged store, and says to restore a backup', async () => {
    const folder = newFolder();
    await (await LevelStore.open(folder)).close();
    writeFileSync(join(folder, 'CURRENT'), 'MANIFEST-999999\n');
    await assert.rejects(LevelStore.open(folder), (error: unknown) => {
      assert.ok(error instanceof StoreError && error.message.includes(folder));
      return true;
    });
  });
});

describe('LevelStore whose disk fails', () => {
  it('rejects every commit that waited, with the cause', async (t) => {
    const store = await LevelStore.open(newFolder());
    await store.commit([put(rows, 'a', 1)]);
    const fault = new Error('no space left on device');
    const batch = t.mock.method(Level.prototype, 'batch', async () => {
      throw fault;
    });
    const ends = await Promise.allSettled(
      [1, 2, 3].map((i) => store.commit([put(rows, `${i}`, i)])),
    );
    assert.equal(batch.mock.callCount(), 1);
    for (const end of ends) {
      assert.ok(end.status === 'rejected' && end.reason instanceof StoreError);
      assert.equal(end.reason.cause, fault);
      assert.match(end.reason.message, /no space left on device/);
    }
    batch.mock.restore();
    await store.commit([put(rows, 'b', 2)]);
    assert.deepEqual(await store.list(rows), [
      ['a', 1],
      ['b', 2],
    ]);
    await store.close();
  });

  it('loses nothing that it acknowledges after the disk was full', async (t) => {
    const limit = fileSizeLimit();
    if (limit === undefined) {
      assert.equal(process.env.CI, undefined, 'prlimit is not installed');
      return t.skip('prlimit is not installed');
    }
    const folder = newFolder();
    const store = await LevelStore.open(folder);
    const kept: string[] = [];
    const commit = async (key: string, octets: number): Promise<boolean> => {
      try {
        await store.commit([put(rows, key, new Uint8Array(octets))]);
      } catch (error) {
        assert.ok(error instanceof StoreError);
        return false;
      }
      kept.push(key);
      return true;
    };
    for (let i = 0; i < 20; i++) assert.ok(await commit(`before ${i}`, 500));
    // What fits of the record is in the log.
    const [log] = readdirSync(folder).filter((name) => name.endsWith('.log'));
    assert.ok(log !== undefined);
    limit(statSync(join(folder, log)).size + 100);
    try {
      assert.equal(await commit('full', 500), false);
    } finally {
      limit('unlimited');
    }
    const reads = Array.from({ length: 20 }, (_, i) => store.get(rows, `before ${i}`));
    for (let i = 0; i < 200; i++) assert.ok(await commit(`after ${i}`, 500));
    for (const row of await Promise.all(reads)) assert.deepEqual(row, new Uint8Array(500));
    await store.close();
    const next = await LevelStore.open(folder);
    const found = (await next.list(rows)).map(([key]) => key);
    assert.deepEqual(found, kept.toSorted());
    await next.close();
  });
});

/** Sets the largest file that this process may write, in octets; undefined where that cannot be set. */
function fileSizeLimit(): ((octets: number | 'unlimited') => void) | undefined {
  const set = (octets: number | 'unlimited') =>
    spawnSync('prlimit', ['--pid', `${process.pid}`, `--fsize=${octets}:`]);
  return set('unlimited').status === 0 ? set : undefined;
}

describe('group commit', () => {
  it('gathers commits into few synced batches, in order', async (t) => {
    const store = await LevelStore.open(newFolder());
    const batch = t.mock.method(Level.prototype, 'batch');
    await Promise.all(Array.from({ length: 500 }, (_, i) => store.commit([put(rows, `${i}`, i)])));
    assert.equal(batch.mock.callCount(), 1);
    for (const call of batch.mock.calls) {
      const [, options] = call.arguments as readonly unknown[];
      assert.deepEqual(options, { sync: true });
    }
    await store.close();
  });

  it('resolves none before the disk has turned', async (t) => {
    const store = await LevelStore.open(newFolder());
    const turns: (() => void)[] = [];
    t.mock.method(
      Level.prototype,
      'batch',
      () => new Promise<void>((resolve) => turns.push(resolve)),
    );
    const done: string[] = [];
    const commit = async (name: string) => {
      await store.commit([put(rows, name, 1)]);
      done.push(name);
    };
    const first = commit('first');
    await new Promise(setImmediate);
    const others = [commit('second'), commit('third')];
    await new Promise(setImmediate);
    assert.deepEqual([done.length, turns.length], [0, 1]);
    turns[0]?.();
    await first;
    await new Promise(setImmediate);
    assert.deepEqual([done, turns.length], [['first'], 2]);
    turns[1]?.();
    await Promise.all(others);
    assert.deepEqual(done, ['first', 'second', 'third']);
    t.mock.restoreAll();
    await store.close();
  });
});

describe('commits that do not wait for the disk', () => {
  const unsynced = { sync: false };
  const forced = { sync: true };

  /** A store on a disk that can be broken, and whether each batch that it wrote or tried to was synced. */
  async function watched(test: TestContext, clock: Clock = new HandClock()) {
    const store = await LevelStore.open(newFolder(), clock);
    const synced: unknown[] = [];
    const disk = { broken: false };
    const { batch } = Level.prototype;
    test.mock.method(Level.prototype, 'batch', async function (this: Level, ...call: unknown[]) {
      const [, options] = call;
      synced.push(options);
      if (disk.broken) throw new Error('input/output error');
      await Reflect.apply(batch, this, call);
    });
    const note = (key: string) => store.commit([put(rows, key, 1)], { synced: false });
    return { store, disk, synced, note };
  }

  it('are not synced, each with those of its time', async (t) => {
    const { store, synced, note } = await watched(t);
    await Promise.all(['a', 'b', 'c'].map(note));
    await note('d');
    assert.deepEqual(synced, [unsynced, unsynced]);
    assert.equal((await store.list(rows)).length, 4);
    await store.close();
  });

  it('are synced with one that waits', async (t) => {
    const { store, synced, note } = await watched(t);
    await Promise.all([note('a'), store.commit([put(rows, 'b', 1)]), note('c')]);
    assert.deepEqual(synced, [forced]);
    await store.close();
    assert.deepEqual(synced, [forced], 'nothing is left to sync');
  });

  it('are synced a second after the first of them, once', async (t) => {
    const clock = new HandClock();
    const { store, synced, note } = await watched(t, clock);
    await note('a');
    await clock.turn(999);
    await note('b');
    assert.deepEqual(synced, [unsynced, unsynced]);
    await clock.turn(1);
    await store.get(rows, 'a');
    assert.deepEqual(synced, [unsynced, unsynced, forced]);
    await clock.turn(10_000);
    assert.deepEqual([synced.length, clock.pending], [3, 0], 'no more while nobody commits');
    await store.close();
    assert.equal(synced.length, 3);
  });

  it('need no sync of their own behind one that waited', async (t) => {
    const clock = new HandClock();
    const { store, synced, note } = await watched(t, clock);
    await note('a');
    await store.commit([put(rows, 'b', 1)]);
    await clock.turn(10_000);
    assert.deepEqual([synced, clock.pending], [[unsynced, forced], 0]);
    await store.close();
  });

  it('are synced by a close', async (t) => {
    const clock = new HandClock();
    const { store, synced, note } = await watched(t, clock);
    await note('a');
    await store.close();
    assert.deepEqual([synced, clock.pending], [[unsynced, forced], 0]);
  });

  it('are synced when the disk lets them, until the store is closed', async (t) => {
    const clock = new HandClock();
    const { store, disk, synced, note } = await watched(t, clock);
    await note('a');
    disk.broken = true;
    await clock.turn(1000);
    assert.deepEqual([synced, clock.pending], [[unsynced, forced], 1]);
    await clock.turn(1000);
    await assert.rejects(note('b'));
    assert.deepEqual([synced, clock.pending], [[unsynced, forced, forced, unsynced], 1]);
    disk.broken = false;
    await clock.turn(1000);
    await store.commit([put(rows, 'b', 1)]);
    assert.deepEqual([synced.slice(4), clock.pending], [[forced, forced], 0]);
    await note('c');
    disk.broken = true;
    await store.close();
    assert.deepEqual([synced.slice(6), clock.pending], [[unsynced, forced], 0]);
  });

  it('are refused where they cannot be written', async (t) => {
    const { store, disk, note } = await watched(t);
    disk.broken = true;
    await assert.rejects(note('a'), /input\/output error/);
    disk.broken = false;
    await note('b');
    assert.deepEqual(await store.list(rows), [['b', 1]]);
    await store.close();
  });
});

for (const [seed, waiting] of [
  [7, 'all'],
  [8, 'none'],
  [9, 'some'],
] as const) {
  describe(`LevelStore killed with SIGKILL where ${waiting} commits wait for the disk (seed ${seed})`, () => {
    killed(seed, waiting);
  });
}

function killed(seed: number, waiting: 'all' | 'none' | 'some'): void {
  it('has every row whose commit was acknowledged, and no half of a commit', async () => {
    const folder = join(newFolder(), 'store');
    mkdirSync(folder);
    const chance = seededNumbers(seed);
    const acknowledged: string[] = [];
    for (let round = 0; round < 4; round++) {
      const lines = 1 + Math.floor(chance() * 60);
      const printed = await killedAfter(
        new URL('commit-child.ts', import.meta.url),
        [folder, `${round * 1_000_000}`, waiting],
        { lines, grace: Math.floor(chance() * 40) },
      );
      assert.ok(printed.length >= lines);
      acknowledged.push(...printed);
      const store = await LevelStore.open(folder);
      const kept = new Set((await store.list(rows)).map(([key]) => key));
      await store.close();
      const missing = acknowledged.filter((key) => !kept.has(`a${key}`) || !kept.has(`b${key}`));
      assert.deepEqual(missing, []);
      for (const key of kept)
        assert.ok(kept.has(`b${key.slice(1)}`) && kept.has(`a${key.slice(1)}`));
    }
  });
}
