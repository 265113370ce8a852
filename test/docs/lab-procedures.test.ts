/** `npm run lab -- --procedure` and `--binding` in the forms of the pages. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { procedures } from '../../tools/lab/procedures/procedures.ts';
import { runLabCommands } from './lab-runs.ts';
import { page, table } from './markdown.ts';

runLabCommands('npm run lab -- --procedure and --binding', (command) =>
  /--(procedure|binding) /.test(command),
);

describe('lab.md', () => {
  it('lists the procedures that there are', () => {
    const told = table(page('docs/lab.md'), 'procedures').map(([name = '']) => name.slice(1, -1));
    assert.deepEqual(told, [...Object.keys(procedures), 'cancel', 'all']);
  });
});
