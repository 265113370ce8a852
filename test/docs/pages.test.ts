/**
 * Every command of the pages, in order, against an eIM that runs. What is not run here is run by a test of its own, or
 * stands in a list with the reason.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { allCommands, isLab, notRun, ownTest, ranBy, whyNotRun } from './commands.ts';
import { top } from './markdown.ts';
import { runPage } from './page-run.ts';

/** Pages whose commands are run one by one. */
const pagesRun = [
  'README.md',
  'docs/devices.md',
  'docs/https.md',
  'docs/lab-servers.md',
  'docs/lab.md',
  'docs/operators.md',
];

describe('commands of the pages', () => {
  it('are each run by a test, or stand in a list', () => {
    for (const [where, test] of Object.entries(ranBy)) {
      const [path = ''] = where.split('#');
      assert.ok(
        allCommands.some((one) => ownTest(one) === test),
        where,
      );
      assert.ok(readFileSync(join(top, test), 'utf8').includes(path), `${test} is about ${path}`);
    }
    for (const { command } of notRun)
      assert.ok(
        allCommands.some(({ text }) => command.test(text)),
        `${command} is in no page`,
      );
    const lost = allCommands.filter(
      (one) =>
        ![...pagesRun, 'docs/operations.md'].includes(one.path) &&
        ownTest(one) === undefined &&
        whyNotRun(one) === undefined &&
        !isLab(one),
    );
    assert.deepEqual(lost, []);
  });

  for (const { path, text } of allCommands.filter((one) => whyNotRun(one) !== undefined)) {
    it(`${path}: ${text} is a command of a shell`, () => {
      execFileSync('sh', ['-n', '-c', text]);
    });
  }
});

for (const path of pagesRun) runPage(path);
