/** `eim order import`: many orders from a file, each placed once, and those that are wrong given back. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { csvRows } from '../../src/cli/csv.ts';
import { readOrderFile } from '../../src/cli/order-file.ts';
import { at } from '../rest/http.ts';
import { efIccid, eid, iccid, otherEid, type Running, run } from '../rest/running.ts';
import { newFolder } from '../support/folders.ts';
import { command } from './cli.ts';
import { eidNumber } from './eids.ts';
import { eimOnDisk } from './eim-on-disk.ts';
import { commandHere } from './in-process.ts';

let rest: Running;
let env: Record<string, string>;
const folder = newFolder();
before(async () => {
  rest = await run();
  env = { EIM_URL: rest.url, XDG_CONFIG_HOME: folder };
});
beforeEach(async () => {
  for (const { id } of await rest.desk.orders.list()) await rest.desk.orders.delete(id);
});
after(() => rest.close());

const eim = (...args: readonly string[]) => commandHere(['order', 'import', ...args], env);

function file(name: string, ...lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.join('\n'));
  return path;
}

async function requested(): Promise<readonly unknown[]> {
  return (await rest.desk.orders.list()).map(({ eid: of, request }) => [of, request]);
}

describe('eim order import', () => {
  it('places each order once, however often it is imported', async () => {
    const rows = [`${eid},1$smdp.example.com$A`, `${otherEid},1$smdp.example.com$B`];
    const path = file('two.csv', 'eid,activationCode', ...rows);
    const looked = await eim(path, '--dry-run');
    assert.deepEqual([looked.code, looked.stdout], [0, '2 would be placed\n'], looked.stderr);
    assert.deepEqual(await requested(), []);
    assert.deepEqual((await eim(path)).stdout, '2 placed\n');
    assert.deepEqual(await requested(), [
      [eid, { download: { activationCode: '1$smdp.example.com$A' } }],
      [otherEid, { download: { activationCode: '1$smdp.example.com$B' } }],
    ]);
    // In another order, with one more, and blanks: what was placed is not placed again.
    const third = `${eid},1$smdp.example.com$C`;
    const more = file('three.csv', 'activationCode,eid', ...[...rows, third].map(swapped));
    assert.deepEqual((await eim(more)).stdout, '1 placed, 2 were before\n');
    assert.equal((await requested()).length, 3);
    assert.deepEqual((await eim(more, '--again', 'spring')).stdout, '3 placed\n');
    assert.deepEqual((await eim(more, '--again', 'spring')).stdout, '0 placed, 3 were before\n');
  });

  it('places whole orders and other operations', async () => {
    const path = file(
      'kinds.csv',
      'eid,operation,activationCode,smds,enable,rollback,confirm,iccid,steps,push',
      `${eid},,1$smdp.example.com$D,,yes,yes,"3,2h",,,`,
      `${eid},enable,,,,yes,,${iccid},,`,
      `${eid},profiles,,,,,,,,yes`,
      `${eid},,,root,,,,,,`,
      `${eid},,,,,,,,"[{""listEim"":{}}]",`,
    );
    const { code, stderr } = await eim(path);
    assert.equal(code, 0, stderr);
    const orders = await rest.desk.orders.list();
    assert.deepEqual(
      orders.map(({ request, push }) => [request, push === true]),
      [
        [
          {
            whole: [
              { download: { activationCode: '1$smdp.example.com$D' } },
              { enableInstalled: { rollback: true } },
              { confirm: { polls: 3, within: 7_200_000 } },
            ],
          },
          false,
        ],
        [{ psmo: [{ enable: { iccid: efIccid, rollback: true } }] }, false],
        [{ psmo: [{ listProfileInfo: {} }] }, true],
        [{ download: { smds: {} } }, false],
        [{ eco: [{ listEim: {} }] }, false],
      ],
    );
  });

  it('places none where a row is wrong, and gives the wrong ones back', async () => {
    const path = file(
      'wrong.csv',
      'eid,activationCode,iccid,operation,confirm',
      `${eid},1$smdp.example.com$E,,,`,
      `12,1$smdp.example.com$F,,,`,
      `${eid},1$x,,,`,
      `${eid},,${iccid},frobnicate,`,
      `${eid},1$smdp.example.com$E,,,`,
      `${eid},1$smdp.example.com$G,,,often`,
    );
    const report = join(folder, 'report.csv');
    const { code, stdout, stderr } = await eim(path, '--report', report);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^line 3, eid: an EID has 32 digits/m);
    assert.match(stderr, /^line 4, activationCode: /m);
    assert.match(stderr, /^line 5, operation: must be one of download, enable/m);
    assert.match(stderr, /^line 6: is the same order as line 2$/m);
    assert.match(stderr, /^line 7, confirm: /m);
    assert.match(stderr, /5 of 6 orders are wrong: nothing was placed/);
    assert.deepEqual(await requested(), []);
    assert.equal(statSync(report).mode & 0o777, 0o600);
    const text = readFileSync(report, 'utf8');
    assert.match(text, /^eid,activationCode,iccid,operation,confirm,line,field,message\r\n/);
    const skipped = await eim(path, '--skip-wrong', '--report', report);
    assert.deepEqual([skipped.code, skipped.stdout], [1, '1 placed, 5 refused\n']);
    // Corrected, the report is a file like any other.
    const [head = '', row = ''] = text.split('\r\n');
    const corrected = file('corrected.csv', head, row.replace(/^12,/, `${otherEid},`));
    assert.deepEqual((await eim(corrected)).stdout, '1 placed\n');
  });

  it('gives back what the eIM refuses', async () => {
    const path = file('refused.csv', 'eid,activationCode', `${eid},1$smdp.example.com$H$$1`);
    const report = join(folder, 'refused-report.csv');
    const { code, stdout, stderr } = await eim(path, '--report', report, '--json');
    assert.equal(code, 1);
    assert.equal(at(JSON.parse(stdout), 'refused', 0, 'field'), 'confirmationCode');
    assert.match(stderr, /1 of 1 orders were refused/);
    assert.match(String(at(JSON.parse(stdout), 'refused', 0, 'message')), /confirmation|missing/);
    assert.match(readFileSync(report, 'utf8'), /\$H\$\$1,2,/);
    const again = file(
      'given.csv',
      'eid,activationCode,confirmationCode',
      `${eid},1$smdp.example.com$H$$1,4711`,
    );
    assert.equal((await eim(again)).code, 0);
  });

  it('gives rows back as they stood, also those with too much or half a quote in them', async () => {
    const path = file(
      'torn.csv',
      'eid,activationCode,confirm',
      `${eid},1$smdp.example.com$I,3,2h`,
      `${otherEid},"1$smdp.example.com$J`,
    );
    const report = join(folder, 'torn-report.csv');
    const { code, stderr } = await eim(path, '--report', report);
    assert.equal(code, 2);
    assert.match(stderr, /^line 2: has 4 columns, the first line 3: .* stands in quotes$/m);
    assert.match(stderr, /^line 3: has a quote that does not end$/m);
    const rows = csvRows(readFileSync(report, 'utf8')).map(({ cells }) => cells.slice(0, 4));
    assert.deepEqual(rows.slice(1), [
      [eid, '1$smdp.example.com$I', '3,2h', '2'],
      [otherEid, '1$smdp.example.com$J', '', '3'],
    ]);
    assert.deepEqual((await eim(report)).stdout, '2 placed\n');
  });

  it('tells each order with JSON and CSV', async () => {
    const rows = [{ eid, steps: [{ getRAT: {} }] }];
    const path = file('one.json', JSON.stringify(rows));
    const { stdout } = await eim(path, '--output', 'csv');
    const [{ id } = { id: '' }] = await rest.desk.orders.list();
    assert.equal(stdout, `line,eid,order,state,message\r\n1,${eid},${id},placed,\r\n`);
    const told: unknown = JSON.parse((await eim(path, '--json')).stdout);
    assert.equal(at(told, 'before', 0, 'order'), id);
  });

  it('tells how far it came where the eIM goes away, and goes on from there', async () => {
    const rows = Array.from({ length: 700 }, (_, i) => `${eidNumber(i)},profiles`);
    const path = file('many.csv', 'eid,operation', ...rows);
    const { server, url } = await goingAway();
    const away = await command(['order', 'import', path], { env: { ...env, EIM_URL: url } });
    server.close();
    assert.equal(away.code, 3);
    const [, some = ''] =
      /cannot be reached .*, after (\d+) of 700 orders\n +start it again: none is placed twice/.exec(
        away.stderr,
      ) ?? [];
    assert.ok(Number(some) > 100, away.stderr);
    assert.equal((await requested()).length, Number(some));
    const { stdout } = await eim(path);
    assert.equal(stdout, `${700 - Number(some)} placed, ${some} were before\n`);
    assert.equal((await requested()).length, 700);
  });

  it('makes the same key of the same order alone, and none of a confirmation code', () => {
    const keys = (text: string, again?: string) =>
      readOrderFile(text, again).lines.map(({ key }) => key);
    const row = (code: string) => `eid,ac,confirmationCode\n${eid},1$smdp.example.com$A,${code}\n`;
    assert.deepEqual(keys(row('1234')), keys(row('9876')));
    assert.notDeepEqual(keys(row('1')), keys(row('1'), 'again'));
    assert.notDeepEqual(keys(row('1')), keys(row('1').replace('$A', '$B')));
  });
});

describe('5,000 orders', () => {
  it('are placed by an eIM with its store on the disk, in little memory, each once', async (test) => {
    const url = await eimOnDisk(test);
    const rows = Array.from({ length: 5000 }, (_, i) => {
      const asksCode = i % 500 === 0 ? '$$1' : '';
      return `${eidNumber(i)},1$smdp.example.com$M-${i}${asksCode},yes,yes,"3,2h"`;
    });
    const path = file('fleet.csv', 'eid,activationCode,enable,rollback,confirm', ...rows);
    const report = join(folder, 'fleet-report.csv');
    // Too small a heap to keep all that the eIM answers.
    const bounded = { EIM_URL: url, NODE_OPTIONS: '--max-old-space-size=64' };
    const begun = performance.now();
    const placed = await command(['order', 'import', path, '--report', report], { env: bounded });
    const seconds = (performance.now() - begun) / 1000;
    assert.deepEqual([placed.code, placed.stdout], [1, '4990 placed, 10 refused\n'], placed.stderr);
    assert.match(placed.stderr, /correct them in .*fleet-report\.csv, and import that/);
    assert.ok(seconds < 40, `${seconds} s`);
    test.diagnostic(`${seconds.toFixed(1)} s`);
    const refused = csvRows(readFileSync(report, 'utf8')).slice(1);
    assert.deepEqual(
      refused.map(({ cells }) => [cells[5], cells[6]]),
      Array.from({ length: 10 }, (_, i) => [String(2 + 500 * i), 'confirmationCode']),
    );
    const again = await command(['order', 'import', path, '--skip-wrong'], { env: bounded });
    assert.equal(again.stdout, '0 placed, 4990 were before, 10 refused\n');
  });
});

/** The eIM, which is gone after its first answer. */
async function goingAway(): Promise<{ server: Server; url: string }> {
  let answers = 0;
  const server = createServer(async (asked, response) => {
    if (answers++ > 0) {
      asked.socket.destroy();
      return;
    }
    let body = '';
    for await (const part of asked.setEncoding('utf8')) body += part;
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${rest.url}${asked.url}`, { method: 'POST', headers, body });
    response.writeHead(answer.status, headers).end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { server, url: `http://127.0.0.1:${address.port}` };
}

function swapped(row: string): string {
  return row.split(',').reverse().join(' , ');
}
