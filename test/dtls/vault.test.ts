/** What waits to be written is written, whatever else is written under its key at that moment (S02). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex, toHex } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { type Notable, Vault } from '../../src/dtls/vault.ts';
import { HandClock, settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { Disk } from './support/disk.ts';

function vault(store: Disk, seed: number): Vault {
  const key = new Uint8Array(32).fill(9);
  const common = { clock: new HandClock(), random: seededRandom(seed), log: silentLog() };
  return new Vault({ store, key, lookups: 10, ...common });
}

/** A connection as the vault sees it. */
class Live implements Notable {
  readonly keyText: string;
  readonly id = '00'.repeat(12);
  readonly isOver = false;
  readonly takesNumbers = false;
  isToNote = false;
  written = 0;

  constructor(n: number) {
    this.keyText = `01AA0${n}`;
  }

  get key(): Uint8Array {
    return hex(this.keyText);
  }

  pack() {
    return { octets: this.key, lastContact: 0 };
  }

  note() {
    return { next: 256, window: { right: 1, near: 0, far: 0 } };
  }

  packed(): void {
    this.written++;
  }
}

/** A store with the journal of a run before: what it noted of three connections. */
async function storeOfBefore(lives: readonly Live[]): Promise<Disk> {
  const disk = new Disk();
  const before = vault(disk, 1);
  for (const one of lives) before.save(one);
  await before.settled();
  for (const one of lives) before.note(one);
  await before.settled();
  return disk;
}

describe('notes of a run before', () => {
  const three = () => [1, 2, 3].map((n) => new Live(n));

  it('are worked into the rows of connections, and deleted', async () => {
    const disk = await storeOfBefore(three());
    const now = vault(disk, 2);
    const redone: string[] = [];
    await now.workIn((key, octets) => {
      redone.push(toHex(key));
      return { octets, lastContact: 0 };
    });
    await now.settled();
    assert.deepEqual(redone, ['01AA01', '01AA02', '01AA03']);
    assert.deepEqual([...disk.entries.keys()].sort(), redone);
  });

  for (const [when, first] of [
    ['before its row is looked at', true],
    ['while its row is looked at', false],
  ] as const) {
    it(`keep no connection waiting that speaks ${when}`, async () => {
      const disk = await storeOfBefore(three());
      const now = vault(disk, 2);
      await now.former();
      const release = disk.hold();
      now.save(new Live(9)); // a batch is under way all the while
      await settled();
      const live = new Live(2);
      if (first) now.note(live);
      const worked = now.workIn((_key, octets) => ({ octets, lastContact: 0 }));
      if (!first) now.note(live);
      await worked;
      await settled();
      release();
      await now.settled();
      assert.equal(live.written, 1);
    });
  }

  it('keep nobody waiting where something else is due under the same key', async () => {
    const now = vault(new Disk(), 2);
    const live = new Live(1);
    now.note(live);
    now.delete(live.key); // of one that was there before
    await now.settled();
    assert.equal(live.written, 1);
  });
});
