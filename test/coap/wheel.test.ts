/** The timer wheel: any number of alarms, one timer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TimerWheel } from '../../src/coap/wheel.ts';
import { HandClock } from '../support/hand-clock.ts';
import { seededNumbers } from '../support/seeded.ts';

function made() {
  const clock = new HandClock();
  const rung: string[] = [];
  const wheel = new TimerWheel(clock);
  const set = (name: string, milliseconds: number) =>
    wheel.after(milliseconds, () => rung.push(name));
  return { clock, wheel, rung, set };
}

describe('timer wheel', () => {
  it('C20 rings ten thousand alarms in their order, each within a tick, on one timer', async () => {
    const { clock, wheel } = made();
    const chance = seededNumbers(1);
    const began = clock.now();
    const rung: number[] = [];
    const due = Array.from({ length: 10_000 }, () => Math.floor(chance() * 60_000));
    for (const milliseconds of due) {
      wheel.after(milliseconds, () => {
        const late = clock.now() - began - milliseconds;
        assert.ok(late >= 0 && late <= 50, `${late} ms late`);
        rung.push(Math.ceil(milliseconds / 50));
      });
    }
    assert.equal(clock.pending, 1);
    await clock.turn(60_000);
    assert.deepEqual(
      rung,
      due.map((milliseconds) => Math.ceil(milliseconds / 50)).sort((a, b) => a - b),
    );
    assert.equal(clock.pending, 0);
  });

  it('rings none that is cancelled, also by its neighbour, and takes its timer back', async () => {
    const { clock, wheel, rung, set } = made();
    const cancel = set('one', 100);
    cancel();
    cancel();
    assert.equal(clock.pending, 0);
    let neighbour = () => {};
    wheel.after(100, () => {
      rung.push('first');
      neighbour();
    });
    neighbour = set('second', 100);
    set('third', 100);
    await clock.turn(1_000);
    assert.deepEqual(rung, ['first', 'third']);
  });

  it('rings what an alarm sets, for now and for an earlier time than others', async () => {
    const { clock, wheel, rung, set } = made();
    set('late', 10_000);
    wheel.after(50, () => {
      set('now', 0);
      set('soon', 100);
    });
    await clock.turn(200);
    assert.deepEqual(rung, ['now', 'soon']);
    assert.equal(clock.pending, 1);
    wheel.close();
    assert.equal(clock.pending, 0);
    await clock.turn(20_000);
    assert.deepEqual(rung, ['now', 'soon']);
  });

  it('rings nothing once it is closed, by an alarm or before one is set', async () => {
    const { clock, wheel, rung, set } = made();
    wheel.after(50, () => wheel.close());
    set('neighbour', 50);
    await clock.turn(1_000);
    set('later', 10)();
    set('never', 10);
    assert.equal(clock.pending, 0);
    await clock.turn(1_000);
    assert.deepEqual(rung, []);
  });

  it('keeps nobody waiting for longer when the clock is set back, seen or not', async () => {
    for (const looks of [false, true]) {
      const { clock, wheel, rung, set } = made();
      set('a', 1_000);
      set('b', 5_000);
      await clock.turn(500);
      clock.set(-3_600_000);
      if (looks) wheel.after(20_000, () => {});
      await clock.turn(1_000);
      assert.deepEqual(rung, ['a']);
      await clock.turn(4_000);
      assert.deepEqual(rung, ['a', 'b']);
    }
  });
});
