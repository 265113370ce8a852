/** Every `npm run lab` of the pages, as it stands but for folders: shared by two test files, to be done in time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newFolder } from '../support/folders.ts';
import { allCommands, isLab, ownTest, whyNotRun } from './commands.ts';
import { PageShell } from './page-shell.ts';

/** What ends with 1: no profile lands, since a server or the device does wrong. */
const fails = /(smdpp|smds)-fault |no-token/;

/** Those with a capture are run with their page, since the next commands read it. */
const commands = [
  ...new Set(
    allCommands
      .filter((one) => isLab(one) && ownTest(one) === undefined && whyNotRun(one) === undefined)
      .map(({ text }) => text),
  ),
].filter((text) => !text.includes('--pcap'));

/** Declares a test for each of them that is wanted. */
export function runLabCommands(name: string, isWanted: (command: string) => boolean): void {
  describe(name, { timeout: 290_000, concurrency: 2 }, () => {
    const shell = new PageShell({ folder: newFolder() });
    for (const text of commands.filter(isWanted)) {
      it(text, async () => {
        const { code, stdout, stderr } = await shell.run(text);
        assert.equal(code, fails.test(text) ? 1 : 0, stdout.slice(-2000) + stderr);
      });
    }
  });
}
