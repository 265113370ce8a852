/** What a supervisor is told, heard at a socket as systemd's own is. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { supervisor } from '../../src/cli/systemd.ts';
import { newFolder } from '../support/folders.ts';

/** Node has no Unix datagram sockets. */
const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    data, fds, flags, address = socket.recv_fds(s, 4096, 4)
    for fd in fds: socket.close(fd)  # a barrier: closing is the answer
    for line in data.decode().splitlines(): print(line, flush=True)
`;

const missing = ['python3', 'systemd-notify'].filter(
  (program) => spawnSync(program, ['--version']).error !== undefined,
);

describe('a supervisor', () => {
  it('is told that the eIM is ready, alive and stopping', {
    skip: missing.length > 0,
    timeout: 30_000,
  }, async (test) => {
    const path = join(newFolder(), 'notify');
    const child = spawn('python3', ['-c', listener, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    test.after(() => child.kill());
    const said: string[] = [];
    const lines = createInterface({ input: child.stdout });
    await once(lines, 'line');
    const saw = (text: string) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (said.includes(text)) resolve();
        };
        lines.on('line', look);
        look();
      });
    lines.on('line', (line) => said.push(line));
    const complaints: string[] = [];
    const { PATH } = process.env;
    const { tell, keepAlive } = supervisor(
      { PATH, NOTIFY_SOCKET: path, WATCHDOG_USEC: '400000' },
      (why) => complaints.push(why),
    );
    await tell('--ready');
    await saw('READY=1');
    assert.ok(said.includes(`MAINPID=${process.pid}`));
    const stop = keepAlive();
    await saw('WATCHDOG=1');
    stop();
    await tell('STOPPING=1');
    await saw('STOPPING=1');
    assert.deepEqual(complaints, []);
  });

  it('is told nothing where there is none', async () => {
    const complaints: string[] = [];
    const { tell, keepAlive } = supervisor({ PATH: '/nowhere' }, (why) => complaints.push(why));
    await tell('--ready');
    keepAlive()();
    assert.deepEqual(complaints, []);
  });

  it('is not waited for where systemd-notify is missing', async () => {
    const complaints: string[] = [];
    const env = { PATH: '/nowhere', NOTIFY_SOCKET: '/nowhere/notify' };
    await supervisor(env, (why) => complaints.push(why)).tell('--ready');
    assert.match(complaints[0] ?? '', /^systemd-notify: .*ENOENT/);
  });

  it('is not waited for where systemd-notify does not end', { timeout: 30_000 }, async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'systemd-notify'), '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 });
    const complaints: string[] = [];
    const env = { PATH: `${folder}:${process.env.PATH}`, NOTIFY_SOCKET: '/nowhere/notify' };
    await supervisor(env, (why) => complaints.push(why)).tell('STOPPING=1');
    assert.deepEqual(complaints, ['systemd-notify ended with SIGKILL']);
  });
});
