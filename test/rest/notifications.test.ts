/** /v1/notifications by plain HTTP. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { at, get, send } from './http.ts';
import { efIccid, eid, iccid, otherEid, type Running, run } from './running.ts';

const running: Running[] = [];
let eim: Running;
beforeEach(async () => {
  eim = await run();
  running.push(eim);
});
after(() => Promise.all(running.map((one) => one.close())));

const id = (seqNumber: number) => `${eid}-${seqNumber}-smdp.example.com`;
const ask = (path: string) => get(`${eim.url}/v1/notifications${path}`);
const numbers = async (query: string) => {
  const { body } = await ask(query);
  const list = at(body, 'notifications') as readonly unknown[];
  return list.map((one) => at(one, 'seqNumber'));
};

describe('/v1/notifications', () => {
  it('shows one whole', async () => {
    const { status, body } = await ask(`/${id(4)}`);
    assert.equal(status, 200);
    assert.deepEqual(body, {
      id: id(4),
      eid,
      seqNumber: 4,
      operation: 'notificationEnable',
      iccid,
      efIccid,
      address: 'smdp.example.com',
      announcedAddress: 'smdp.example.com',
      state: 'waiting',
      received: '2026-01-01T00:00:00.000Z',
      tries: 2,
      lastTry: '2026-01-01T00:01:00.000Z',
      nextTry: '2026-01-01T00:05:00.000Z',
      reason: 'HTTP status 503',
      pendingNotification: '3000',
    });
  });

  it('lists them, by eUICC and state, in pages', async () => {
    assert.deepEqual(await numbers(''), [4, 5, 6]);
    assert.deepEqual(await numbers('?state=refused'), [5]);
    assert.deepEqual(await numbers(`?state=waiting&eid=${eid}`), [4, 6]);
    assert.deepEqual(await numbers(`?eid=${otherEid}`), []);
    const { body } = await ask('?limit=2');
    assert.equal(at(body, 'next'), id(5));
    assert.deepEqual(await numbers(`?limit=2&after=${id(5)}`), [6]);
    assert.equal(at((await ask('')).body, 'next'), undefined);
  });

  it('takes one to its SM-DP+ at once, and tells what came of it', async () => {
    const retry = (path: string) => send('POST', `${eim.url}/v1/notifications/${path}/retry`);
    assert.deepEqual((await retry(id(4))).body, { delivered: true });
    assert.equal((await ask(`/${id(4)}`)).status, 404);
    const refused = await retry(id(5));
    assert.equal(at(refused.body, 'delivered'), false);
    assert.equal(at(refused.body, 'notification', 'state'), 'refused');
    assert.equal((await retry(id(4))).status, 404);
  });

  it('drops one', async () => {
    const drop = () => send('DELETE', `${eim.url}/v1/notifications/${id(5)}`);
    assert.equal((await drop()).status, 204);
    assert.deepEqual(await numbers(''), [4, 6]);
    const again = await drop();
    assert.equal(again.status, 404);
    assert.match(String(at(again.body, 'error', 'message')), /there is no notification/);
  });

  it('refuses a query that is none', async () => {
    for (const query of ['?state=lost', '?limit=0', '?eid=1', '?smdp=x']) {
      assert.equal((await ask(query)).status, 400, query);
    }
  });
});
