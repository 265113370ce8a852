/**
 * docs/conformance.md: its rows are written by hand (ID, what, reference), its tests and results by
 * `npm run conformance`.
 */
import type { NamedTest } from './tests-by-id.ts';

export const pagePath = 'docs/conformance.md';

/** `| D01 | what | reference | tests | result |` */
const row = /^\| ([DCBS]\d\d) \| (.*?) \| (.*?) \|(.*)\| (.*?) \|$/;

/** The IDs of a page, in its order. */
export function idsOf(page: string): readonly string[] {
  return page.split('\n').flatMap((line) => row.exec(line)?.[1] ?? []);
}

/** The page with the tests and results that are due; a row without a test keeps why it is open. */
export function filledIn(page: string, tests: ReadonlyMap<string, readonly NamedTest[]>): string {
  return page
    .split('\n')
    .map((line) => {
      const [, id, what, reference, , result = ''] = row.exec(line) ?? [];
      if (id === undefined) return line;
      const found = tests.get(id);
      const due = found !== undefined ? 'holds' : result.startsWith('open') ? result : 'open';
      return `| ${id} | ${what} | ${reference} | ${cell(found ?? [])} | ${due} |`;
    })
    .join('\n');
}

/**
 * What the page says and is not so: a test that there is not, a row open that has tests, or one that holds without.
 * Tests that the page does not name yet are no lie.
 */
export function liesIn(
  page: string,
  tests: ReadonlyMap<string, readonly NamedTest[]>,
): readonly string[] {
  return page.split('\n').flatMap((line) => {
    const [, id, , , named = '', result = ''] = row.exec(line) ?? [];
    if (id === undefined) return [];
    const found = tests.get(id) ?? [];
    const lies = named.split('<br>').flatMap((part) => {
      const [, file = '', names = ''] = /^ *\[(.*?)\]\(.*?\): (.*?) *$/.exec(part) ?? [];
      const rest = found
        .filter((test) => test.file === file)
        .map(({ name }) => escaped(name))
        .sort((a, b) => b.length - a.length)
        .reduce((left, name) => left.replaceAll(name, ''), names)
        .replace(/[; ]/g, '');
      return rest === '' ? [] : [`${id}: ${file}: ${rest}`];
    });
    const holds = found.length > 0;
    return holds === (result === 'holds') ? lies : [...lies, `${id}: ${result}`];
  });
}

/** `[dtls/hello.test.ts](../test/dtls/hello.test.ts): a name; another` for each file. */
function cell(tests: readonly NamedTest[]): string {
  const files = new Set(tests.map(({ file }) => file));
  return [...files]
    .map((file) => {
      const names = tests.filter((test) => test.file === file).map(({ name }) => escaped(name));
      return `[${file}](../test/${file}): ${names.join('; ')}`;
    })
    .join('<br>');
}

/** No name ends a cell, or is taken for Markdown. */
function escaped(name: string): string {
  return name.replace(/[|<>*_`[\]]/g, (character) => `\\${character}`);
}
