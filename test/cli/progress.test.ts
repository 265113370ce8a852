/** The progress of a long command: on a terminal only, at a measured pace, gone at the end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Progress } from '../../src/cli/progress.ts';

function drawn(options: { isTTY?: boolean; columns?: number; shown?: boolean } = {}) {
  const { isTTY = true, columns = 60, shown = true } = options;
  const writes: string[] = [];
  let now = 0;
  const stream = { isTTY, columns, write: (text: string) => writes.push(text) };
  const progress = new Progress({ stream, total: 200, shown, now: () => now });
  return {
    writes,
    progress,
    at(milliseconds: number, done: number) {
      now = milliseconds;
      progress.at(done);
    },
  };
}

describe('progress', () => {
  it('is a bar with count, rate and time left, that fits the terminal', () => {
    const { writes, at, progress } = drawn();
    at(0, 0);
    at(1000, 50);
    at(2000, 200);
    progress.end();
    assert.deepEqual(
      writes.map((text) => text.replace('\u001b[2K\r', '')),
      [
        `[${'.'.repeat(40)}]   0%  0/200`,
        `[${'#'.repeat(7)}${'.'.repeat(22)}]  25%  50/200  50/s  3s left`,
        `[${'#'.repeat(36)}] 100%  200/200  100/s`,
        '',
      ],
    );
    for (const text of writes) assert.ok(text.startsWith('\u001b[2K\r') && text.length < 65);
  });

  it('is a bar on a terminal that says it has no columns, too', () => {
    const { writes, at } = drawn({ columns: 0 });
    at(0, 100);
    assert.match(writes[0] ?? '', /#{20}\.{20}\] {2}50%/);
  });

  it('is drawn ten times a second at most, and always at the end', () => {
    const { writes, at } = drawn();
    for (let i = 0; i <= 200; i++) at(i, i);
    assert.equal(writes.length, 3);
    assert.match(writes.at(-1) ?? '', /200\/200/);
  });

  it('is nothing where there is no terminal, or it is not wanted', () => {
    for (const options of [{ isTTY: false }, { shown: false }]) {
      const { writes, at, progress } = drawn(options);
      at(0, 0);
      at(1000, 200);
      progress.end();
      assert.deepEqual(writes, []);
    }
  });
});
