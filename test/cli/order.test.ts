/** `eim order` against an eIM's operator side in this process: tables, JSON, waiting, exit codes. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Order } from '../../src/orders/order.ts';
import { at } from '../rest/http.ts';
import {
  activationCode,
  efIccid,
  eid,
  fetched,
  finished,
  iccid,
  type Running,
  run,
} from '../rest/running.ts';
import { command, type Ended, start } from './cli.ts';

let rest: Running;
let env: Record<string, string>;
before(async () => {
  rest = await run();
  env = { EIM_URL: rest.url };
});
beforeEach(async () => {
  for (const { id } of await rest.desk.orders.list()) await rest.desk.orders.delete(id);
});
after(() => rest.close());

const eim = (...args: readonly string[]): Promise<Ended> => command(args, { env });
const download = ['order', 'download', '--eid', eid, '--ac', activationCode];

async function only(): Promise<Order> {
  const [order, ...more] = await rest.desk.orders.list();
  assert.ok(order !== undefined && more.length === 0);
  return order;
}

/** The next order that is submitted. */
function submitted(): Promise<Order> {
  return new Promise((resolve) => {
    const stop = rest.desk.orders.onChange((order) => {
      stop();
      resolve(order);
    });
  });
}

describe('eim order: placing', () => {
  it('places a download and shows it, without its matchingId', async () => {
    const { code, stdout, stderr } = await eim(...download);
    assert.equal(code, 0, stderr);
    const { id, request } = await only();
    assert.deepEqual(request, { download: { activationCode } });
    assert.match(stdout, new RegExp(`^order +${id}$`, 'm'));
    assert.match(stdout, /^step +download from smdp\.example\.com:8443$/m);
    assert.match(stdout, /^state +new: no device has fetched it yet$/m);
    assert.doesNotMatch(stdout, /TS48V1/);
    assert.match(stderr, new RegExp(`eim order watch ${id}`));
  });

  it('prints JSON alone on standard output, in the shape of /v1', async () => {
    const { code, stdout, stderr } = await eim(...download, '--json');
    assert.equal(code, 0);
    assert.equal(stderr, '');
    const document: unknown = JSON.parse(stdout);
    assert.deepEqual(Object.keys(document ?? {}), [
      'id',
      'eid',
      'facility',
      'steps',
      'state',
      'outcome',
      'reason',
      'submitted',
      'changed',
      'history',
      'version',
    ]);
    assert.equal(at(document, 'id'), (await only()).id);
  });

  const operations: readonly (readonly [args: readonly string[], psmo: unknown])[] = [
    [['enable', '--iccid', iccid, '--rollback'], { enable: { iccid: efIccid, rollback: true } }],
    [['enable', '--iccid', efIccid], { enable: { iccid: efIccid } }],
    [['disable', '--iccid', iccid], { disable: { iccid: efIccid } }],
    [['delete', '--iccid', iccid], { delete: { iccid: efIccid } }],
    [['profiles'], { listProfileInfo: {} }],
  ];
  for (const [[name = '', ...args], psmo] of operations) {
    it(`places ${name} ${args.join(' ')}`, async () => {
      const { code, stderr } = await eim('order', name, '--eid', eid, ...args);
      assert.equal(code, 0, stderr);
      assert.deepEqual((await only()).request, { psmo: [psmo] });
    });
  }
});

describe('eim order: waiting', () => {
  it('ends with 0 when the order succeeds', async () => {
    const placed = submitted();
    const waiting = start([...download, '--wait', '1m'], { env });
    const { id } = await placed;
    await fetched(rest, { id });
    await finished(
      rest,
      { id },
      {
        profileInstallationResult: { finalResult: 'successResult', iccid: efIccid },
      },
    );
    const { code, stdout, stderr } = await waiting.ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^state +done: succeeded$/m);
    assert.match(
      stdout,
      new RegExp(`^outcome +profileInstallationResult: successResult ${iccid}$`, 'm'),
    );
    assert.match(stderr, /fetched/);
  });

  it('ends with 4 when it fails, and says why', async () => {
    const placed = submitted();
    const waiting = start([...download, '--wait', '--json'], { env });
    const { id } = await placed;
    await finished(rest, { id }, { procedureError: 'authenticateClientError' }, false);
    const { code, stdout, stderr } = await waiting.ended;
    assert.equal(code, 4);
    assert.match(
      stderr,
      /failed: the SM-DP\+ refused: 8\.2\.6\/3\.8\n +see its history: eim order show/,
    );
    assert.equal(at(JSON.parse(stdout), 'success'), false);
  });

  it('ends with 5 when the time is over, and leaves the order in force', async () => {
    const { code, stderr } = await eim(...download, '--wait', '1s');
    assert.equal(code, 5);
    assert.match(stderr, /is not done yet \(new\)\n +it stays in force/);
    assert.equal((await only()).state.at, 'new');
  });

  it('shows the profiles that were asked for in a table', async () => {
    const placed = submitted();
    const waiting = start(['order', 'profiles', '--eid', eid, '--wait', '1m'], { env });
    const { id } = await placed;
    const profile = {
      iccid: efIccid,
      profileState: 'enabled',
      profileClass: 'operational',
      profileName: 'One\u001b[31m',
      serviceProviderName: 'Provider',
    };
    await finished(
      rest,
      { id },
      {
        listProfileInfoResult: { finalResult: 'successResult', profileInfoList: [profile] },
      },
    );
    const { code, stdout } = await waiting.ended;
    assert.equal(code, 0);
    assert.match(stdout, /^ICCID +STATE +CLASS +NAME +PROVIDER +ISD-P AID$/m);
    assert.match(stdout, new RegExp(`^${iccid} +enabled +operational +One�\\[31m +Provider$`, 'm'));
  });

  it('watch prints each line as it happens', async () => {
    const { id } = await rest.desk.orders.submit({
      eid,
      facility: 'download',
      request: { download: { activationCode } },
    });
    const watching = start(['order', 'watch', id, '--timeout', '1m'], { env });
    await watching.says('submitted');
    await fetched(rest, { id });
    await watching.says('fetched');
    await rest.desk.orders.note(id, 'a result did not fit', 'wrong signature');
    await watching.says('a result did not fit: wrong signature');
    await finished(rest, { id }, { ok: true });
    const { code, stdout } = await watching.ended;
    assert.equal(code, 0);
    assert.equal(stdout.trim().split('\n').length, 4);
  });

  it('watch --json prints one object a line', async () => {
    const { id } = await rest.desk.orders.submit({
      eid,
      facility: 'download',
      request: { download: { activationCode } },
    });
    await rest.desk.orders.cancel(id);
    const { code, stdout } = await eim('order', 'watch', id, '--json');
    assert.equal(code, 4);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    assert.deepEqual(
      lines.map((line) => at(line, 'event') ?? at(line, 'type')),
      ['submitted', 'cancelled', 'order'],
    );
    assert.equal(at(lines[0], 'order'), id);
    assert.equal(at(lines[2], 'order', 'id'), id);
  });
});

describe('eim order: looking', () => {
  it('shows what an order waits for whose device was asked for certificates', async () => {
    await eim(...download);
    const { id } = await only();
    // In the words of procedures/ipa-euicc-data.ts, which its test holds.
    await rest.desk.orders.note(id, 'asked for certificates', 'the key is not known yet');
    const { stdout } = await eim('order', 'show', id);
    assert.match(stdout, /^state +new: the device was asked for the eUICC's certificates first$/m);
    assert.match((await eim('order', 'list')).stdout, new RegExp(`^${id} .*  new `, 'm'));
  });

  it('lists and shows with history, as tables and as JSON', async () => {
    await eim(...download);
    const { id } = await only();
    const list = await eim('order', 'list', '--state', 'new');
    assert.match(list.stdout, /^ORDER +EID +WHAT +STATE +SUBMITTED\n/);
    assert.match(list.stdout, new RegExp(`^${id}  ${eid}  download  new `, 'm'));
    const json = JSON.parse((await eim('--json', 'order', 'list', '--eid', eid)).stdout);
    assert.equal(at(json, 'orders', 0, 'id'), id);
    const show = await eim('order', 'show', id);
    assert.match(show.stdout, /^AT +EVENT +DETAIL\n.* submitted$/m);
  });

  it('lists what comes several times in a row once', async () => {
    const disable = ['--disable', '89880000000000000017'];
    const many = ['--rat', ...disable, ...disable, ...disable];
    const placed = await eim('order', 'psmo', '--eid', eid, ...many);
    assert.equal(placed.code, 0, placed.stderr);
    assert.match((await eim('order', 'list')).stdout, / {2}getRAT 3 × disable {2}/);
  });

  it('cancels', async () => {
    await eim(...download);
    const { id } = await only();
    const { code, stdout } = await eim('order', 'cancel', id);
    assert.equal(code, 0);
    assert.match(stdout, /^state +done: failed$/m);
    const again = await eim('order', 'cancel', id);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /^eim: an order that is done cannot be cancelled/);
  });

  it('has colour only where asked for, and never with NO_COLOR', async () => {
    await eim(...download);
    const { id } = await only();
    await rest.desk.orders.cancel(id);
    const show = (more: Record<string, string>, ...args: readonly string[]) =>
      command(['order', 'show', id, ...args], { env: { ...env, ...more } });
    const sequence = '\u001b[';
    assert.ok(!(await show({})).stdout.includes(sequence));
    assert.ok((await show({ FORCE_COLOR: '1' })).stdout.includes(`${sequence}31mdone: failed`));
    assert.ok(!(await show({ FORCE_COLOR: '1', NO_COLOR: '1' })).stdout.includes(sequence));
    assert.ok(!(await show({ FORCE_COLOR: '1' }, '--no-color')).stdout.includes(sequence));
  });
});

describe('eim order: bad input is 2, before anything is asked or stored', () => {
  // Nothing listens there: the mistake must show before the eIM is asked.
  const nowhere = { EIM_URL: 'http://127.0.0.1:9' };
  const cases: readonly (readonly [what: string, args: readonly string[], message: RegExp])[] = [
    [
      'an EID of one digit',
      ['download', '--eid', '1', '--ac', activationCode],
      /^eim: --eid: .*has 1/,
    ],
    [
      'a wrong activation code',
      ['download', '--eid', eid, '--ac', '1$x'],
      /^eim: --ac: .*too few parts/,
    ],
    ['a wrong ICCID', ['enable', '--eid', eid, '--iccid', '12'], /^eim: --iccid: an ICCID is/],
    ['no EID', ['profiles'], /required option '--eid/],
    [
      'a length of time without unit',
      ['profiles', '--eid', eid, '--wait', '5'],
      /^eim: --wait: '5'/,
    ],
    ['an unknown option', ['profiles', '--eid', eid, '--frob'], /unknown option '--frob'/],
    ['an unknown command', ['frobnicate'], /unknown command 'frobnicate'/],
  ];
  for (const [what, args, message] of cases) {
    it(what, async () => {
      const { code, stdout, stderr } = await command(['order', ...args], { env: nowhere });
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.equal(stdout, '');
    });
  }

  it('an activation code that asks for a confirmation code, without one', async () => {
    const { code, stderr } = await eim(...download.slice(0, -1), `${activationCode}$$1`);
    assert.equal(code, 2);
    assert.match(stderr, /confirmationCode: is missing: the activation code asks for one/);
    assert.deepEqual(await rest.desk.orders.list(), []);
  });

  it('an order nobody knows', async () => {
    const { code, stderr } = await eim('order', 'show', 'nonsense');
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^eim: there is no order nonsense\n +those that are known.*: eim order list\n$/,
    );
  });
});
