/** The conformance page and the tests name each other. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { filledIn, idsOf, liesIn, pagePath } from '../../tools/conformance/page.ts';
import { testsById } from '../../tools/conformance/tests-by-id.ts';
import { page } from './markdown.ts';

const { text } = page(pagePath);
const tests = testsById();
const ids = idsOf(text);

describe(pagePath, () => {
  it('has a row for every ID that a test bears, and none twice', () => {
    assert.deepEqual(
      [...tests.keys()].filter((id) => !ids.includes(id)),
      [],
    );
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.length > 90);
  });

  it('has every row of the checklist', () => {
    const numbers = (letter: string, last: number, missing: readonly number[]) =>
      Array.from({ length: last }, (_, i) => i + 1)
        .filter((number) => !missing.includes(number))
        .map((number) => `${letter}${String(number).padStart(2, '0')}`);
    const due = [
      // The numbers that the checklist leaves out.
      ...numbers('D', 70, [4, 7, 22, 56, 69]),
      ...numbers('S', 3, []),
      ...numbers('C', 20, [1, 8, 12]),
      ...numbers('B', 18, [5, 12]),
    ];
    assert.deepEqual([...ids].sort(), due.sort());
  });

  it('names no test that there is not, and says rightly what holds (else: npm run conformance)', () => {
    assert.deepEqual(liesIn(text, tests), []);
  });

  it('is what npm run conformance leaves as it is', () => {
    const filled = filledIn(text, tests);
    assert.deepEqual(liesIn(filled, tests), []);
    assert.equal(filledIn(filled, tests), filled);
  });

  it('would be caught lying', () => {
    const named = tests.get('D01')?.[0]?.name ?? assert.fail('no test of D01');
    const [first = '', ...rest] = named.split(' ');
    const lie = filledIn(text, tests).replace(named, [`${first}s`, ...rest].join(' '));
    assert.match(liesIn(lie, tests).join(), /^D01: dtls/);
    assert.match(
      liesIn(text, new Map([...tests].filter(([id]) => id !== 'D05'))).join(),
      /D05: holds/,
    );
    assert.match(
      liesIn(text.replace(/(\| D02 .*)holds \|/, '$1open |'), tests).join(),
      /D02: open/,
    );
  });

  it('says of every row whether it holds or is open', () => {
    const results = text
      .split('\n')
      .filter((line) => /^\| [DCBS]\d\d \|/.test(line))
      .map((line) => line.split(' | ').at(-1) ?? '');
    assert.deepEqual(
      results.filter((result) => !/^(holds|open(: .+)?) \|$/.test(result)),
      [],
    );
  });
});
