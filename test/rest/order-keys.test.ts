/** Idempotency-Key, batches of orders, and profiles of the fleet. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { ProfileRecord } from '../../src/fleet/euiccs.ts';
import { type Eid, parseIccid } from '../../src/messages/ids.ts';
import { IdempotencyKeys } from '../../src/rest/idempotency.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { HandClock } from '../support/hand-clock.ts';
import { at, get, send } from './http.ts';
import { activationCode, efIccid, eid, iccid, otherEid, type Running, run } from './running.ts';

const running: Running[] = [];
async function started(...options: Parameters<typeof run>): Promise<Running> {
  const eim = await run(...options);
  running.push(eim);
  return eim;
}
after(() => Promise.all(running.map((eim) => eim.close())));

async function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as unknown };
}

const order = { eid, steps: [{ listProfileInfo: {} }] };
const key = (text: string) => ({ 'idempotency-key': text });

describe('Idempotency-Key', () => {
  it('places an order once, however often it is posted', async () => {
    const { url, desk } = await started();
    const first = await post(`${url}/v1/orders`, order, key('a'));
    const again = await post(`${url}/v1/orders`, order, key('a'));
    assert.deepEqual([first.status, again.status], [201, 200]);
    assert.equal(at(again.body, 'id'), at(first.body, 'id'));
    assert.equal((await desk.orders.list()).length, 1);
    await post(`${url}/v1/orders`, order, key('b'));
    await post(`${url}/v1/orders`, order);
    assert.equal((await desk.orders.list()).length, 3);
  });

  it('places it once where it is posted twice at the same time', async () => {
    const { url, desk } = await started();
    const posts = Array.from({ length: 8 }, () => post(`${url}/v1/orders`, order, key('a')));
    const ids = (await Promise.all(posts)).map(({ body }) => at(body, 'id'));
    assert.equal(new Set(ids).size, 1);
    assert.equal((await desk.orders.list()).length, 1);
  });

  it('holds over a restart', async () => {
    const store = new MemoryStore();
    const first = await run({}, store);
    const made = await post(`${first.url}/v1/orders`, order, key('a'));
    await first.close();
    const { url } = await started({}, store);
    const again = await post(`${url}/v1/orders`, order, key('a'));
    assert.deepEqual([again.status, at(again.body, 'id')], [200, at(made.body, 'id')]);
  });

  it('refuses another order under the same key, and orders nothing', async () => {
    const { url, desk } = await started();
    await post(`${url}/v1/orders`, order, key('a'));
    const { status, body } = await post(`${url}/v1/orders`, { ...order, eid: otherEid }, key('a'));
    assert.equal(status, 422);
    assert.equal(at(body, 'error', 'code'), 'keyReused');
    assert.equal(at(body, 'error', 'field'), 'Idempotency-Key');
    assert.equal((await desk.orders.list()).length, 1);
  });

  it('is not used up by an order that is refused', async () => {
    const { url } = await started();
    const wrong = { ...order, steps: [{ enable: {} }] };
    assert.equal((await post(`${url}/v1/orders`, wrong, key('a'))).status, 400);
    assert.equal((await post(`${url}/v1/orders`, order, key('a'))).status, 201);
  });

  it('refuses a key that is none', async () => {
    const { url } = await started();
    for (const text of ['a b', 'x'.repeat(256), 'é']) {
      const { status, body } = await post(`${url}/v1/orders`, order, key(text));
      assert.deepEqual([status, at(body, 'error', 'field')], [400, 'Idempotency-Key'], text);
    }
  });

  it('is of one caller alone', async () => {
    const { url, desk } = await started({ token: 'correct-horse-battery' });
    const master = { authorization: 'Bearer correct-horse-battery' };
    const made = await post(`${url}/v1/tokens`, { name: 'a', role: 'operate' }, master);
    const other = { authorization: `Bearer ${at(made.body, 'token')}` };
    assert.equal((await post(`${url}/v1/orders`, order, { ...key('a'), ...master })).status, 201);
    assert.equal((await post(`${url}/v1/orders`, order, { ...key('a'), ...other })).status, 201);
    assert.equal((await desk.orders.list()).length, 2);
  });

  it('says that its order was deleted', async () => {
    const { url, desk } = await started();
    const made = await post(`${url}/v1/orders`, order, key('a'));
    await desk.orders.delete(String(at(made.body, 'id')));
    const { status, body } = await post(`${url}/v1/orders`, order, key('a'));
    assert.equal(status, 404);
    assert.match(String(at(body, 'error', 'message')), /for this key/);
  });

  it('is forgotten in time, and holds no confirmation code', async () => {
    const clock = new HandClock();
    const store = new MemoryStore();
    const keys = new IdempotencyKeys({ store, clock, kept: 1000 });
    const eim = await started();
    let count = 0;
    const once = (posted: unknown) =>
      keys.once({ caller: 'a', key: 'k', posted }, async (also) => {
        count++;
        const made = await eim.desk.orders.submit({
          eid,
          facility: 'psmo',
          request: { psmo: [{ listProfileInfo: {} }] },
        });
        await store.commit(also(made));
        return made;
      });
    await once({ confirmationCode: '1234' });
    await once({ confirmationCode: '4321' });
    assert.equal(count, 1);
    assert.equal(await keys.sweep(), 0);
    await clock.turn(1000);
    await once({ confirmationCode: '1234' });
    assert.equal(count, 2);
    await clock.turn(1000);
    assert.equal(await keys.sweep(), 1);
  });
});

describe('POST /v1/orders/batch', () => {
  it('takes the longest key there is, and its keys meet no other', async () => {
    const { url, desk } = await started();
    const orders = [order, order];
    const longest = 'k'.repeat(255);
    const ids = async () => {
      const { body } = await post(`${url}/v1/orders/batch`, { orders }, key(longest));
      return [0, 1].map((i) => at(body, 'results', i, 'order', 'id'));
    };
    const first = await ids();
    assert.equal(new Set(first).size, 2);
    assert.deepEqual(await ids(), first);
    await post(`${url}/v1/orders/batch`, { orders }, key('a'));
    const single = await post(`${url}/v1/orders`, order, key('a/0'));
    assert.equal(single.status, 201);
    assert.equal((await desk.orders.list()).length, 5);
  });

  it('places each that is right, and says of each other what is wrong', async () => {
    const { url, desk } = await started();
    const { status, body } = await post(`${url}/v1/orders/batch`, {
      orders: [
        order,
        { eid: '1', steps: [] },
        { eid: otherEid, steps: [{ download: { activationCode } }] },
        { eid, steps: [{ enable: { iccid: 'x' } }] },
        'nothing',
      ],
    });
    assert.equal(status, 200);
    const results = at(body, 'results') as readonly unknown[];
    assert.deepEqual(
      results.map(
        (one) => at(one, 'order', 'eid') ?? at(one, 'error', 'field') ?? at(one, 'error', 'code'),
      ),
      [eid, 'eid', otherEid, 'steps[0].enable.iccid', 'badInput'],
    );
    assert.deepEqual(
      (await desk.orders.list()).map(({ id }) => id).sort(),
      [at(results[0], 'order', 'id'), at(results[2], 'order', 'id')].sort(),
    );
  });

  it('only tells with dryRun', async () => {
    const { url, desk } = await started();
    const { body } = await post(`${url}/v1/orders/batch`, {
      orders: [order, { eid }],
      dryRun: true,
    });
    assert.deepEqual(at(body, 'results', 0), { accepted: true });
    assert.equal(at(body, 'results', 1, 'error', 'field'), 'steps');
    assert.deepEqual(await desk.orders.list(), []);
    assert.equal(await desk.euiccs.get(eid), undefined);
  });

  it('is placed once under its key, also where it is cut off in the middle', async () => {
    const { url, desk } = await started();
    const orders = [order, { ...order, eid: otherEid }];
    await post(`${url}/v1/orders/batch`, { orders: orders.slice(0, 1) }, key('a'));
    const { body } = await post(`${url}/v1/orders/batch`, { orders }, key('a'));
    assert.equal(at(body, 'results', 0, 'before'), true);
    assert.equal(at(body, 'results', 1, 'before'), undefined);
    assert.equal((await desk.orders.list()).length, 2);
  });

  it('knows the key of an entry from the same order alone', async () => {
    const { url, desk } = await started();
    const alone = await post(`${url}/v1/orders`, order, key('a'));
    const batch = { orders: [{ ...order, idempotencyKey: 'a' }] };
    const { body } = await post(`${url}/v1/orders/batch`, batch);
    assert.equal(at(body, 'results', 0, 'order', 'id'), at(alone.body, 'id'));
    assert.equal((await desk.orders.list()).length, 1);
  });

  it('refuses none, and more than 500', async () => {
    const { url } = await started();
    for (const count of [0, 501]) {
      const orders = Array.from({ length: count }, () => ({ eid }));
      assert.equal((await send('POST', `${url}/v1/orders/batch`, { orders })).status, 400);
    }
  });
});

describe('GET /v1/profiles', () => {
  const second = '98944499999999092010';
  async function fleet(): Promise<Running> {
    const eim = await started();
    const told = (of: Eid, list: readonly ProfileRecord[]) =>
      eim.desk.euiccs.update(of, { profiles: { since: Date.UTC(2026, 0, 1), list } });
    for (const of of [eid, otherEid]) await eim.desk.euiccs.ensure(of);
    await told(otherEid, [{ iccid: parseIccid(efIccid), state: 'enabled', name: 'one' }]);
    await told(eid, [
      { iccid: parseIccid(efIccid), state: 'disabled' },
      { iccid: parseIccid(second), state: 'enabled' },
    ]);
    return eim;
  }
  const of = (body: unknown) =>
    (at(body, 'profiles') as readonly unknown[]).map((one) => [at(one, 'eid'), at(one, 'efIccid')]);

  it('has all of the fleet, by page', async () => {
    const { url } = await fleet();
    const all = [
      [otherEid, efIccid],
      [eid, second],
      [eid, efIccid],
    ];
    assert.deepEqual(of((await get(`${url}/v1/profiles`)).body), all);
    const pages: unknown[] = [];
    let next: unknown = '';
    while (next !== undefined) {
      const { body } = await get(
        `${url}/v1/profiles?limit=1${next === '' ? '' : `&after=${next}`}`,
      );
      pages.push(...of(body));
      next = at(body, 'next');
    }
    assert.deepEqual(pages, all);
  });

  it('chooses by EID, ICCID and state', async () => {
    const { url } = await fleet();
    const chosen = async (query: string) => of((await get(`${url}/v1/profiles?${query}`)).body);
    assert.deepEqual(await chosen(`eid=${otherEid}`), [[otherEid, efIccid]]);
    assert.deepEqual(await chosen(`iccid=${iccid}`), [
      [otherEid, efIccid],
      [eid, efIccid],
    ]);
    assert.deepEqual(await chosen('state=disabled'), [[eid, efIccid]]);
    assert.deepEqual(await chosen(`state=disabled&eid=${otherEid}`), []);
    const { body } = await get(`${url}/v1/profiles?eid=${otherEid}`);
    assert.deepEqual(at(body, 'profiles', 0), {
      eid: otherEid,
      iccid,
      efIccid,
      state: 'enabled',
      name: 'one',
      told: '2026-01-01T00:00:00.000Z',
    });
  });

  it('refuses what is no cursor, ICCID or state', async () => {
    const { url } = await fleet();
    for (const query of ['after=x', 'iccid=1', 'state=on', 'limit=0', 'odd=1']) {
      assert.equal((await get(`${url}/v1/profiles?${query}`)).status, 400, query);
    }
  });
});
