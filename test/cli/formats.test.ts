/** What results are shown as: CSV and JSON of each command, where the format is said, and how CSV is kept harmless. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Command } from 'commander';
import fc from 'fast-check';
import { csvLines, csvRows } from '../../src/cli/csv.ts';
import { makeProgram } from '../../src/cli/program.ts';
import { parseIccid } from '../../src/messages/ids.ts';
import { at } from '../rest/http.ts';
import {
  activationCode,
  efIccid,
  eid,
  iccid,
  otherEid,
  type Running,
  run,
} from '../rest/running.ts';
import { newFolder } from '../support/folders.ts';
import { command } from './cli.ts';
import { commandHere } from './in-process.ts';

let rest: Running;
let env: Record<string, string>;
let order = '';
before(async () => {
  rest = await run();
  env = { EIM_URL: rest.url, XDG_CONFIG_HOME: newFolder() };
  const request = { download: { activationCode } };
  ({ id: order } = await rest.desk.orders.submit({ eid, facility: 'download', request }));
  const profile = { iccid: parseIccid(efIccid), state: 'enabled', name: '=1+1' } as const;
  await rest.desk.euiccs.update(eid, { profiles: { since: 0, list: [profile] } });
});
after(() => rest.close());

const eim = (...args: readonly string[]) => commandHere(args, env);

describe('--json', () => {
  it('says what a device says without a word that a terminal obeys', async () => {
    const nickname = '\u009b31m\u007f\u202e"\\\u2028';
    const profile = { iccid: parseIccid(efIccid), state: 'enabled', nickname } as const;
    const of = otherEid;
    await rest.desk.euiccs.update(of, { profiles: { since: 0, list: [profile] } });
    for (const words of [`euicc show ${of}`, `profile list --eid ${of}`]) {
      const { stdout } = await eim(...words.split(' '), '--json');
      assert.doesNotMatch(stdout, /[\x7f-\x9f\u2028\u202e]/);
      assert.equal(at(JSON.parse(stdout), 'profiles', 0, 'nickname'), nickname);
    }
  });
});

describe('--output csv', () => {
  const heads: Readonly<Record<string, string>> = {
    'order list': 'order,eid,what,state,submitted',
    'device list': 'identity,by,eids,added,note',
    'euicc list': 'eid,proof,profiles,enabled,lastContact',
    'profile list': 'eid,iccid,state,class,name,provider,told',
    'dtls list': 'id,device,state,address,cid,lastContact,in,out',
    'notification list': 'id,operation,iccid,state,tries,nextTry,lastSaid',
    'token list': 'id,role,name,added,expires,lastUsed',
    'euicc quirks': 'eum,quirk,eUICCs,times,last',
    info: 'name,value',
  };
  for (const [words, head] of Object.entries(heads)) {
    it(`has names, rows of the same length and no notes: ${words}`, async () => {
      const { code, stdout, stderr } = await eim(...words.split(' '), '-o', 'csv');
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal(stdout.split('\r\n')[0], head);
      assert.ok(stdout.endsWith('\r\n'));
      const columns = head.split(',').length;
      for (const { cells } of csvRows(stdout)) assert.equal(cells.length, columns);
    });
  }

  it('has one thing as names and values', async () => {
    const { stdout } = await eim('order', 'show', order, '--output', 'csv');
    const rows = csvRows(stdout).map(({ cells }) => cells.join(': '));
    assert.deepEqual(rows.slice(0, 3), ['name: value', `order: ${order}`, `EID: ${eid}`]);
  });

  it('hides formulas from spreadsheets', async () => {
    const { stdout } = await eim('profile', 'list', '-o', 'csv');
    assert.match(stdout, new RegExp(`^${eid},${iccid},enabled,,'=1\\+1,,`, 'm'));
    for (const cell of ['=1', '+1', '-1', '@x', '\t=1', "'=1"]) {
      assert.ok(
        csvLines([[cell]])
          .replace(/^"/, '')
          .startsWith("'"),
        cell,
      );
    }
    assert.equal(csvLines([['1-1', 'a=b', "it's"]]), "1-1,a=b,it's\r\n");
  });

  it('is read as it was written, whatever it holds', () => {
    const cell = fc
      .array(fc.constantFrom('a', '"', ',', ';', '\n', '\r', '\t', '=', "'", '@', '-', ' ', 'é'))
      .map((parts) => parts.join(''));
    const row = fc.array(cell, { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 4 }), (rows) => {
        const named = [['a', 'b'], ...rows];
        const kept = named.filter((cells) => cells.some((one) => one.trim() !== ''));
        assert.deepEqual(
          csvRows(csvLines(named)).map(({ cells }) => cells),
          kept,
        );
      }),
      { numRuns: 500, seed: 1 },
    );
  });
});

describe('where the format and the eIM are named', () => {
  const folder = newFolder();
  const file = (name: string, text: string, mode = 0o600) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  const nowhere = { XDG_CONFIG_HOME: folder };
  const isJson = (text: string) => text.startsWith('{');

  it('flag, over environment, over file', async () => {
    mkdirSync(join(folder, 'eim'));
    file('eim/cli.yaml', `url: ${rest.url}\noutput: json\n`);
    const list = (more: Record<string, string>, ...args: readonly string[]) =>
      commandHere(['order', 'list', ...args], { ...nowhere, ...more });
    assert.ok(isJson((await list({})).stdout));
    assert.match((await list({ EIM_OUTPUT: 'csv' })).stdout, /^order,/);
    assert.match((await list({ EIM_OUTPUT: 'csv' }, '-o', 'table')).stdout, /^ORDER /);
    assert.ok(isJson((await list({ EIM_OUTPUT: 'csv' }, '--json')).stdout));
    assert.equal((await list({ EIM_URL: 'http://127.0.0.1:9' })).code, 3);
    assert.equal((await list({}, '--url', 'http://127.0.0.1:9')).code, 3);
  });

  it('a token in the file, and a warning where others may read it', async () => {
    const token = 'a-token-of-more-than-16';
    const closed = await run({ token });
    const text = `url: ${closed.url}\ntoken: ${token}\n`;
    const ask = (path: string) => commandHere(['device', 'list'], { EIM_CLI_CONFIG: path });
    const kept = await ask(file('kept.yaml', text));
    assert.deepEqual([kept.code, kept.stderr], [0, 'no devices yet: eim device add --eid …\n']);
    const open = await ask(file('open.yaml', text, 0o644));
    assert.equal(open.code, 0);
    assert.match(open.stderr, /^warning: others may read the token in .*open\.yaml: chmod 600/);
    await closed.close();
  });

  it('refuses what it does not know, without showing a token', async () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      [file('key.yaml', 'tokn: secret'), /tokn: there is no such key/],
      [file('output.yaml', 'output: xml'), /output: /],
      [file('broken.yaml', 'token: "secret'), /line \d+ is no YAML/],
      [join(folder, 'none.yaml'), /ENOENT/],
    ];
    for (const [path, message] of cases) {
      const { code, stderr } = await commandHere(['order', 'list'], { EIM_CLI_CONFIG: path });
      assert.equal(code, 2);
      assert.match(stderr, message);
      assert.ok(!stderr.includes('secret'));
    }
    const variable = await commandHere(['order', 'list'], { ...env, EIM_OUTPUT: 'xml' });
    assert.match(variable.stderr, /EIM_OUTPUT: must be one of table, json, csv/);
    assert.equal((await eim('order', 'list', '--json', '-o', 'csv')).code, 2);
    assert.equal((await command(['order', 'list', '-o', 'xml'], { env })).code, 2);
  });
});

describe('eim profile and token', () => {
  it('lists the profiles of the fleet', async () => {
    const { stdout } = await eim('profile', 'list', '--state', 'enabled', '--json');
    assert.equal(at(JSON.parse(stdout), 'profiles', 0, 'iccid'), iccid);
    const none = await eim('profile', 'list', '--state', 'disabled');
    assert.deepEqual([none.code, none.stdout], [0, '']);
    assert.match(none.stderr, /eim order profiles/);
    assert.match((await eim('profile', 'list', '--eid', '1')).stderr, /^--eid: /);
  });

  it('makes a token, shows it once, and takes it back', async () => {
    const made = await eim('token', 'create', '--name', 'ci', '--role', 'read', '--expires', '1d');
    const [, secret = ''] = /^token +(\S+)$/m.exec(made.stdout) ?? [];
    const [, id = ''] = /^id +(\S+)$/m.exec(made.stdout) ?? [];
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stderr, /not shown again/);
    const listed = await eim('token', 'list');
    assert.ok(listed.stdout.includes(id) && !listed.stdout.includes(secret));
    const asked = (token: string) => commandHere(['order', 'list'], { ...env, EIM_TOKEN: token });
    assert.equal((await asked(secret)).code, 0);
    const may = await commandHere(['order', 'cancel', order], { ...env, EIM_TOKEN: secret });
    assert.equal(may.code, 6);
    assert.deepEqual((await eim('token', 'revoke', id)).stdout, `revoked ${id}\n`);
    assert.equal((await asked(secret)).code, 6);
    assert.equal((await eim('token', 'create', '--name', 'x', '--role', 'king')).code, 2);
  });
});

describe('help', () => {
  it('has an example for every command', () => {
    const { stdin, stdout, stderr } = process;
    const missing: string[] = [];
    const look = (one: Command, path: string) => {
      if (one.commands.length > 0) {
        for (const below of one.commands) look(below, `${path} ${below.name()}`);
        return;
      }
      let text = '';
      one.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
      if (!new RegExp(`Examples?:\n(.*\n)*?.*\\b${path}( |$)`, 'm').test(text)) missing.push(path);
    };
    look(makeProgram({ stdin, stdout, stderr, env: {}, now: Date.now }), 'eim');
    assert.deepEqual(missing, []);
  });
});
