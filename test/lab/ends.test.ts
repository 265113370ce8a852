/** `npm run lab` and its parts end when they are told to, whatever their peers do, and leave nothing behind. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { top } from '../../tools/lab/eim-process.ts';
import { newFolder } from '../support/folders.ts';

/** A part of the lab in a folder for its files, killed at the test's end at the latest. */
function start(test: TestContext, folder: string, ...args: readonly string[]): ChildProcess {
  const main = join(top, 'tools/lab/main.ts');
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), main, ...args], {
    cwd: folder,
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  test.after(() => child.kill('SIGKILL'));
  return child;
}

/** Resolves once it has said this. */
async function says(child: ChildProcess, text: RegExp): Promise<void> {
  let said = '';
  for await (const part of child.stdout ?? []) {
    said += String(part);
    if (text.test(said)) return;
  }
  assert.fail(said);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Resolves once nobody listens there. */
async function isFree(port: number): Promise<void> {
  for (;;) {
    const socket = createConnection(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (!open) return;
  }
}

describe('told to end', { timeout: 60_000 }, () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`by ${signal}, the lab takes its eIM and its folder with it`, async (test) => {
      const folder = newFolder();
      const port = await freePort();
      const lab = start(test, folder, '--rest-port', String(port), '--link', 'nbiot-deep');
      const ended = once(lab, 'exit');
      await says(lab, /order download/);
      lab.kill(signal);
      assert.deepEqual(await ended, [signal === 'SIGINT' ? 130 : 143, null]);
      await isFree(port);
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.startsWith('coap-eim-lab-')),
        [],
      );
    });
  }

  it('a device says that it waits for an eIM that does not answer, and waits no longer', async (test) => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    test.after(() => silent.close());
    await once(silent, 'listening');
    const eim = `127.0.0.1:${silent.address().port}`;
    const device = start(test, newFolder(), 'device', '--eim', eim, '--psk', '00'.repeat(16));
    const ended = once(device, 'exit');
    await says(device, /no answer from 127\.0\.0\.1:\d+ yet/);
    device.kill('SIGTERM');
    const [, by] = await ended;
    assert.equal(by, 'SIGTERM');
  });
});
