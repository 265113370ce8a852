/** The interval of a device's polls, learned from them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { afterPoll, Calls, type PollTimes, pollInterval } from '../../src/fleet/poll-times.ts';

const minute = 60_000;
const hour = 60 * minute;

/** A device that begins a call at each of these times, polls `polls` times a second apart, and rests where it does. */
function called(begins: readonly number[], { polls = 3, rests = true } = {}): PollTimes {
  let times: PollTimes | undefined;
  let last: number | undefined;
  for (const begin of begins) {
    for (let i = 0; i < polls; i++) {
      const now = begin + i * 1000;
      times = afterPoll(times, last, now);
      last = now;
    }
    if (rests && times !== undefined) times = { ...times, rests: true };
  }
  return times ?? assert.fail('no poll');
}

describe('the interval of polls', () => {
  it('is unknown before the second call', () => {
    assert.equal(pollInterval(called([0])), undefined);
  });

  it('is from the beginning of a call to that of the next, however many polls each has', () => {
    for (const polls of [1, 2, 9]) {
      const times = called([0, hour, 2 * hour], { polls });
      assert.equal(pollInterval(times), hour);
      assert.equal(times.began, 2 * hour);
    }
  });

  it('is the usual one, whatever one night was like', () => {
    const times = called([0, hour, 2 * hour, 30 * hour, 31 * hour, 32 * hour]);
    assert.equal(pollInterval(times), hour);
  });

  it('is counted on in place, and what was given out before stays as it was', () => {
    const calls = new Calls(called([0]));
    const given = calls.times;
    for (const n of [1, 2, 3, 4, 5, 6]) {
      calls.polled((n - 1) * hour, n * hour);
      calls.polled(n * hour, n * hour + minute);
      assert.equal(calls.rests, false);
      calls.rest();
    }
    assert.deepEqual(given, { began: 0, rests: true, periods: [] });
    assert.deepEqual(calls.times, called([0, 1, 2, 3, 4, 5, 6].map((n) => n * hour)));
  });

  it('follows a device that changes its ways', () => {
    const days = [1, 2, 3].map((n) => 5 * hour + n * 24 * hour);
    const times = called([0, hour, 2 * hour, 3 * hour, 4 * hour, 5 * hour, ...days]);
    assert.equal(pollInterval(times), 24 * hour);
    assert.equal(times.periods.length, 5);
  });

  it('takes a long silence for the end of a call, and a download of minutes for none', () => {
    assert.equal(pollInterval(called([0, hour], { rests: false })), hour);
    assert.equal(pollInterval(called([0, 5 * minute], { rests: false })), undefined);
  });
});
