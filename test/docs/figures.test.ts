/** What README and docs/wire-budget.md print of the lab, against the lab. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { at } from '../rest/http.ts';
import { blocks, cells, page, top } from './markdown.ts';
import { commandsIn, invocationOf } from './shell.ts';

const exec = promisify(execFile);
const [readme, wireBudget] = [page('README.md'), page('docs/wire-budget.md')];

describe('figures in the pages', { timeout: 180_000 }, () => {
  const runs = blocks(wireBudget)
    .map(({ text }) => invocationOf(commandsIn(text)[0] ?? []))
    .filter((run) => run?.program === 'lab')
    .map((run) => run?.args ?? []);
  const tables = wireBudget.text
    .split('\n## ')
    .filter((part) => part.includes('npm run lab -- --json --auth'))
    .map((part) => part.split('\n').filter((line) => /^\| [A-Za-z*]+ \| \d/.test(line)))
    .filter((lines) => lines.length > 0);
  /** Octets of a signature in DER, more or less, and of a sum over two of them. */
  const slack = 8;

  it('are those of npm run lab, in README and wire-budget.md', async () => {
    await eventually(async () => {
      const { stdout } = await lab();
      const story = blocks(readme).find(({ text }) => text.includes('AddInitialEim'))?.text ?? '';
      const missing = story
        .split('\n')
        .filter((line) => !/^ *…?$/.test(line) && !stdout.includes(line));
      assert.deepEqual(missing, []);
      const rows = stdout.split('\n').filter((line) => /^│ \w+ +│ +\d/.test(line));
      fits(tables[0] ?? [], rows.map(cells));
    });
  });

  it('are those of the last command of wire-budget.md', async () => {
    assert.equal(runs.length, 4);
    await eventually(async () => {
      const { stdout } = await lab(...(runs.at(-1) ?? []));
      const wire = at(JSON.parse(stdout), 'wire');
      assert.ok(Array.isArray(wire));
      fits(
        tables.at(-1) ?? [],
        wire.map((row) =>
          [
            'what',
            'times',
            'datagramsUp',
            'datagramsDown',
            'bytesUp',
            'bytesDown',
            'roundTrips',
          ].map((name) => String(at(row, name))),
        ),
      );
    });
  });

  it('add up', () => {
    for (const lines of tables) {
      const rows = lines.map(cells);
      const sum = rows.slice(0, -1).map((row) => row.slice(1).map(Number));
      const all = sum.reduce((a, b) => a.map((value, i) => value + (b[i] ?? 0)));
      assert.deepEqual(rows.at(-1)?.slice(1).map(Number), all);
    }
    const totals = wireBudget.text
      .split('\n')
      .filter((line) => /kB \| \d/.test(line))
      .map(cells);
    const due = tables.map((lines) => cells(lines.at(-1) ?? '').slice(2));
    assert.deepEqual(
      totals.map((row) => row.slice(2)),
      due,
    );
  });

  /** Rows of the page against rows of a run: counts to the number, octets but for a signature's slack. */
  function fits(lines: readonly string[], found: readonly (readonly string[])[]): void {
    const told = lines.map(cells).slice(0, -1);
    const near = told.map((row, i) =>
      row.map((cell, column) => {
        const real = found[i]?.[column];
        const isNear = Math.abs(Number(cell) - Number(real)) <= slack;
        return (column === 4 || column === 5) && isNear ? (real ?? '') : cell;
      }),
    );
    assert.deepEqual(near, found);
  }

  function lab(...args: readonly string[]): Promise<{ readonly stdout: string }> {
    return exec(process.execPath, ['tools/run.mjs', 'lab', ...args], { cwd: top });
  }

  /** A machine under load sends something twice: three tries. */
  async function eventually(check: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await check();
      } catch (error) {
        if (tries === 3 || !(error instanceof assert.AssertionError)) throw error;
      }
    }
  }
});
