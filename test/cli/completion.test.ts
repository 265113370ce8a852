/** `eim completion` in real shells: bash and zsh on a terminal, fish by its own `complete -C`. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { wordsOf } from '../../src/cli/completion/words.ts';
import { parseIccid } from '../../src/messages/ids.ts';
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
import { needs } from '../support/needs.ts';
import { bareEnv, command } from './cli.ts';
import { folderOfEim, onTerminal, plain } from './terminal.ts';

const exec = promisify(execFile);
const folder = newFolder();
writeFileSync(join(folder, 'a-message.der'), '');
let rest: Running;
let env: Record<string, string>;
let order = '';
before(async () => {
  rest = await run();
  env = { EIM_URL: rest.url };
  const request = { download: { activationCode } };
  ({ id: order } = await rest.desk.orders.submit({ eid, facility: 'download', request }));
  await rest.desk.euiccs.ensure(otherEid);
  const profile = { iccid: parseIccid(efIccid), state: 'enabled', name: 'One' } as const;
  await rest.desk.euiccs.update(eid, { profiles: { since: 0, list: [profile] } });
  await rest.desk.devices.add({ identity: 'gate:1 b', key: new Uint8Array(16), eids: [] });
});
after(() => rest.close());

/** What is offered for a line, as bash is told. */
async function offered(line: string, more: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await command(['completion', 'bash', '--line', line], {
    env: { ...env, ...more },
  });
  assert.deepEqual([code, stderr], [0, '']);
  return stdout.trimEnd().split('\n');
}

describe('eim completion: what is offered', () => {
  it('commands, and those below them', async () => {
    assert.deepEqual(await offered('eim ord'), ['values', 'order']);
    assert.deepEqual(await offered('eim order ca'), ['values', 'cancel']);
    assert.ok((await offered('eim ')).includes('completion'));
    assert.deepEqual(await offered('eim --url http://x:1 --json device revo'), [
      'values',
      'revoke',
    ]);
    assert.deepEqual(await offered('eim nonsense x'), ['values']);
  });

  it('options, of the command and of all commands', async () => {
    const options = await offered('eim order download --');
    for (const option of ['--eid', '--confirmation-code', '--output', '--url']) {
      assert.ok(options.includes(option), option);
    }
    assert.ok(!options.includes('--timeout'));
  });

  it('choices of options', async () => {
    assert.deepEqual(await offered('eim order list --state '), ['values', 'new', 'work', 'done']);
    assert.deepEqual(await offered('eim order list -o c'), ['values', 'csv']);
    // Bash puts it behind the =.
    assert.deepEqual(await offered('eim order list --state=w'), ['values', 'work']);
  });

  it('EIDs, ICCIDs, order ids and names of the eIM', async () => {
    assert.deepEqual(await offered('eim euicc show '), ['values', otherEid, eid]);
    assert.deepEqual(await offered(`eim order rat --eid ${eid.slice(0, 5)}`), ['values', eid]);
    assert.deepEqual(await offered('eim order enable --iccid '), ['values', iccid]);
    assert.deepEqual(await offered(`eim order psmo --eid ${eid} --enable 8`), ['values', iccid]);
    assert.deepEqual(await offered(`eim order enable --eid ${otherEid} --iccid `), ['values']);
    assert.deepEqual(await offered('eim order show '), ['values', order]);
    assert.deepEqual(await offered('eim device show gate:'), ['values', '1\\ b']);
    assert.deepEqual(await offered('eim dtls close 6D6A5C1E0F3B9A27C4D8E003'), [
      'values',
      '6D6A5C1E0F3B9A27C4D8E003',
    ]);
  });

  it('files where there are to be some', async () => {
    assert.deepEqual(await offered('eim device import '), ['files']);
    assert.deepEqual(await offered('eim order import x --report '), ['files']);
    assert.deepEqual(await offered('eim info --out '), ['folders']);
  });

  it('nothing, and no complaint, where the eIM is away or refuses', async () => {
    assert.deepEqual(await offered('eim order show ', { EIM_URL: 'http://127.0.0.1:9' }), [
      'values',
    ]);
    assert.deepEqual(await offered('eim order show ', { EIM_URL: 'nonsense' }), ['values']);
    const closed = await run({ token: 'a-token-of-more-than-16' });
    assert.deepEqual(await offered('eim order show ', { EIM_URL: closed.url }), ['values']);
    await closed.close();
  });

  it('is quick where the eIM is slow', async () => {
    const begun = performance.now();
    const slow = 'http://192.0.2.1:9';
    assert.deepEqual(await offered('eim order show ', { EIM_URL: slow }), ['values']);
    assert.ok(performance.now() - begun < 5000);
  });

  it('takes lines apart as a shell does', () => {
    assert.deepEqual(wordsOf(`eim  a\\ b 'c d'"e\\"" `), ['eim', 'a b', 'c de"', '']);
    assert.deepEqual(wordsOf(`eim '' x`), ['eim', '', 'x']);
    assert.deepEqual(wordsOf('eim "un'), ['eim', 'un']);
  });
});

/** A line is typed with a tab after it, in a shell that has sourced the script; ends once `due` is shown. */
function typed(shell: string, line: string, due: string, folder: string): Promise<string> {
  return onTerminal(shell, {
    columns: 200,
    env: { ...env, ZDOTDIR: folder },
    typed: [['set> ', `${line}\t`]],
    until: due,
  });
}

const lines: readonly (readonly [line: string, due: () => string])[] = [
  ['eim order canc', () => 'eim order cancel '],
  ['eim order show ', () => `eim order show ${order}`],
  ['eim order list --state=w', () => 'eim order list --state=work '],
  ['eim device show ga', () => 'eim device show gate:1\\ b'],
  [`eim decode ${folder}/a-mess`, () => `eim decode ${folder}/a-message.der`],
];

describe('eim completion in bash', () => {
  const rc = join(folder, 'bashrc');
  writeFileSync(rc, 'eval "$(eim completion bash)"; PS1="set> "\n');
  for (const [line, due] of lines) {
    it(`completes: ${basename(line)}`, async () => {
      const shown = await typed(`bash --noprofile --rcfile ${rc} -i`, line, due(), folder);
      assert.ok(plain(shown).includes(due()), JSON.stringify(shown));
    });
  }
});

describe('eim completion in zsh', { skip: needs('zsh', '--version') }, () => {
  const setting = 'autoload -Uz compinit; compinit -u -D; eval "$(eim completion zsh)"';
  // Without colours and bold, zsh shows a line as it is.
  const bare = 'PS1="set> "; unsetopt prompt_sp; zle_highlight=(none); unset zle_bracketed_paste';
  writeFileSync(join(folder, '.zshrc'), `${setting}\n${bare}\n`);
  for (const [line, due] of lines) {
    it(`completes: ${basename(line)}`, async () => {
      const last = due().split(' ').slice(3).join(' ') || due().split(' ').slice(2).join(' ');
      const shown = await typed('zsh -d -i', line, last, folder);
      assert.ok(plain(shown).includes(last), JSON.stringify(shown));
    });
  }
});

describe('eim completion in fish', { skip: needs('fish', '--version') }, () => {
  const fish = async (line: string) => {
    const script = 'eim completion fish | source; complete -C $argv[1]';
    const path = `${folderOfEim()}${delimiter}${process.env.PATH}`;
    const { stdout } = await exec('fish', ['--no-config', '-c', script, line], {
      env: { ...bareEnv, ...env, PATH: path },
    });
    return stdout.trimEnd().split('\n');
  };

  it('completes commands, ids and choices, and says what they are', async () => {
    assert.match((await fish('eim order canc')).join(), /^cancel\tend an order/);
    assert.deepEqual(await fish('eim order show '), [`${order}\tnew download ${eid}`]);
    assert.deepEqual(await fish('eim order list --state w'), ['work']);
  });
});
