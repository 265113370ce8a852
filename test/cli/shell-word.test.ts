/** Commands that people are shown to copy, with names in them that are a device's words. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { shellWord } from '../../src/cli/shell-word.ts';

describe('a name in a command', () => {
  const names = ['a$(id)b', 'a`id`', "it's", '-rf', '', 'a b', '~', '*', 'a;id', 'a\\', '"', '#x'];
  for (const name of names) {
    it(`is one word to a shell, and the same: ${name}`, () => {
      const said = execFileSync('sh', ['-c', `printf '<%s>' x ${shellWord(name)}`]);
      assert.equal(String(said), `<x><${name}>`);
    });
  }

  it('stays as it is where it is harmless', () => {
    const id = '89044045118427484800000000011628-4-smdp.example.com:8443';
    assert.equal(shellWord(id), id);
  });
});
