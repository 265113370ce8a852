/** Things in the order of their last use. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type InOrder, UseOrder } from '../../src/base/use-order.ts';

class Thing implements InOrder<Thing> {
  readonly name: number;
  older: Thing | undefined;
  newer: Thing | undefined;

  constructor(name: number) {
    this.name = name;
  }
}

function things(count: number): readonly Thing[] {
  return Array.from({ length: count }, (_, name) => new Thing(name));
}

describe('UseOrder', () => {
  it('is in the order that a Set with what was used put behind has', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('use', 'delete'), fc.nat(7)), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, (taken) => {
        const all = things(8);
        const order = new UseOrder<Thing>();
        const model = new Set<Thing>();
        for (const [step, name] of taken) {
          const one = all[name];
          assert.ok(one);
          const was = model.delete(one);
          if (step === 'use') {
            order.use(one);
            model.add(one);
          } else assert.equal(order.delete(one), was);
        }
        assert.deepEqual(
          [...order].map(({ name }) => name),
          [...model].map(({ name }) => name),
        );
        assert.equal(order.size, model.size);
        assert.equal(order.oldest, [...model][0]);
        for (const one of all) assert.equal(order.has(one), model.has(one));
      }),
    );
  });

  it('goes on behind one that is used or taken out as it is given', () => {
    const order = new UseOrder<Thing>();
    for (const one of things(4)) order.use(one);
    const given: number[] = [];
    for (const one of order) {
      given.push(one.name);
      if (one.name === 1) order.delete(one);
      if (one.name === 2) order.use(one);
      if (given.length > 6) break;
    }
    assert.deepEqual(given, [0, 1, 2, 3, 2]);
  });
});
