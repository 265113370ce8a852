/** The version of SGP.32 that a device speaks, and its deviations, as operators see, set and are told of them. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { quirkNames } from '../../src/messages/quirks.ts';
import { commandHere } from '../cli/in-process.ts';
import { at, get, send } from './http.ts';
import { eid, iccid, otherEid, type Running, run } from './running.ts';

const running: Running[] = [];
let eim: Running;
beforeEach(async () => {
  eim = await run();
  running.push(eim);
});
after(() => Promise.all(running.map((one) => one.close())));

const change = (level: string) => send('PATCH', `${eim.url}/v1/euiccs/${eid}`, { level });
const submit = (...steps: readonly object[]) =>
  send('POST', `${eim.url}/v1/orders`, { eid, steps });
const command = (...args: readonly string[]) => commandHere(args, { EIM_URL: eim.url });

describe('the level of a device', () => {
  it('is shown with how it is known, set, and learned again', async () => {
    const { body } = await send('PATCH', `${eim.url}/v1/euiccs/${eid}`, { counterValue: 5 });
    assert.deepEqual(
      [at(body, 'level'), at(body, 'levelFrom')],
      ['v1.2', 'assumed: nothing tells it'],
    );
    const set = (await change('v1.0')).body;
    assert.deepEqual([at(set, 'level'), at(set, 'levelFrom')], ['v1.0', 'set by the operator']);
    const levelSeen = { level: 'v1.3', by: 'BF60 or BF61', at: 0 } as const;
    await eim.desk.euiccs.update(eid, { levelSeen });
    const learned = (await change('learned')).body;
    assert.deepEqual([at(learned, 'level'), at(learned, 'levelFrom')], ['v1.3', 'BF60 or BF61']);
    assert.equal((await change('v2.0')).status, 400);
  });

  it('refuses an order that is beyond it, with the reason, and takes it where it is not', async () => {
    await change('v1.0');
    const { status, body } = await submit({ enable: { iccid } }, { unsetFallbackAttribute: {} });
    assert.equal(status, 409);
    assert.deepEqual(
      [at(body, 'error', 'code'), at(body, 'error', 'field')],
      ['conflict', 'steps'],
    );
    const message = String(at(body, 'error', 'message'));
    assert.match(
      message,
      /^unsetFallbackAttribute came with SGP.32 v1.1, and this device speaks v1.0/,
    );
    assert.deepEqual(await eim.desk.orders.list(), []);
    assert.equal((await submit({ enable: { iccid } })).status, 201);
    await change('v1.2');
    assert.equal((await submit({ unsetFallbackAttribute: {} })).status, 201);
  });

  it('is set and shown by the command line', async () => {
    const set = await command('euicc', 'set', eid, '--level', 'v1.3');
    assert.equal(set.code, 0, set.stderr);
    assert.match(set.stdout, /SGP.32 +v1.3 \(set by the operator\)/);
    const wrong = await command('euicc', 'set', eid, '--level', 'v9');
    assert.deepEqual([wrong.code, /--level/.test(wrong.stderr)], [2, true]);
  });
});

describe('quirks', () => {
  it('are told of one eUICC, of all by EUM, and all that are known', async () => {
    await eim.desk.euiccs.ensure(eid);
    for (let i = 0; i < 3; i++) eim.desk.quirks.met(eid, 'eid-absent', 'provideEimPackageResult');
    const one = (await get(`${eim.url}/v1/euiccs/${eid}/quirks`)).body;
    assert.deepEqual(
      [at(one, 'eid'), at(one, 'quirks', 0, 'name'), at(one, 'quirks', 0, 'count')],
      [eid, 'eid-absent', 3],
    );
    const { body } = await get(`${eim.url}/v1/quirks`);
    const eum = at(body, 'eums', 0);
    assert.deepEqual(
      [at(eum, 'eum'), at(eum, 'name'), at(eum, 'euiccs'), at(eum, 'count')],
      [eid.slice(0, 8), 'eid-absent', 1, 3],
    );
    const known = at(body, 'known');
    assert.ok(Array.isArray(known) && known.length === quirkNames.length);
    assert.equal((await get(`${eim.url}/v1/euiccs/${otherEid}/quirks`)).status, 404);
  });

  it('are shown by the command line', async () => {
    assert.match((await command('euicc', 'quirks')).stderr, /none met/);
    await eim.desk.euiccs.ensure(eid);
    eim.desk.quirks.met(eid, 'rplmn-v1.0', 'getEimPackageRequest');
    assert.match((await command('euicc', 'quirks')).stdout, /rplmn-v1.0 +1 +1 /);
    assert.match(
      (await command('euicc', 'quirks', eid)).stdout,
      /rplmn-v1.0 +1 .*stateChangeCause/,
    );
    const known = (await command('euicc', 'quirks', '--known')).stdout;
    for (const name of quirkNames) assert.ok(known.includes(name), name);
  });
});
