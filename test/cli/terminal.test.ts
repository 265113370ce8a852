/** `eim` on a terminal of 80 columns, on a wide one, and in a pipe: what fits, what is coloured, what goes where. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { parseIccid } from '../../src/messages/ids.ts';
import {
  activationCode,
  efIccid,
  eid,
  finished,
  iccid,
  otherEid,
  type Running,
  run,
} from '../rest/running.ts';
import { bareEnv, command, main } from './cli.ts';
import { onTerminal, plain } from './terminal.ts';

let rest: Running;
let env: Record<string, string>;
let order = '';
/** One that is not done. */
let open = '';
before(async () => {
  rest = await run();
  env = { EIM_URL: rest.url };
  const request = { download: { activationCode } };
  ({ id: order } = await rest.desk.orders.submit({ eid, facility: 'download', request }));
  await finished(rest, { id: order }, { procedureError: 'authenticateClientError' }, false);
  ({ id: open } = await rest.desk.orders.submit({ eid: otherEid, facility: 'download', request }));
  const profile = { iccid: parseIccid(efIccid), state: 'enabled', name: '日本の携帯' } as const;
  await rest.desk.euiccs.update(eid, { profiles: { since: 0, list: [profile] } });
  const note = 'on the roof of the old mill, behind the second chimney, north side';
  await rest.desk.devices.add({ identity: 'meter-7', key: new Uint8Array(16), eids: [eid], note });
});
after(() => rest.close());

const commands = [
  'order list',
  'device list',
  'euicc list',
  'profile list',
  'dtls list',
  'notification list',
  'euicc quirks --known',
  'info',
];

describe('eim on a terminal of 80 columns', () => {
  for (const words of [...commands, 'order show ID', `euicc show ${eid}`]) {
    it(`has no line that is too long, and cuts nothing: eim ${words}`, async () => {
      const shown = plain(await onTerminal(`eim ${words.replace('ID', order)}`, { env }));
      const lines = shown.split('\n');
      assert.ok(lines.length > 2, shown);
      for (const line of lines) assert.ok(line.length <= 80, line);
      const { stdout } = await command(words.replace('ID', order).split(' '), { env });
      assert.equal(shown.includes('…'), stdout.includes('…'));
      // Times lose their seconds; all other words are there, somewhere.
      const due = stdout.split(/\s+/).filter((word) => !/^\d{4}-\d\d-\d\dT/.test(word));
      const found = new Set(shown.split(/\s+/));
      assert.deepEqual(
        due.filter((word) => !found.has(word)),
        [],
      );
    });
  }

  it('keeps EIDs, ICCIDs and order ids in one piece', async () => {
    assert.ok((await onTerminal('eim order list', { env })).includes(`${order}  ${eid}`));
    assert.ok((await onTerminal('eim profile list', { env })).includes(iccid));
  });

  it('has colour, and none with NO_COLOR, --no-color or TERM=dumb', async () => {
    const show = `eim order show ${order}`;
    assert.ok((await onTerminal(show, { env })).includes('\u001b[31mdone: failed'));
    for (const more of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
      assert.ok(!(await onTerminal(show, { env: { ...env, ...more } })).includes('\u001b['));
    }
    assert.ok(!(await onTerminal(`${show} --no-color`, { env })).includes('\u001b['));
  });

  it('draws a bar while it imports, on standard error alone', async () => {
    const file = `/dev/stdin`;
    const rows = `printf 'eid,activationCode\\n${eid},1$smdp.example.com$BAR\\n'`;
    const shown = await onTerminal(`${rows} | eim order import ${file} 2>&1 >/dev/null`, { env });
    assert.match(shown, /\[#+\.*\] +100% {2}1\/1/);
  });

  it('asks for a confirmation code, and does not show it', async () => {
    const words = `eim order download --eid ${eid} --ac '1$smdp.example.com$CC$$1' --confirmation-code -`;
    const shown = await onTerminal(words, {
      env,
      typed: [['confirmation code: ', 'se-cret-7\r']],
    });
    assert.match(shown, /from smdp\.example\.com \(with a confirmation code\)/);
    assert.ok(!shown.includes('se-cret-7'), shown);
  });
});

describe('eim on a wide terminal', () => {
  it('has a row a line, with whole times', async () => {
    const shown = plain(await onTerminal('eim order list', { env, columns: 200 }));
    assert.match(
      shown,
      new RegExp(
        `^${order} {2}${eid} {2}download {2}done: failed {2}\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z$`,
        'm',
      ),
    );
  });

  it('lines wide characters up', async () => {
    const shown = plain(await onTerminal('eim profile list', { env, columns: 200 }));
    const [head = '', row = ''] = shown.split('\n');
    assert.equal(row.indexOf('19'), row.lastIndexOf('1970'));
    // Five characters of two columns each.
    assert.equal(head.indexOf('TOLD') - 5, row.indexOf('1970'));
  });
});

describe('eim in a pipe', () => {
  it('has rows of any length, and no colour', async () => {
    const { stdout } = await command(['order', 'list'], { env });
    assert.match(
      stdout,
      new RegExp(`^${order} {2}${eid} {2}download {2}done: failed {2}.*Z$`, 'm'),
    );
    assert.ok(!stdout.includes('\u001b'));
  });

  it('follows events until nobody reads them', async () => {
    const child = spawn(
      'sh',
      ['-c', `"$0" "$1" watch --after 0 | head -n 1`, process.execPath, main],
      {
        env: { ...bareEnv, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // The pipe closes with the first event; the next one finds out.
    const ticking = setInterval(() => rest.desk.orders.note(open, 'tick', ''), 100);
    const code = await new Promise((resolve) => child.on('close', resolve));
    clearInterval(ticking);
    assert.equal(code, 0);
    assert.match(stdout, /^.* submitted\n$/);
    assert.equal(stderr, '');
  });
});
