import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseRetryAfter } from '../../src/es9/retry-after.ts';

const day = 24 * 3600 * 1000;
/** The date of RFC 9110 10.2.3's example, and its time. */
const date = 'Fri, 31 Dec 1999 23:59:59 GMT';
const then = Date.UTC(1999, 11, 31, 23, 59, 59);

it('Retry-After is seconds or a date (RFC 9110 10.2.3), within a day', () => {
  const rows: readonly (readonly [text: string, now: number, wait: number | undefined])[] = [
    ['120', 0, 120_000],
    ['0', 0, 0],
    ['86401', 0, day],
    ['999999999999', 0, day],
    [date, then - 90_000, 90_000],
    [date, then + 1, 0],
    [date, then - 2 * day, day],
    ['', 0, undefined],
    ['-1', 0, undefined],
    ['1.5', 0, undefined],
    ['soon', 0, undefined],
    ['2030', 0, 2_030_000],
    ['2030-01-01', 0, undefined],
    ['Fri, 99 Dec 1999 23:59:59 GMT', 0, undefined],
  ];
  for (const [text, now, wait] of rows) assert.equal(parseRetryAfter(text, now), wait, text);
});
