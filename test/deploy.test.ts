/** The unit for systemd and the recipe of the image: what they promise, and what the tools of others say of them. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../src/config.ts';

const top = fileURLToPath(new URL('..', import.meta.url));
const read = (name: string) => readFileSync(join(top, 'docs', 'deploy', name), 'utf8');

describe('the unit for systemd', () => {
  const text = read('eim.service');
  const lines = text.split('\n').filter((line) => /^[A-Z]\w*=/.test(line));
  const given = (name: string) =>
    lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
  const folder = mkdtempSync(join(tmpdir(), 'coap-eim-unit-'));
  after(() => rmSync(folder, { recursive: true }));
  // Elsewhere neither the user nor the command is there.
  const unit = join(folder, 'eim.service');
  writeFileSync(
    unit,
    text
      .replace(/^ExecStart=.*$/m, 'ExecStart=/usr/bin/env true')
      .replace(/^(User|Group)=eim$/gm, '$1=daemon'),
  );
  const has = (program: string) => spawnSync(program, ['--version']).error === undefined;

  it('runs eim serve as a user of its own, and reloads by the signal that eim serve knows', () => {
    assert.match(given('ExecStart') ?? '', /eim serve$/);
    assert.match(given('ExecReload') ?? '', /kill -HUP \$MAINPID$/);
    assert.equal(given('User'), 'eim');
    assert.equal(given('Type'), 'notify');
    // systemd-notify is another process than the one that was started.
    assert.equal(given('NotifyAccess'), 'all');
  });

  it('waits longer for a stop than the eIM does', () => {
    const { stop } = loadConfig({ env: {} }).config;
    assert.ok(Number(given('TimeoutStopSec')) * 1000 >= 2 * stop.within);
    assert.equal(given('StateDirectoryMode'), '0700');
  });

  it('gives no rights', () => {
    const due = {
      NoNewPrivileges: 'yes',
      CapabilityBoundingSet: '',
      ProtectSystem: 'strict',
      ProtectHome: 'yes',
      PrivateTmp: 'yes',
      PrivateDevices: 'yes',
      RestrictNamespaces: 'yes',
      RestrictSUIDSGID: 'yes',
      SystemCallArchitectures: 'native',
    };
    for (const [name, value] of Object.entries(due)) assert.equal(given(name), value, name);
    // V8 makes code as it runs.
    assert.equal(given('MemoryDenyWriteExecute'), undefined);
  });

  it('is one that systemd takes', { skip: !has('systemd-analyze') }, () => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /Unknown|Failed to parse|ignoring/i);
  });

  it('exposes little, as systemd counts', { skip: !has('systemd-analyze') }, () => {
    const args = ['security', '--offline=true', '--no-pager', '--threshold=25', unit];
    const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    assert.equal(status, 0, stderr + stdout.split('\n').slice(-4).join('\n'));
  });
});

describe('the recipe of the image', () => {
  const stages = read('Dockerfile')
    .replace(/\\\n/g, ' ')
    .split(/^(?=FROM )/m)
    .slice(1);
  const last = stages.at(-1) ?? '';

  it('takes only what exists, and what its ignore file lets through', () => {
    const allowed = read('Dockerfile.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = stages
      .join('')
      .split('\n')
      .filter((line) => /^COPY (?!--from)/.test(line))
      .flatMap((line) => line.split(' ').slice(1, -1));
    assert.ok(copied.length > 5);
    for (const name of copied) {
      assert.ok(existsSync(join(top, name)), name);
      assert.ok(allowed.includes(name), name);
    }
  });

  it('runs without rights, and with nothing that only the build needs', () => {
    assert.match(last, /^USER node$/m);
    assert.ok(last.indexOf('USER node') < last.indexOf('ENTRYPOINT'));
    assert.doesNotMatch(last, /npm |COPY --from=build \S*node_modules/);
    assert.match(stages[1] ?? '', /npm install --omit=dev/);
    assert.match(last, /^VOLUME \/var\/lib\/eim$/m);
    for (const [, path] of last.matchAll(/EIM_\w+=(\S+)/g))
      assert.match(path ?? '', /^\/var\/lib\/eim/);
  });

  it('has a health check that its own Node can run', () => {
    const [, command = '[]'] = /^HEALTHCHECK .*?CMD (\[.*\])$/m.exec(last) ?? [];
    const [node, flag, script] = JSON.parse(command) as string[];
    assert.deepEqual([node, flag], ['node', '-e']);
    const nobody = spawnSync(process.execPath, ['-e', (script ?? '').replace('8080', '9')]);
    assert.equal(nobody.status, 1);
  });

  it('is built by docker', { skip: !hasDocker() }, () => {
    const file = join(top, 'docs', 'deploy', 'Dockerfile');
    execFileSync('docker', ['build', '--quiet', '--file', file, top], { stdio: 'pipe' });
  });
});

function hasDocker(): boolean {
  return spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0;
}
