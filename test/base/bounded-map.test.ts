/** A Map with a ceiling and a lifetime. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BoundedMap } from '../../src/base/bounded-map.ts';
import { HandClock } from '../support/hand-clock.ts';

function make(ceiling = 3, lifetime = 100, sameUse = 0) {
  const clock = new HandClock();
  const left: string[] = [];
  const map = new BoundedMap<string, number>({
    clock,
    ceiling,
    lifetime,
    sameUse,
    gone: (key, value, why) => left.push(`${key}=${value} ${why}`),
  });
  return { clock, map, left };
}

describe('BoundedMap', () => {
  it('keeps what was set, the newest value of each key', () => {
    const { map, left } = make();
    map.set('a', 1);
    map.set('a', 2);
    assert.equal(map.get('a'), 2);
    assert.equal(map.get('b'), undefined);
    assert.equal(map.size, 1);
    assert.deepEqual(left, []);
  });

  it('lets the one unused for longest go beyond its ceiling', () => {
    const { map, left } = make(2);
    map.set('a', 1);
    map.set('b', 2);
    map.get('a');
    map.set('c', 3);
    assert.deepEqual(left, ['b=2 ceiling']);
    assert.deepEqual([...map.values()], [1, 3]);
  });

  it('forgets what was not used for its lifetime', async () => {
    const { clock, map, left } = make(3, 100);
    map.set('a', 1);
    map.set('b', 2);
    await clock.turn(60);
    map.get('a');
    await clock.turn(60);
    assert.equal(map.get('b'), undefined);
    assert.equal(map.get('a'), 1);
    assert.deepEqual(left, ['b=2 lifetime']);
    await clock.turn(99);
    assert.equal(map.size, 1);
    await clock.turn(1);
    assert.equal(map.size, 0);
    assert.deepEqual([...map.values()], []);
  });

  it('counts uses that are close together as the first of them, where told so', async () => {
    const { clock, map, left } = make(2, 100, 10);
    map.set('a', 1);
    map.set('b', 2);
    await clock.turn(9);
    map.set('a', 3);
    assert.equal(map.get('a'), 3);
    map.set('c', 4);
    assert.deepEqual(left, ['a=3 ceiling']);
    await clock.turn(1);
    map.get('b');
    await clock.turn(99);
    assert.equal(map.get('b'), 2);
    assert.deepEqual(left, ['a=3 ceiling', 'c=4 lifetime']);
    clock.set(-1000);
    map.get('b');
    await clock.turn(100);
    assert.equal(map.get('b'), undefined);
  });

  it('does not tell of what was deleted', async () => {
    const { clock, map, left } = make();
    map.set('a', 1);
    assert.equal(map.delete('a'), true);
    assert.equal(map.delete('a'), false);
    await clock.turn(1000);
    map.sweep();
    assert.deepEqual(left, []);
  });

  it('sets no timer', () => {
    const { clock, map } = make();
    map.set('a', 1);
    assert.equal(clock.pending, 0);
  });

  it('never holds more than its ceiling, and tells of each that leaves', () => {
    const command = fc.record({
      what: fc.constantFrom('set', 'get', 'delete'),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    });
    fc.assert(
      fc.property(fc.array(command), (commands) => {
        const { map, left } = make(3);
        let set = 0;
        for (const { what, key } of commands) {
          const known = map.get(key) !== undefined;
          if (what === 'set') {
            map.set(key, 0);
            if (!known) set++;
          } else if (what === 'delete' && map.delete(key)) set--;
          assert.ok(map.size <= 3);
        }
        assert.equal(map.size + left.length, set);
      }),
    );
  });
});
