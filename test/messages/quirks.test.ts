/** The register of known deviations: what is tolerated is in it (the types hold that), and all in it is tolerated somewhere. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { quirkNames, quirkOf } from '../../src/messages/quirks.ts';

const src = fileURLToPath(new URL('../../src', import.meta.url));

describe('quirks', () => {
  it('are each met somewhere in the eIM, and none is listed that it does not know', () => {
    const text = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('messages/quirks.ts'))
      .map((file) => readFileSync(join(src, file), 'utf8'))
      .join('\n');
    assert.ok(quirkNames.length > 20);
    assert.deepEqual(
      quirkNames.filter((name) => !text.includes(`'${name}'`)),
      [],
    );
  });

  it('say what they are and who was seen to do so', () => {
    for (const name of quirkNames) {
      const { about, evidence } = quirkOf(name);
      assert.match(about, /\S.{10,}/, name);
      assert.match(evidence, /\S.{5,}/, name);
    }
  });
});
