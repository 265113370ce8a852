import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { Slab } from '../../src/dtls/slab.ts';
import { seededNumbers, seededRandom } from '../support/seeded.ts';

describe('a slab', () => {
  for (const seed of [1, 2, 3]) {
    it(`holds what a Map would, in the order of the lists (seed ${seed})`, () => {
      const next = seededNumbers(seed);
      const random = seededRandom(seed);
      const slab = new Slab({ slot: 64, lists: 2, seed });
      const model = [new Map<string, string>(), new Map<string, string>()] as const;
      const keys = Array.from({ length: 300 }, () => random(1 + Math.floor(next() * 12)));
      for (let step = 0; step < 20_000; step++) {
        const key = keys[Math.floor(next() * keys.length)] ?? random(1);
        const name = toHex(key);
        if (next() < 0.6) {
          const list = next() < 0.5 ? 0 : 1;
          const value = random(Math.floor(next() * 90)); // some stand beside
          for (const one of model) one.delete(name);
          model[list].set(name, toHex(value));
          slab.put(key, value, list);
        } else {
          const known = [model[0].delete(name), model[1].delete(name)].some(Boolean);
          assert.equal(slab.delete(key), known);
        }
        const value = model[0].get(name) ?? model[1].get(name);
        const found = slab.get(key);
        assert.equal(found === undefined ? undefined : toHex(found), value);
      }
      assert.equal(slab.size, model[0].size + model[1].size);
      for (const list of [0, 1] as const) {
        assert.equal(slab.sizeOf(list), model[list].size);
        const [oldest] = model[list].keys();
        assert.equal(toHex(slab.oldest(list) ?? new Uint8Array()), oldest);
      }
      const all = [...slab.entries()].map(([key, value]) => [toHex(key), toHex(value)]);
      assert.deepEqual(all, [...model[0], ...model[1]]);
    });
  }

  it('gives copies, and clears what has left', () => {
    const slab = new Slab({ slot: 64, seed: 0 });
    const key = Uint8Array.of(1);
    slab.put(key, Uint8Array.of(1, 2, 3));
    slab.get(key)?.fill(9);
    assert.deepEqual(slab.get(key), Uint8Array.of(1, 2, 3));
    assert.deepEqual(slab.take(key), Uint8Array.of(1, 2, 3));
    assert.equal(slab.take(key), undefined);
    assert.equal(slab.oldest(), undefined);
  });

  it('takes little more than its slots', () => {
    const slab = new Slab({ slot: 256, seed: 5 });
    const random = seededRandom(5);
    for (let n = 0; n < 20_000; n++) slab.put(random(9), random(200));
    assert.ok(slab.octets / slab.size < 300, `${slab.octets / slab.size} octets each`);
  });
});
