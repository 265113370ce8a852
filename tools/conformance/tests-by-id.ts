/** Which tests bear which ID of the conformance checklist: their titles begin with it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const top = fileURLToPath(new URL('../..', import.meta.url));

/** `D01: …`, `D01, D05: …`, `C19 …`; what a test puts in at its run stands as `…`. Or the start of a describe. */
const title = /(?:\b(describe)\(\s*)?(['`])((?:[DCBS]\d\d[,: ]+)*)((?:\\.|(?!\2).)+)\2/g;

export interface NamedTest {
  /** Below test/. */
  readonly file: string;
  /** Without the IDs, behind what it is told of: `a cookie › does not count for another port`. */
  readonly name: string;
}

/** From the sources, so that no test need run; in the order of files, then of lines. */
export function testsById(): ReadonlyMap<string, readonly NamedTest[]> {
  const found = new Map<string, NamedTest[]>();
  const files = readdirSync(join(top, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .sort();
  for (const file of files) {
    const source = readFileSync(join(top, 'test', file), 'utf8');
    let about = '';
    for (const [, describes, , ids = '', rest = ''] of source.matchAll(title)) {
      if (describes === undefined && ids === '') continue;
      const text = rest.replace(/\$\{(?:[^{}]|\{[^}]*\})*\}/g, '…').replace(/\\(.)/g, '$1');
      if (describes !== undefined) about = text;
      const name = describes !== undefined || about === '' ? text : `${about} › ${text}`;
      for (const [id] of ids.matchAll(/[DCBS]\d\d/g)) {
        const tests = found.get(id) ?? [];
        if (!tests.some((test) => test.file === file && test.name === name)) {
          tests.push({ file, name });
        }
        found.set(id, tests);
      }
    }
  }
  return found;
}
