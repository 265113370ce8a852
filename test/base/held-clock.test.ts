import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeldClock } from '../../src/base/held-clock.ts';
import { HandClock } from '../support/hand-clock.ts';

describe('a clock that is held', () => {
  it('says the same time until it is released', async () => {
    const below = new HandClock();
    const clock = new HeldClock(below);
    const began = below.now();
    await below.turn(1);
    assert.equal(clock.now(), began + 1);
    clock.hold();
    await below.turn(10);
    assert.equal(clock.now(), began + 1);
    clock.release();
    assert.equal(clock.now(), began + 11);
  });

  it('rings all the same', async () => {
    const below = new HandClock();
    const clock = new HeldClock(below);
    let rung = 0;
    clock.hold();
    clock.after(5, () => rung++);
    clock.after(5, () => rung++)();
    await below.turn(5);
    assert.equal(rung, 1);
  });
});
