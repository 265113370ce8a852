/**
 * `eim serve` with the arguments of a page, on free ports and a data folder of this folder: waits until it is ready, then
 * stops it as an operator would. Ends with its exit code.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { top } from './markdown.ts';

const args = process.argv.slice(2);
const own = ['coaps.host=127.0.0.1', 'coaps.port=0', 'rest.port=0', 'https.port=0'];
const folder = args.includes('--data') ? [] : ['--data', 'served'];
const child = spawn(
  process.execPath,
  [
    join(top, 'dist', 'cli', 'main.js'),
    'serve',
    ...args,
    ...folder,
    ...own.flatMap((pair) => ['--set', pair]),
  ],
  { stdio: ['ignore', 'inherit', 'pipe'] },
);
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
createInterface({ input: child.stderr }).on('line', (line) => {
  process.stderr.write(`${line}\n`);
  if (line.includes('"eim: ready"')) child.kill('SIGTERM');
});
