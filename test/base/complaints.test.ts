/** Complaints about input, in words of this project's own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { inWords } from '../../src/base/complaints.ts';

const complaint = (schema: z.ZodType, input: unknown) =>
  schema.safeParse(input, { error: inWords }).error?.issues[0]?.message;

describe('a complaint about an input', () => {
  const cases: readonly (readonly [z.ZodType, input: unknown, words: string])[] = [
    [z.string(), undefined, 'is missing'],
    [z.string(), 1, 'must be a text'],
    [z.int(), 'x', 'must be a number'],
    [z.int(), 1.5, 'must be a whole number'],
    [z.boolean(), 'yes', 'must be true or false'],
    [z.array(z.string()), 'a', 'must be a list'],
    [z.strictObject({}), 'a', 'must be a map of members'],
    [z.literal([16, 32, 64]), 17, 'must be 16, 32 or 64'],
    [z.enum(['new', 'done']), 'old', 'must be new or done'],
    [z.int().max(8388607), 8388608, 'must be at most 8388607'],
    [z.int().min(0), -1, 'must be at least 0'],
    [z.string().min(16), 'short', 'must have at least 16 characters'],
    [z.string().min(1), '', 'must have at least 1 character'],
    [z.array(z.int()).max(1), [1, 2], 'must have at most 1 entry'],
    [z.strictObject({}), { a: 1, b: 2 }, 'may not hold a or b'],
    [z.union([z.string(), z.array(z.string())]), 1, 'has none of the forms that it may have'],
  ];
  for (const [schema, input, words] of cases) {
    it(`says: ${words}`, () => assert.equal(complaint(schema, input), words));
  }

  it('is the schema’s own where it has one', () => {
    assert.equal(complaint(z.string().regex(/^a/, 'must begin with a'), 'b'), 'must begin with a');
  });

  it('is none where nothing is wrong', () => {
    assert.equal(complaint(z.int().max(8388607), 8388607), undefined);
  });
});
