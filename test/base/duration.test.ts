/** Lengths of time as people write them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DurationError, parseDuration } from '../../src/base/duration.ts';

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

describe('parseDuration', () => {
  it('reads a whole number and its unit, a space between them or not', () => {
    fc.assert(
      fc.property(
        fc.nat(999_999_999),
        fc.constantFrom<keyof typeof units>('ms', 's', 'm', 'h', 'd'),
        fc.constantFrom('', ' '),
        (number, unit, space) => {
          assert.equal(parseDuration(`${number}${space}${unit}`), number * units[unit]);
        },
      ),
    );
    assert.equal(parseDuration(' 5m '), 300_000);
  });

  it('refuses what is none, and says what would be one', () => {
    for (const text of [
      '',
      '5',
      'm',
      '-5m',
      '1.5h',
      '5M',
      '5min',
      '5  m',
      '5m 3s',
      '1e3s',
      '1234567890d',
    ]) {
      assert.throws(() => parseDuration(text), DurationError, text);
    }
    assert.throws(
      () => parseDuration('soon'),
      /'soon' is no length of time: .* 500ms, 10s, 5m, 12h or 30d/,
    );
  });
});
