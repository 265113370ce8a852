/** README's quick start, line for line: its blocks go to a shell, with free ports and a folder of the test's own. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type EimProcess, startEim } from '../../tools/lab/eim-process.ts';
import { newFolder } from '../support/folders.ts';
import { needs } from '../support/needs.ts';
import { blocks, page, section, top } from './markdown.ts';
import { commandsIn, invocationOf, settingsIn } from './shell.ts';

const exec = promisify(execFile);
const [serving, smdpp, operator, device, libcoap, certificate] = blocks(
  section(page('README.md'), 'Quick start with a device'),
).map(({ text }) => text);

/** Of a download and a few commands, each a process. */
const timeout = 60_000;

describe("README's quick start", { timeout }, () => {
  const folder = newFolder();
  const closing: (() => Promise<unknown>)[] = [];
  let eim: EimProcess;
  let smdppPort = '';
  before(async () => {
    eim = await startEim({
      folder,
      settings: {
        ...settingsIn(serving ?? ''),
        dataFolder: join(folder, 'data'),
        'coaps.host': '127.0.0.1',
        'coaps.port': 0,
        'rest.port': 0,
      },
    });
    closing.push(() => eim.stop());
    smdppPort = await startSmdpp(smdpp);
  });
  after(async () => {
    for (const close of closing.reverse()) await close();
  });

  it('lands a profile on the lab’s device', async () => {
    assert.match(await shell(operator), /\nPSK +30313233343536373839616263646566\n/);
    const said = await shell(device);
    assert.match(said, /HandleNotification +ok/);
    assert.match(said, /│ 89880000000000000017 │ disabled │/);
    assert.match(said, / download +done: succeeded /);
  });

  const skip = needs('coap-client-openssl', '-?') || needs('openssl', 'version');

  it('has libcoap fetch the package that the device then executes', { skip }, async () => {
    const said = await shell(libcoap);
    assert.match(said, /cont \[ 79 \].*cont \[ 81 \]/s);
    const answer = readFileSync(join(folder, 'data', 'answer.der'));
    assert.equal(await shell(`${libcoap}`.split('\n').slice(2, 3).join()), '');
    assert.deepEqual(readFileSync(join(folder, 'data', 'answer.der')), answer);
    assert.match(await shell(device), / listProfileInfo +done: succeeded /);
  });

  it('has libcoap refused over the certificate, as this EID is bound', { skip }, async () => {
    await shell(certificate);
    const answer = readFileSync(join(folder, 'data', 'answer.der'));
    assert.equal(answer.toString('hex'), 'bf4f03020102');
  });

  /** Runs a block; what it wrote to standard output. */
  async function shell(script: string | undefined): Promise<string> {
    const text = (script ?? '')
      .replaceAll('npm run eim --', 'eim')
      .replaceAll('npm run lab --', 'lab')
      .replace('alias eim=', ': ')
      .replaceAll('5684', String(eim.coaps.port))
      .replaceAll('8443', smdppPort)
      .replaceAll('data/', `${join(folder, 'data')}/`);
    const names = `eim() { node dist/cli/main.js "$@"; }
lab() { node --import tsx tools/lab/main.ts "$@"; }
`;
    const env = { ...process.env, EIM_URL: eim.rest, NO_COLOR: '1' };
    const { stdout } = await exec('sh', ['-e', '-c', names + text], { cwd: top, env });
    return stdout;
  }

  /** Starts the SM-DP+ as the block says, on a free port; returns that. */
  async function startSmdpp(script: string | undefined): Promise<string> {
    const { args = [] } = invocationOf(commandsIn(script ?? '')[0] ?? []) ?? {};
    const all = ['--import', 'tsx', 'tools/lab/main.ts', ...args, '--port', '0'];
    const child = spawn(process.execPath, all, { cwd: top, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr.pipe(process.stderr);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    closing.push(() => {
      child.kill('SIGTERM');
      return ended;
    });
    for await (const line of createInterface({ input: child.stdout })) {
      const [, port] = /^activation code: 1\$127\.0\.0\.1:(\d+)\$LAB$/.exec(line) ?? [];
      if (port !== undefined) return port;
    }
    throw new Error('the SM-DP+ gave no activation code');
  }
});
