/** `eim notification`: what is shown of notifications, and how one is moved. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { at } from '../rest/http.ts';
import { eid, iccid, type Running, run } from '../rest/running.ts';
import { command } from './cli.ts';

let rest: Running;
before(async () => {
  rest = await run();
});
after(() => rest.close());

const id = (seqNumber: number) => `${eid}-${seqNumber}-smdp.example.com`;
const eim = (...args: readonly string[]) =>
  command(['notification', ...args], { env: { EIM_URL: rest.url } });

describe('eim notification', () => {
  it('lists them, and goes on after one', async () => {
    const { code, stdout, stderr } = await eim('list', '--limit', '2');
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`${id(4)} +notificationEnable +${iccid} +waiting +2 +2026`));
    assert.match(stdout, /refused +1 +the SM-DP\+ refuses it: 8\.10\.1\/3\.9/);
    assert.match(stderr, new RegExp(`more: eim notification list --after ${id(5)}`));
    const more = await eim('list', '--after', id(5), '--json');
    assert.equal(at(JSON.parse(more.stdout), 'notifications', 'length'), 1);
    assert.match((await eim('list', '--state', 'refused')).stdout, /-5-/);
  });

  it('shows one', async () => {
    const { code, stdout } = await eim('show', id(4));
    assert.equal(code, 0);
    assert.match(stdout, /^last said +HTTP status 503$/m);
    assert.match(stdout, /^next try +2026-01-01T00:05:00\.000Z$/m);
    assert.match(stdout, /^pendingNotification +3000$/m);
  });

  it('retries one: done, or why not', async () => {
    assert.equal((await eim('retry', id(4))).stdout, `delivered ${id(4)}\n`);
    const { code, stderr } = await eim('retry', id(5));
    assert.equal(code, 1);
    assert.match(stderr, /not delivered, refused: the SM-DP\+ refuses it/);
    const json = await eim('retry', id(5), '--json');
    assert.equal(json.code, 1);
    assert.equal(at(JSON.parse(json.stdout), 'delivered'), false);
  });

  it('drops one, and says where there is none', async () => {
    assert.equal((await eim('drop', id(6))).stdout, `dropped ${id(6)}\n`);
    const { code, stderr } = await eim('drop', id(6));
    assert.equal(code, 2);
    assert.match(stderr, /there is no notification/);
  });
});

describe('eim info', () => {
  it('says what is switched off', async () => {
    const { stdout } = await command(['info'], { env: { EIM_URL: rest.url } });
    assert.match(stdout, /^WARNING +es9\.insecure: nothing is checked$/m);
  });
});
