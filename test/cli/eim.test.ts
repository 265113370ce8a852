/** The other commands of `eim`: info, device, euicc, serve; and a server that is away or does not let in. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { parseIccid } from '../../src/messages/ids.ts';
import { at } from '../rest/http.ts';
import { efIccid, eid, iccid, type Running, run } from '../rest/running.ts';
import { bareEnv, command, type Ended, main, start } from './cli.ts';

let rest: Running;
let folder = '';
let env: Record<string, string>;
before(async () => {
  rest = await run();
  env = { EIM_URL: rest.url };
  folder = mkdtempSync(join(tmpdir(), 'coap-eim-cli-'));
});
after(async () => {
  await rest.close();
  rmSync(folder, { recursive: true });
});

const eim = (...args: readonly string[]) => command(args, { env });

describe('eim info', () => {
  it('shows the eIM, and writes files for a device', async () => {
    const out = join(folder, 'device');
    const { code, stdout } = await eim('info', '--out', out);
    assert.equal(code, 0);
    assert.match(stdout, /^AddInitialEimRequest +BF5702A000$/m);
    assert.match(stdout, /^dropped, dtls: bad record +3$/m);
    const file = (name: string) => readFileSync(join(out, name));
    assert.deepEqual(new Uint8Array(file('add-initial-eim-request.der')), hex('BF5702A000'));
    assert.equal(file('add-initial-eim-request.hex').toString(), 'BF5702A000\n');
    assert.deepEqual(new Uint8Array(file('eim-configuration-data.der')), hex('3000'));
    assert.match(file('tls-certificate.pem').toString(), /tls/);
    assert.match(file('eim-signing.pem').toString(), /eim/);
  });

  it('tells what eUICCs are to trust of the DTLS server', async () => {
    const told = async (...args: readonly string[]) =>
      at(JSON.parse((await eim('info', '--json', ...args)).stdout), 'eimConfigurationData');
    assert.equal(await told(), '3000');
    assert.equal(await told('--tls-trust', 'key'), '3001');
    assert.equal((await eim('info', '--tls-trust', 'both')).code, 2);
  });

  it('prints JSON, and says where files cannot be written', async () => {
    assert.equal(at(JSON.parse((await eim('info', '--json')).stdout), 'eimId'), 'eIM-test');
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const { code, stderr } = await eim('info', '--out', join(file, 'below'));
    assert.equal(code, 1);
    assert.match(stderr, /cannot be written/);
  });
});

describe('eim device', () => {
  it('adds one with a PSK made, and shows the PSK once', async () => {
    const added = await eim('device', 'add', '--eid', eid);
    assert.equal(added.code, 0, added.stderr);
    const [, psk = ''] = /^PSK +([0-9A-F]{32})$/m.exec(added.stdout) ?? [];
    assert.equal(psk.length, 32);
    assert.match(added.stderr, /not shown again/);
    for (const args of [['list'], ['show', eid], ['list', '--json'], ['show', eid, '--json']]) {
      const { code, stdout } = await eim('device', ...args);
      assert.equal(code, 0);
      assert.ok(stdout.includes(eid) && !stdout.includes(psk), args.join(' '));
    }
  });

  it('reads a PSK from standard input, and removes a device', async () => {
    const key = '000102030405060708090A0B0C0D0E0F';
    const args = ['device', 'add', '--identity', 'meter-7', '--psk', '-', '--json'];
    const { code, stdout } = await command(args, { env, stdin: `${key}\n` });
    assert.equal(code, 0);
    assert.deepEqual(Object.keys(JSON.parse(stdout)), ['identity', 'eids', 'added', 'psk', 'key']);
    assert.equal(at(JSON.parse(stdout), 'key'), key);
    assert.equal((await eim('device', 'remove', 'meter-7')).code, 0);
    assert.equal(rest.desk.devices.get('meter-7'), undefined);
    assert.equal((await eim('device', 'remove', 'meter-7')).code, 2);
  });

  it('takes a PSK as text, beside hex', async () => {
    const text = 'key of älteren';
    const args = ['device', 'add', '--json', '--identity'];
    const typed = await eim(...args, 'text-1', '--psk-text', text);
    assert.equal(typed.code, 2, 'fifteen octets are too few');
    assert.match(typed.stderr, /^eim: --psk-text: must be 16 to 64 octets of UTF-8, this has 15/);
    const long = await eim(...args, 'text-1', '--psk-text', `${text}s`);
    assert.equal(at(JSON.parse(long.stdout), 'key'), toHex(utf8(`${text}s`)));
    const piped = await command([...args, 'text-2', '--psk-text', '-'], {
      env,
      stdin: '0123456789abcdef\n',
    });
    assert.equal(at(JSON.parse(piped.stdout), 'key'), '30313233343536373839616263646566');
    const both = await eim(...args, 'text-3', '--psk-text', text, '--psk', '00'.repeat(16));
    assert.equal(both.code, 2);
    assert.match(both.stderr, /^eim: give --psk or --psk-text, not both/);
    assert.equal(rest.desk.devices.get('text-3'), undefined);
  });

  it('refuses bad input with 2, naming the option', async () => {
    const nameless = await eim('device', 'add');
    assert.equal(nameless.code, 2);
    assert.match(nameless.stderr, /^eim: a device needs a name: give --identity or --eid\n$/);
    const short = await eim('device', 'add', '--identity', 'a', '--psk', '00');
    assert.equal(short.code, 2);
    assert.match(short.stderr, /^eim: --psk: must be 16 to 64 octets/);
    assert.doesNotMatch(short.stderr, /00/);
    const wrong = await eim('device', 'add', '--eid', '12');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /^eim: --eid: /);
    const taken = await eim('device', 'add', '--identity', eid);
    assert.equal(taken.code, 2);
    assert.match(
      taken.stderr,
      /there is a device \d+ already\n +give another --identity, .*eim device remove/,
    );
  });
});

describe('eim euicc', () => {
  it('shows profiles in a table', async () => {
    const profile = { iccid: parseIccid(efIccid), state: 'enabled', name: 'One' } as const;
    await rest.desk.euiccs.update(eid, { profiles: { since: 0, list: [profile] } });
    const list = await eim('euicc', 'list');
    assert.match(list.stdout, new RegExp(`^${eid} +none +1 +${iccid} +never$`, 'm'));
    const { code, stdout } = await eim('euicc', 'show', eid);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^${iccid} +enabled +One$`, 'm'));
    assert.equal(
      at(JSON.parse((await eim('euicc', 'show', eid, '--json')).stdout), 'profiles', 0, 'efIccid'),
      efIccid,
    );
  });

  it('corrects what is known', async () => {
    const { code, stderr } = await eim(
      'euicc',
      'set',
      eid,
      '--counter-value',
      '9',
      '--consumer-euicc',
      'yes',
    );
    assert.equal(code, 0, stderr);
    const known = await rest.desk.euiccs.get(eid);
    assert.equal(known?.counterValue, 9);
    assert.equal(known?.consumerEuicc, true);
    const nothing = await eim('euicc', 'set', eid);
    assert.equal(nothing.code, 2);
    assert.match(nothing.stderr, /nothing to set: give --counter-value/);
    const wrong = await eim('euicc', 'set', eid, '--counter-value', 'nine');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /^eim: --counter-value: must be a number\n/);
    const over = await eim('euicc', 'set', eid, '--counter-value', '8388608');
    assert.match(over.stderr, /^eim: --counter-value: must be at most 8388607\n/);
    assert.match((await eim('euicc', 'show', '12')).stderr, /^eim: EID: an EID has 32 digits/);
  });
});

describe('eim, when its reader has enough', () => {
  for (const words of ['info --json', 'order list 2>&1 >/dev/null']) {
    it(`ends quietly: ${words} | true`, async () => {
      const { code, stderr } = await piped(`${words} | true`);
      assert.equal(code, 0, stderr);
      assert.equal(stderr, '');
    });
  }

  /** A pipeline that begins with `eim`; ends with the exit code of that. */
  function piped(pipeline: string): Promise<Ended> {
    const [first, ...rest] = pipeline.split(' | ');
    const script = `{ "$0" "$1" ${first}; echo $? >"$2"; } | ${rest.join(' | ')}`;
    const file = join(folder, 'code');
    const words = ['-c', script, process.execPath, main, file];
    const child = spawn('sh', words, { env: { ...bareEnv, ...env } });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', () =>
        resolve({ code: Number(readFileSync(file, 'utf8')), stdout: '', stderr }),
      );
    });
  }
});

describe('eim: the way to the eIM', () => {
  it('ends with 3 where nothing listens, and says what to do', async () => {
    const { code, stdout, stderr } = await command(['order', 'list', '--json'], {
      env: { EIM_URL: 'http://127.0.0.1:9' },
    });
    assert.equal(code, 3);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /^eim: the eIM at http:\/\/127\.0\.0\.1:9 cannot be reached \(.+\)\n +start it with `eim serve`/,
    );
  });

  it('ends with 3 where something else listens', async () => {
    const other = createServer((_request, response) => response.end('<html>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const { code, stderr } = await command(['info', '--url', `http://127.0.0.1:${port}`]);
    other.close();
    assert.equal(code, 3);
    assert.match(stderr, /is no eIM/);
  });

  it('ends with 6 without the token, and with 0 with it', async () => {
    const token = 'a-token-of-more-than-16';
    const closed = await run({ token });
    const args = ['device', 'list', '--url', closed.url];
    const without = await command(args);
    assert.equal(without.code, 6);
    assert.match(without.stderr, /rest\.token.*EIM_TOKEN/);
    const wrong = await command([...args, '--token', 'wrong']);
    assert.equal(wrong.code, 6);
    assert.match(wrong.stderr, /the eIM does not know this token/);
    assert.doesNotMatch(wrong.stderr, /wrong/);
    const list = await command(args, { env: { EIM_TOKEN: token } });
    assert.equal(list.code, 0, list.stderr);
    assert.equal(list.stdout, '');
    assert.match(list.stderr, /no devices yet/);
    await closed.close();
  });

  it('ends with 2 for a URL that is none', async () => {
    assert.equal((await command(['info', '--url', 'localhost:8080'])).code, 2);
  });

  it('helps: commands, options, exit codes, the version', async () => {
    const help = await command(['--help']);
    assert.equal(help.code, 0);
    for (const word of ['serve', 'info', 'order', 'device', 'euicc', '--json', 'Exit codes:']) {
      assert.ok(help.stdout.includes(word), word);
    }
    assert.match((await command(['--version'])).stdout, /^[0-9]+\.[0-9]+\.[0-9]+\n$/);
  });
});

describe('eim serve', () => {
  it('refuses a wrong configuration with 2, naming the keys', async () => {
    const { code, stderr } = await command([
      'serve',
      '--config',
      join(folder, 'x.yaml'),
      '--coaps-port',
      'x',
      '--set',
      'rest.prt=1',
    ]);
    assert.equal(code, 2);
    assert.match(stderr, /rest\.prt: there is no such setting/);
    assert.match(stderr, /coaps\.port: /);
  });

  it('refuses a file that cannot be read with 2, naming the setting', async () => {
    const { code, stderr } = await command([
      'serve',
      ...['--config', join(folder, 'unread.yaml'), '--data', join(folder, 'unread')],
      ...['--set', `es9.roots=[${join(folder, 'none.pem')}]`],
    ]);
    assert.equal(code, 2);
    assert.match(stderr, /\neim: es9\.roots: ENOENT/);
  });

  it('says which port is taken, and nothing of work on a closed store', async () => {
    const serving = ['serve', '--config', join(folder, 'taken.yaml'), '--coaps-host', '127.0.0.1'];
    const { port } = rest.rest;
    const ports = ['--coaps-port', '0', '--rest-port', String(port)];
    const data = ['--data', join(folder, 'taken')];
    const { code, stderr } = await command([...serving, ...ports, ...data]);
    assert.equal(code, 1);
    assert.match(stderr, /\neim: cannot listen on TCP 127\.0\.0\.1 port .* or set rest\.port\n$/);
    assert.doesNotMatch(stderr, /"level":50/);
  });

  it('warns of settings that a first start leaves open, until they are set', async () => {
    const warnings = async (name: string, ...more: readonly string[]) => {
      const serving = start([
        'serve',
        ...['--config', join(folder, `${name}.yaml`), '--data', join(folder, name)],
        ...['--coaps-host', '127.0.0.1', '--coaps-port', '0', '--rest-port', '0', ...more],
      ]);
      await serving.says('ready');
      serving.kill('SIGTERM');
      const { stderr } = await serving.ended;
      return [...stderr.matchAll(/"level":40.*"msg":"eim: (\S+) is/g)].map(
        ([, setting]) => setting,
      );
    };
    assert.deepEqual(await warnings('open'), ['euicc.roots', 'es9.roots', 'eim.fqdn']);
    const ci = fileURLToPath(new URL('../../certs/lab/ci.cert.pem', import.meta.url));
    const roots = [`euicc.roots=[${ci}]`, `es9.roots=[${ci}]`, 'eim.fqdn=eim.example.com'];
    assert.deepEqual(await warnings('set', ...roots.flatMap((pair) => ['--set', pair])), []);
  });

  it('runs, makes its file, refuses a second on the same store, and stops on a signal', async () => {
    const file = join(folder, 'eim.yaml');
    const args = [
      'serve',
      '--config',
      file,
      '--coaps-host',
      '127.0.0.1',
      '--coaps-port',
      '0',
      '--rest-port',
      '0',
    ];
    const serving = start(args);
    await serving.says('ready');
    assert.match(readFileSync(file, 'utf8'), /^ {2}#port: 5684$/m);
    const second = await command(args);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /is in use by another process/);
    serving.kill('SIGTERM');
    const { code, stdout, stderr } = await serving.ended;
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '');
  });
});
