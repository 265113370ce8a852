/** `eim config`, `eim doctor`, and the signals of `eim serve`, as processes. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { issueTls, makeLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { at } from '../rest/http.ts';
import { newFolder } from '../support/folders.ts';
import { command, start } from './cli.ts';

const lab = (name: string) => fileURLToPath(new URL(`../../certs/lab/${name}`, import.meta.url));

describe('eim config', () => {
  const folder = newFolder();
  const file = join(folder, 'eim.yaml');

  it('makes the file for its owner alone, and never over one', async () => {
    const made = await command(['config', 'init', '--config', file]);
    assert.equal(made.code, 0, made.stderr);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    writeFileSync(file, 'coaps: { port: 1234 }\nrest: { token: hunter2hunter2hunter2 }\n');
    const again = await command(['config', 'init', '--config', file]);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /is there already: it stays as it is; take it away first/);
    assert.match(readFileSync(file, 'utf8'), /1234/);
  });

  it('shows what is in force and where from, but no secret', async () => {
    const env = { EIM_LOG_LEVEL: 'warn' };
    const show = ['config', 'show', '--config', file, '--changed'];
    const text = await command(show, { env });
    assert.match(text.stdout, /^coaps\.port +1234 +\S+eim\.yaml line 1$/m);
    assert.match(text.stdout, /^log\.level +warn +EIM_LOG_LEVEL$/m);
    assert.match(text.stdout, /^rest\.token +\(set, not shown\) /m);
    const json = await command([...show, '--json'], { env });
    assert.equal((at(JSON.parse(json.stdout), 'settings') as readonly unknown[]).length, 3);
    assert.doesNotMatch(text.stdout + json.stdout, /hunter2/);
  });

  it('checks without making anything, and names file, line, key and what it must be', async () => {
    assert.equal((await command(['config', 'check', '--config', file])).code, 0);
    const absent = join(folder, 'absent.yaml');
    assert.equal((await command(['config', 'check', '--config', absent])).code, 0);
    assert.ok(!existsSync(absent));
    writeFileSync(file, 'coaps:\n  prt: 1\n');
    const { code, stderr } = await command(['config', 'check', '--config', file]);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /coaps\.prt: there is no such setting: coaps\.port is meant\? \(from .*line 2\)/,
    );
  });

  it('says where it looks', async () => {
    const { stdout } = await command(['config', 'path'], {
      env: { EIM_CONFIG: '/etc/eim/eim.yaml' },
    });
    assert.equal(stdout, '/etc/eim/eim.yaml\n');
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

interface Told {
  readonly check: string;
  readonly level: string;
  readonly found: string;
  readonly advice?: string;
}

describe('eim doctor', { timeout: 60_000 }, () => {
  const folder = newFolder();
  const base = [
    ...['--config', join(folder, 'eim.yaml'), '--data', join(folder, 'data')],
    ...['--coaps-host', '127.0.0.1', '--coaps-port', '0', '--rest-port', '0'],
  ];
  const good = [
    ...base,
    ...['--set', `eim.tls.key=${lab('eim-tls.key.pem')}`],
    ...['--set', `eim.tls.certificate=${lab('eim-tls.cert.pem')}`],
    ...[
      '--set',
      `es9.roots=[${lab('ci.cert.pem')}]`,
      '--set',
      `euicc.roots=[${lab('ci.cert.pem')}]`,
    ],
  ];
  async function look(...args: readonly string[]) {
    const { code, stdout, stderr } = await command(['doctor', '--json', ...args]);
    assert.ok(stdout !== '', stderr);
    const findings = at(JSON.parse(stdout), 'findings') as readonly Told[];
    const of = (check: string, level: string) =>
      findings.filter((one) => one.check === check && one.level === level);
    return { code, findings, of };
  }

  it('finds nothing wrong where nothing is, changes nothing, and has advice for every other finding', async () => {
    const { code, findings } = await look(...good);
    assert.deepEqual(
      findings.filter(({ level }) => level === 'error'),
      [],
    );
    assert.equal(code, 0);
    for (const { level, advice } of findings) assert.equal(advice !== undefined, level !== 'ok');
    assert.ok(!existsSync(join(folder, 'eim.yaml')) && !existsSync(join(folder, 'data')));
  });

  it('finds what is wrong with files: a key that others read, a certificate at its end, one that is over', async () => {
    const pki = makeLabPki();
    const file = (name: string, text: string, mode: number) => {
      const path = join(folder, name);
      writeFileSync(path, text);
      chmodSync(path, mode);
      return path;
    };
    const pem = (der: Uint8Array) =>
      `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
    const day = 24 * 3600 * 1000;
    const until = (days: number) =>
      issueTls(pki, ['eim.example'], {
        notBefore: new Date(Date.now() - 100 * day),
        notAfter: new Date(Date.now() + days * day),
      });
    const soon = until(10);
    const keyText = soon.key.export({ format: 'pem', type: 'pkcs8' }).toString();
    const secret = file('secret.key', '00'.repeat(32), 0o644);
    const { code, of } = await look(
      ...base,
      ...['--set', `eim.tls.key=${file('k.pem', keyText, 0o640)}`],
      ...['--set', `eim.tls.certificate=${file('c.pem', pem(soon.certificate), 0o644)}`],
      ...['--set', `es9.roots=[${file('over.pem', pem(until(-1).certificate), 0o644)}]`],
      ...['--set', `secret.keyFile=${secret}`],
    );
    assert.equal(code, 1);
    assert.match(of('eim.tls.key', 'warning')[0]?.found ?? '', /k\.pem has mode 0640/);
    assert.match(
      of('eim.tls.certificate', 'warning')[0]?.found ?? '',
      /expires .*, in (9|10) days$/,
    );
    assert.match(of('es9.roots', 'error')[0]?.found ?? '', /over\.pem: .*: expired /);
    assert.equal(of('euicc.roots', 'warning').length, 1);
    const [mode] = of('secret.keyFile', 'warning');
    assert.match(mode?.found ?? '', /mode 0644: others may read it/);
    assert.equal(mode?.advice, `chmod 600 ${secret}`);
  });

  it('finds a port that another program has, and an SM-DP+ that nobody reaches', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const bound = other.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    try {
      const taken = ['--rest-port', String(port), '--smdp', '127.0.0.1:9'];
      const { code, of } = await look(...good, ...taken);
      assert.equal(code, 1);
      assert.match(
        of('rest.port', 'error')[0]?.advice ?? '',
        /stop the other program, or set rest\.port/,
      );
      assert.match(
        of('SM-DP+ 127.0.0.1:9', 'error')[0]?.advice ?? '',
        /DNS, firewall and es9\.hosts/,
      );
    } finally {
      other.close();
    }
  });

  it('knows an eIM that runs by what it holds', async () => {
    const rest = await freePort();
    const serving = start(['serve', ...good, '--rest-port', String(rest)]);
    await serving.says('ready');
    try {
      const { of, code } = await look(...good, '--rest-port', String(rest));
      assert.match(of('rest.port', 'ok')[0]?.found ?? '', /held by the eIM that runs/);
      assert.match(of('store', 'ok')[0]?.found ?? '', /held by the eIM that runs/);
      assert.equal(code, 0);
    } finally {
      serving.kill('SIGTERM');
      await serving.ended;
    }
  });
});

describe('the signals of eim serve', { timeout: 60_000 }, () => {
  const folder = newFolder();
  const serve = () =>
    start([
      'serve',
      ...['--config', join(folder, 'eim.yaml'), '--data', join(folder, 'data')],
      ...['--coaps-host', '127.0.0.1', '--coaps-port', '0', '--rest-port', '0'],
    ]);

  it('are SIGHUP to read again, and SIGTERM to stop with 0', async () => {
    const serving = serve();
    await serving.says('eim: ready');
    serving.kill('SIGHUP');
    await serving.says('eim: read again');
    serving.kill('SIGTERM');
    const { code } = await serving.ended;
    assert.equal(code, 0);
  });
});
