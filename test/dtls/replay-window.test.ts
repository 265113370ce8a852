/** The replay window against the plainest window there is: the set of all numbers received (RFC 6347 §4.1.2.6). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ReplayWindow } from '../../src/dtls/replay-window.ts';

const width = 64;

/** Which numbers of the last ones up to `right` are new, by a set. */
function expected(received: ReadonlySet<number>, right: number): readonly number[] {
  const first = Math.max(0, right - width + 1);
  const inWindow = Array.from({ length: right - first + 1 }, (_, i) => first + i);
  return inWindow.filter((number) => !received.has(number));
}

function news(window: ReplayWindow, right: number): readonly number[] {
  const all = Array.from({ length: right + 1 }, (_, number) => number);
  return all.filter((number) => window.isNew(number));
}

describe('ReplayWindow', () => {
  // Steps to both sides of a half (32) and of the whole (64), where the halves shift into one another.
  for (const step of [1, 31, 32, 33, 63, 64, 65]) {
    it(`remembers what came, however far the window slides: by ${step}`, () => {
      const window = new ReplayWindow();
      const received = new Set<number>();
      for (const number of [0, 1, 5, 31, 40, 40 + step, 41 + step, 41 + 2 * step]) {
        window.receive(number);
        received.add(number);
        const right = Math.max(...received);
        assert.deepEqual(news(window, right), expected(received, right), `after ${number}`);
      }
    });
  }

  it('knows after any numbers in any order what a set of them knows', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { minLength: 1, maxLength: 60 }), (numbers) => {
        const window = new ReplayWindow();
        const received = new Set<number>();
        for (const number of numbers) {
          window.receive(number);
          received.add(number);
        }
        const right = Math.max(...received);
        assert.deepEqual(news(window, right), expected(received, right));
        assert.ok(window.isNew(right + 1));
      }),
    );
  });
});
