/** `eim device import`, rotate and revoke, as an operator types them. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { toHex, utf8 } from '../../src/base/bytes.ts';
import { Devices } from '../../src/fleet/devices.ts';
import { at } from '../rest/http.ts';
import { eid, otherEid, type Running, run } from '../rest/running.ts';
import { newFolder } from '../support/folders.ts';
import { seededRandom } from '../support/seeded.ts';
import { command } from './cli.ts';
import { eidNumber } from './eids.ts';
import { eimOnDisk } from './eim-on-disk.ts';

let rest: Running;
const folder = newFolder();
before(async () => {
  rest = await run();
});
after(() => rest.close());

const eim = (...args: readonly string[]) => command(args, { env: { EIM_URL: rest.url } });
const key = '000102030405060708090A0B0C0D0E0F';

/** A file with these lines. */
function file(name: string, ...lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.join('\n'));
  return path;
}

/** The PSKs of an identity, in hex. */
function keysOf(identity: string): readonly string[] {
  assert.ok(rest.desk.devices instanceof Devices);
  return rest.desk.devices.pskOf(utf8(identity)).map(toHex);
}

describe('eim device import', () => {
  it('lets the devices of a file in, and again changes nothing', async () => {
    const path = file('two.csv', 'identity,key,eids', `a,${key},${eid}`, `b,${key},${otherEid}`);
    const looked = await eim('device', 'import', path, '--dry-run');
    assert.deepEqual([looked.code, looked.stdout], [0, '2 would be added\n'], looked.stderr);
    assert.deepEqual(keysOf('a'), []);
    const first = await eim('device', 'import', path);
    assert.deepEqual([first.code, first.stdout], [0, '2 added\n']);
    assert.deepEqual(keysOf('a'), [key]);
    assert.deepEqual(rest.desk.devices.get('b')?.eids, [otherEid]);
    const second = await eim('device', 'import', path);
    assert.deepEqual([second.code, second.stdout], [0, '0 added, 2 there already\n']);
    for (const { stdout, stderr } of [looked, first, second]) {
      assert.ok(!`${stdout}${stderr}`.includes(key));
    }
  });

  it('imports none where a line is wrong, and names line and field', async () => {
    const path = file('wrong.csv', 'identity,key', `c,${key}`, `d,${key.slice(1)}`);
    const report = join(folder, 'report.csv');
    const { code, stdout, stderr } = await eim('device', 'import', path, '--report', report);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^line 3, key: must be hex/m);
    assert.match(stderr, /1 of 2 devices are wrong: nothing was imported/);
    const [head, row, ...more] = readFileSync(report, 'utf8').split('\r\n');
    assert.deepEqual([head, more], ['identity,key,line,field,message', ['']]);
    assert.match(row ?? '', new RegExp(`^d,${key.slice(1)},3,key,"must be hex.*"$`));
    assert.equal(statSync(report).mode & 0o777, 0o600);
    assert.ok(!stderr.includes(key.slice(1)));
    assert.deepEqual(keysOf('c'), []);
  });

  it('imports the others on demand, and says with --json what it did not', async () => {
    const path = file('some.csv', 'identity,key', `c,${key}`, `d,${key.slice(1)}`, `a,${key}`);
    const args = ['device', 'import', path, '--skip-wrong', '--json'];
    const { code, stdout, stderr } = await eim(...args);
    assert.equal(code, 1);
    const told: unknown = JSON.parse(stdout);
    assert.deepEqual(
      ['dryRun', 'added', 'replaced', 'unchanged'].map((name) => at(told, name)),
      [false, 1, 0, 0],
    );
    assert.deepEqual(
      [0, 1].map((i) => [at(told, 'refused', i, 'line'), at(told, 'refused', i, 'field')]),
      [
        [3, 'key'],
        [4, 'identity'],
      ],
    );
    assert.match(stderr, /2 of 3 devices were refused/);
    assert.deepEqual(keysOf('c'), [key]);
  });

  it('reports refused rows so that they can be corrected and imported', async () => {
    const note = '=HYPERLINK("x")';
    const rows = [`k,${key},"${note.replaceAll('"', '""')}"`, `l,${key.slice(1)},@l`];
    const path = file('corrected.csv', 'identity,key,note', ...rows);
    const report = join(folder, 'again.csv');
    const args = ['device', 'import', path, '--skip-wrong', '--report', report];
    assert.equal((await eim(...args)).code, 1);
    const text = readFileSync(report, 'utf8');
    assert.match(text, /^l,\w+,'@l,3,key,/m, 'no spreadsheet takes it for a formula');
    writeFileSync(report, text.replace(key.slice(1), key));
    const { code, stdout, stderr } = await eim('device', 'import', report);
    assert.deepEqual([code, stdout], [0, '1 added\n'], stderr);
    assert.equal(rest.desk.devices.get('l')?.note, '@l');
    assert.equal(rest.desk.devices.get('k')?.note, note);
  });

  it('replaces on demand', async () => {
    const other = 'FF'.repeat(16);
    const path = file('again.json', JSON.stringify([{ identity: 'a', key: other }]));
    assert.equal((await eim('device', 'import', path)).code, 1);
    assert.deepEqual(keysOf('a'), [key]);
    const { code, stdout } = await eim('device', 'import', path, '--replace');
    assert.deepEqual([code, stdout], [0, '0 added, 1 replaced\n']);
    assert.deepEqual(keysOf('a'), [other]);
  });

  it('writes the PSKs that are made into a file of their own, and never loses them', async () => {
    const path = file('keyless.csv', 'identity', 'e', 'f');
    const refused = await eim('device', 'import', path);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /line 2: has no PSK or pin.*\n.*--keys/);
    assert.deepEqual(keysOf('e'), []);
    const keys = join(folder, 'keys.csv');
    const { code, stdout } = await eim('device', 'import', path, '--keys', keys);
    assert.deepEqual([code, stdout], [0, '2 added\n']);
    assert.equal(statSync(keys).mode & 0o777, 0o600);
    const due = `identity,key\r\ne,${keysOf('e')[0]}\r\nf,${keysOf('f')[0]}\r\n`;
    assert.equal(readFileSync(keys, 'utf8'), due);
    const over = await eim('device', 'import', file('g.csv', 'identity', 'g'), '--keys', keys);
    assert.equal(over.code, 2, 'a file that is there is not written over');
    assert.equal(readFileSync(keys, 'utf8'), due);
    assert.deepEqual(keysOf('g'), []);
  });

  it('reads standard input, and says what it cannot read', async () => {
    const env = { EIM_URL: rest.url };
    const stdin = `identity,key\nh,${key}\n`;
    assert.equal((await command(['device', 'import', '-'], { env, stdin })).code, 0);
    assert.deepEqual(keysOf('h'), [key]);
    const away = await eim('device', 'import', join(folder, 'nowhere.csv'));
    assert.equal(away.code, 2);
    assert.match(away.stderr, /nowhere\.csv cannot be read/);
    assert.ok(!existsSync(join(folder, 'nowhere.csv')));
  });
});

describe('eim device rotate and revoke', () => {
  it('gives another PSK and shows it once; the old one stays until it is dropped', async () => {
    await rest.desk.devices.add({ identity: 'r', key: utf8('sixteen octets!!'), eids: [] });
    const { code, stdout } = await eim('device', 'rotate', 'r');
    assert.equal(code, 0);
    const [, psk = ''] = /^PSK +([0-9A-F]{32})$/m.exec(stdout) ?? [];
    assert.deepEqual(keysOf('r'), [psk, toHex(utf8('sixteen octets!!'))]);
    assert.match((await eim('device', 'list')).stdout, /^r +PSK \(new one not used yet\)/m);
    const env = { EIM_URL: rest.url };
    const args = ['device', 'rotate', 'r', '--psk', '-', '--drop-old'];
    assert.equal((await command(args, { env, stdin: key })).code, 0);
    assert.deepEqual(keysOf('r'), [key]);
    assert.equal((await eim('device', 'rotate', 'nobody')).code, 2);
    assert.equal((await eim('device', 'rotate', 'r', '--psk', 'xx')).code, 2);
  });

  it('refuses a device from now on', async () => {
    await rest.desk.devices.add({ identity: 'v', key: utf8('sixteen octets!!'), eids: [] });
    const { code, stdout } = await eim('device', 'revoke', 'v');
    assert.equal(code, 0);
    assert.match(stdout, /^revoked +20/m);
    assert.deepEqual(keysOf('v'), []);
    assert.match((await eim('device', 'list')).stdout, /^v +revoked/m);
    assert.equal((await eim('device', 'revoke', 'nobody')).code, 2);
  });

  it('takes pins from files', async () => {
    const pin = 'AB'.repeat(32);
    const args = ['device', 'add', '--identity', 'p', '--certificate', pin, '--json'];
    const { code, stdout } = await eim(...args);
    assert.equal(code, 0);
    assert.deepEqual(at(JSON.parse(stdout), 'certificates', 0), pin);
    const junk = file('junk.pem', 'junk');
    for (const option of ['--certificate', '--public-key']) {
      assert.equal((await eim('device', 'add', '--identity', 'q', option, junk)).code, 2);
    }
    assert.equal(rest.desk.devices.get('q'), undefined);
  });
});

describe('5,000 devices', () => {
  it('are imported into an eIM with its store on the disk in under 20 s', async (test) => {
    const env = { EIM_URL: await eimOnDisk(test) };
    const random = seededRandom(5);
    const lines = ['identity,key,eids'];
    for (let i = 0; i < 5000; i++) lines.push(`meter-${i},${toHex(random(16))},${eidNumber(i)}`);
    const path = file('fleet.csv', ...lines);
    const begun = performance.now();
    const { code, stdout, stderr } = await command(['device', 'import', path], { env });
    const seconds = (performance.now() - begun) / 1000;
    assert.deepEqual([code, stdout, stderr], [0, '5000 added\n', '']);
    assert.ok(seconds < 20, `${seconds} s`);
    test.diagnostic(`${seconds.toFixed(1)} s`);
    const listed = await command(['device', 'list', '--json'], { env });
    const { devices } = JSON.parse(listed.stdout) as { devices: readonly unknown[] };
    assert.equal(devices.length, 5000);
    assert.equal(at(devices[4999], 'identity'), 'meter-999');
  });
});
