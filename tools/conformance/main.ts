/** `npm run conformance`: puts the tests that there are into docs/conformance.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filledIn, idsOf, pagePath } from './page.ts';
import { testsById, top } from './tests-by-id.ts';

const path = join(top, pagePath);
const tests = testsById();
const page = readFileSync(path, 'utf8');
writeFileSync(path, filledIn(page, tests));
const ids = idsOf(page);
const open = ids.filter((id) => !tests.has(id));
console.log(
  `${ids.length} rows, ${open.length} open${open.length > 0 ? `: ${open.join(', ')}` : ''}`,
);
for (const id of tests.keys()) {
  if (!ids.includes(id)) console.log(`${id} has tests and no row in ${pagePath}`);
}
