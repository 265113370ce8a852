/** The handshakes and first polls of docs/wire-budget.md, against the command that prints them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { blocks, cells, page, section, top } from './markdown.ts';
import { commandsIn, invocationOf } from './shell.ts';

const exec = promisify(execFile);
const wireBudget = page('docs/wire-budget.md');

/** Octets of three signatures in DER, more or less. */
const slack = 12;

/** The lines of figures of a text, by what they are of. */
function figures(text: string): ReadonlyMap<string, readonly number[]> {
  const rows = text
    .split('\n')
    .filter((line) => /^\| .+ \| \d+ \|/.test(line))
    .map(cells);
  return new Map(rows.map(([name = '', ...numbers]) => [name, numbers.map(Number)]));
}

describe('handshakes in wire-budget.md', { timeout: 180_000 }, () => {
  const parts = ['Handshakes', 'First poll after a day', 'Handshakes of others'] as const;
  const [handshakes, polls, others] = parts.map((heading) => section(wireBudget, heading));
  const told = [handshakes, polls, others].map((part) => figures(part?.text ?? ''));
  const due = new Map(told.flatMap((table) => [...table]));

  it('are those of the command', async () => {
    const [command] = blocks(handshakes ?? wireBudget);
    const run = invocationOf(commandsIn(command?.text ?? '')[0] ?? []);
    assert.deepEqual(run, { program: 'bench', args: ['wire'] });
    const args = ['tools/run.mjs', 'bench', ...run.args];
    for (let tries = 1; ; tries++) {
      const { stdout } = await exec(process.execPath, args, { cwd: top });
      const wrong = misfits(figures(stdout));
      if (wrong.length === 0) return;
      // libcoap's clients send again what a busy machine is slow to answer.
      if (tries === 3) assert.deepEqual(wrong, []);
    }
  });

  it('are less with a connection ID than with anything else', () => {
    const [, table = new Map()] = told;
    const total = ([, , up = 0, down = 0]: readonly number[] = []) => up + down;
    const resumed = [...table].filter(([name]) => !name.startsWith('connection ID'));
    assert.ok(resumed.length >= 5);
    const [byCid, restarted] = [...table].filter(([name]) => name.startsWith('connection ID'));
    assert.deepEqual(byCid?.[1], restarted?.[1]);
    for (const [name, row] of resumed) assert.ok(2 * total(byCid?.[1]) < total(row), name);
  });

  /** What of a run the page does not tell, and the other way round; programs that are not here apart. */
  function misfits(found: ReadonlyMap<string, readonly number[]>): readonly string[] {
    const missing = [...due.keys()].filter(
      (name) => !found.has(name) && told[2]?.has(name) !== true,
    );
    const wrong = [...found].filter(([name, real]) => {
      const row = due.get(name);
      if (row === undefined || row.length !== real.length) return true;
      // Datagrams and round trips to the number, octets nearly.
      return row.some((value, i) => {
        const isCount = i < 2 || i === row.length - 1;
        return Math.abs(value - (real[i] ?? 0)) > (isCount ? 0 : slack);
      });
    });
    return [...missing, ...wrong.map(([name, real]) => `${name}: ${real.join(' ')}`)];
  }
});
