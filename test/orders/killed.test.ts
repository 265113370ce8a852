import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { Euiccs } from '../../src/fleet/euiccs.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { LevelStore } from '../../src/store/level.ts';
import { newFolder } from '../support/folders.ts';
import { killedAfter } from '../support/killed.ts';
import { seededNumbers } from '../support/seeded.ts';
import { bench } from './support.ts';

describe('an eIM killed with SIGKILL in the middle of its work (seed 11)', () => {
  it('has each order that it accepted, and no counter below one that it handed out', async () => {
    const folder = join(newFolder(), 'store');
    const chance = seededNumbers(11);
    const accepted = new Set<string>();
    /** By eUICC, every counterValue handed out so far. */
    const handedOut = new Map<string, number[]>();
    for (let round = 0; round < 3; round++) {
      const lines = await killedAfter(new URL('order-child.ts', import.meta.url), [folder], {
        lines: 10 + Math.floor(chance() * 80),
        grace: Math.floor(chance() * 40),
      });
      const store = await LevelStore.open(folder);
      const { orders, clock } = bench({}, store);
      const euiccs = new Euiccs({ store, clock, log: silentLog() });
      for (const line of lines) {
        const [what, id = '', eid = '', counter] = line.split(' ');
        if (what === 'submitted') accepted.add(id);
        if (what !== 'sent') continue;
        const order = await orders.get(id);
        assert.ok(order !== undefined && order.state.at !== 'new', line);
        assert.equal(order.state.dispatch?.counterValue, Number(counter));
        handedOut.set(eid, [...(handedOut.get(eid) ?? []), Number(counter)]);
      }
      const kept = new Set((await orders.list()).map(({ id }) => id));
      assert.deepEqual(
        [...accepted].filter((id) => !kept.has(id)),
        [],
      );
      for (const { stages: [first, second] = [], state } of await orders.list()) {
        if (second === undefined) continue;
        const isDone = first?.state.at === 'done';
        assert.equal(
          second.began !== undefined,
          isDone,
          'a stage begins as the one before it ends',
        );
        assert.equal(state.at === 'done', second.state.at === 'done');
      }
      for (const [eid, counters] of handedOut) {
        assert.equal(new Set(counters).size, counters.length, `a counter of ${eid} came twice`);
        const { counterValue } = await euiccs.nextCounter(parseEid(eid));
        assert.ok(counterValue > Math.max(...counters));
      }
      await store.close();
    }
    assert.ok(accepted.size > 0 && handedOut.size > 0);
  });
});
