/** `eim serve` is told to stop while the system is busy for it with what cannot be called back. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startEim } from '../../tools/lab/eim-process.ts';
import { newFolder } from '../support/folders.ts';

/** Of the system; Node makes no named pipes. */
const pipeMaker = 'mkfifo';

/** Reads a pipe that nobody writes to: as a name that is being looked up, it holds a thread of the system's, and process.exit(). */
const stuck = (pipe: string) =>
  `data:text/javascript,import { open } from 'node:fs'; open(${JSON.stringify(pipe)}, 'r', () => {});`;

describe('SIGTERM while the system is busy', { timeout: 60_000 }, () => {
  it('ends the process all the same', async (test) => {
    const folder = newFolder();
    const pipe = join(folder, 'pipe');
    assert.equal(spawnSync(pipeMaker, [pipe]).status, 0);
    const { NODE_OPTIONS: options = '' } = process.env;
    process.env.NODE_OPTIONS = `${options} --import ${encodeURI(stuck(pipe))}`;
    test.after(() => {
      process.env.NODE_OPTIONS = options;
    });
    const settings = {
      dataFolder: folder,
      'coaps.host': '127.0.0.1',
      'coaps.port': 0,
      'rest.port': 0,
    };
    const { pid, ended, kill } = await startEim({ folder, settings });
    test.after(kill);
    process.kill(pid, 'SIGTERM');
    assert.equal(await ended, null, 'by the signal itself');
  });
});
