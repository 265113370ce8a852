import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Alarms } from '../../src/base/alarms.ts';
import { HandClock } from '../support/hand-clock.ts';

function made() {
  const clock = new HandClock();
  const alarms = new Alarms(clock);
  const rung: string[] = [];
  const set = (name: string, milliseconds: number) =>
    alarms.after(milliseconds, () => rung.push(name));
  return { clock, alarms, rung, set };
}

describe('alarms', () => {
  it('ring when they are due, on one timer for each length', async () => {
    const { clock, alarms, rung, set } = made();
    set('a', 1000);
    await clock.turn(400);
    set('b', 1000);
    set('c', 100);
    assert.deepEqual([clock.pending, alarms.size], [2, 3]);
    await clock.turn(100);
    assert.deepEqual(rung, ['c']);
    await clock.turn(500);
    assert.deepEqual(rung, ['c', 'a']);
    await clock.turn(399);
    assert.deepEqual(rung, ['c', 'a']);
    await clock.turn(1);
    assert.deepEqual(rung, ['c', 'a', 'b']);
    assert.deepEqual([clock.pending, alarms.size], [0, 0]);
  });

  it('are cancelled, and the timer runs out once', async () => {
    const { clock, alarms, rung, set } = made();
    const cancel = set('a', 1000);
    await clock.turn(900);
    set('b', 1000);
    cancel();
    cancel();
    assert.equal(alarms.size, 1);
    await clock.turn(999);
    assert.deepEqual(rung, []);
    await clock.turn(1);
    assert.deepEqual(rung, ['b']);
    cancel();
    assert.deepEqual([clock.pending, alarms.size], [0, 0]);
  });

  it('may set and cancel others, and fail, while they ring', async () => {
    const { clock, alarms, rung, set } = made();
    alarms.after(1000, () => {
      set('c', 1000);
      cancel();
      throw new Error('one that fails');
    });
    const cancel = set('a', 1000);
    set('b', 1000);
    await assert.rejects(clock.turn(1000), /one that fails/);
    await clock.turn(0);
    assert.deepEqual(rung, ['b']);
    await clock.turn(1000);
    assert.deepEqual(rung, ['b', 'c']);
    assert.equal(clock.pending, 0);
  });

  it('ring once a time where they set themselves again, however long what they do takes', async () => {
    const { clock, alarms, rung } = made();
    const again = (milliseconds: number) => {
      rung.push(`${milliseconds}`);
      if (rung.length > 4) throw new Error('it rings without end');
      clock.set(2); // so long it takes
      alarms.after(milliseconds, () => again(milliseconds));
    };
    alarms.after(1000, () => again(1000));
    await clock.turn(1000);
    assert.deepEqual(rung, ['1000']);
    await clock.turn(1001);
    assert.deepEqual(rung, ['1000']);
    await clock.turn(1);
    assert.deepEqual(rung, ['1000', '1000']);
    alarms.close();
    alarms.after(0, () => again(0));
    await assert.rejects(clock.turn(10), /without end/);
  });

  it('ring in time where somebody sets the clock back, and at the latest then', async () => {
    const { clock, rung, set } = made();
    set('a', 1000);
    clock.set(-3_600_000);
    set('b', 1000);
    await clock.turn(1000);
    assert.deepEqual(rung, ['a', 'b']);
  });

  it('are all cancelled when it closes', async () => {
    const { clock, alarms, rung, set } = made();
    set('a', 1000);
    set('b', 2000);
    alarms.close();
    assert.deepEqual([clock.pending, alarms.size], [0, 0]);
    await clock.turn(5000);
    assert.deepEqual(rung, []);
  });
});
