/** The conformance page and the tests name each other. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { filledIn, idsOf, pagePath } from '../../tools/conformance/page.ts';
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

  it('names the tests that there are, and what is open (else: npm run conformance)', () => {
    assert.equal(text, filledIn(text, tests));
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
