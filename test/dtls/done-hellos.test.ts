/** Which hellos have had their handshakes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DoneHellos } from '../../src/dtls/done-hellos.ts';
import { HandClock } from '../support/hand-clock.ts';

const lifetime = 1000;
const there = { address: '192.0.2.1', port: 5684 };

function make(ceiling = 1000) {
  const clock = new HandClock();
  return { clock, done: new DoneHellos({ clock, lifetime, ceiling, seed: 7 }) };
}

/** A random that is another for each number. */
function random(number: number): Uint8Array {
  const octets = new Uint8Array(32).fill(1);
  octets[30] = number >> 8;
  octets[31] = number;
  return octets;
}

describe('DoneHellos', () => {
  it('knows a hello by its random, its address and its port together', () => {
    const { done } = make();
    done.add(random(1), there);
    assert.equal(done.has(random(1), there), true);
    assert.equal(done.has(random(2), there), false);
    assert.equal(done.has(random(1), { ...there, port: 5685 }), false);
    assert.equal(done.has(random(1), { ...there, address: '192.0.2.2' }), false);
    assert.equal(done.has(random(1), { ...there, address: '2001:db8::1' }), false);
    done.add(random(1), { ...there, address: '2001:db8::1' });
    assert.equal(done.has(random(1), { ...there, address: '2001:db8::1' }), true);
  });

  it('remembers each for its lifetime, and for twice that at the most', () => {
    const { clock, done } = make();
    clock.set(lifetime - 1);
    done.add(random(1), there);
    clock.set(lifetime - 1);
    assert.equal(done.has(random(1), there), true);
    clock.set(lifetime + 1);
    assert.equal(done.has(random(1), there), false);
  });

  it('forgets all that was long ago when it is asked again at last', () => {
    const { clock, done } = make();
    done.add(random(1), there);
    clock.set(5 * lifetime);
    assert.equal(done.has(random(1), there), false);
  });

  it('remembers the last ones up to its ceiling, and no more than twice as many', () => {
    const { done } = make(100);
    for (let i = 0; i < 1000; i++) done.add(random(i), there);
    const known = Array.from({ length: 1000 }, (_, i) => done.has(random(i), there));
    assert.ok(known.slice(-100).every((one) => one));
    assert.ok(known.filter((one) => one).length <= 200);
  });

  it('is a set, whatever comes', () => {
    const entry = fc.record({
      number: fc.nat({ max: 300 }),
      port: fc.integer({ min: 1, max: 65_535 }),
    });
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 500 }),
        fc.array(entry),
        fc.integer(),
        (...given) => {
          const [added, asked, seed] = given;
          const clock = new HandClock();
          const done = new DoneHellos({ clock, lifetime, ceiling: 1000, seed });
          const names = new Set<string>();
          for (const { number, port } of added) {
            done.add(random(number), { ...there, port });
            names.add(`${number} ${port}`);
          }
          for (const { number, port } of [...added, ...asked]) {
            assert.equal(
              done.has(random(number), { ...there, port }),
              names.has(`${number} ${port}`),
            );
          }
        },
      ),
    );
  });
});
