/** What is wrong with an input, in this project's words instead of zod's. */
import type { z } from 'zod';

/**
 * The complaint about one value, to follow its name and a colon: `must be at most 8388607`. Given to a schema as
 * `safeParse(input, { error: inWords })`; a message of the schema's own goes over it, and undefined leaves zod's.
 */
export const inWords: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'is missing'
        : `must be ${kinds[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${list(issue.values.map(String))}`;
    case 'too_small':
      return bound(issue.origin, 'at least', Number(issue.minimum));
    case 'too_big':
      return bound(issue.origin, 'at most', Number(issue.maximum));
    case 'unrecognized_keys':
      return `may not hold ${list(issue.keys)}`;
    case 'invalid_union':
      return 'has none of the forms that it may have';
    default:
      return undefined;
  }
};

/** The kinds that zod names. */
const kinds: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of members',
  record: 'a map of members',
};

/** What a limit counts, by the kind of its value; numbers are their own measure. */
const units: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ['character', 'characters'],
  array: ['entry', 'entries'],
};

function bound(kind: string, which: string, limit: number): string {
  const unit = units[kind];
  if (unit === undefined) return `must be ${which} ${limit}`;
  return `must have ${which} ${limit} ${unit[limit === 1 ? 0 : 1]}`;
}

/** `a`, `a or b`, `a, b or c` */
function list(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`;
}
