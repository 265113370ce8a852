/** Filters and cursors of lists: each page is full of what was asked for, and none is left out between two. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseEid } from '../../src/messages/ids.ts';
import { pageOf } from '../../src/rest/paging.ts';
import { at, get, send } from './http.ts';
import { eid, otherEid, type Running, run } from './running.ts';

describe('a page', () => {
  const numbers = Array.from({ length: 1000 }, (_, i) => String(i).padStart(3, '0'));
  const reads: number[] = [];
  const page = (after: string | undefined, keep: (one: string) => boolean, limit = 3) =>
    pageOf({
      limit,
      after,
      keep,
      name: (one) => one,
      read: (behind = '', most) => {
        reads.push(most);
        return numbers.filter((one) => one > behind).slice(0, most);
      },
    });

  it('is full where there is enough, however rare', async () => {
    const rare = (one: string) => one.endsWith('99');
    assert.deepEqual(await page(undefined, rare), ['099', '199', '299']);
    assert.deepEqual(await page('299', rare, 100), [
      '399',
      '499',
      '599',
      '699',
      '799',
      '899',
      '999',
    ]);
    assert.deepEqual(await page('999', rare), []);
  });

  it('reads no further than it has to', async () => {
    reads.length = 0;
    assert.deepEqual(await page(undefined, () => true), ['000', '001', '002']);
    assert.deepEqual(reads, [100]);
  });
});

describe('filters', () => {
  let eim: Running;
  before(async () => {
    eim = await run();
    const order = (of = eid) => ({ eid: of, steps: [{ listProfileInfo: {} }] });
    for (const of of [eid, eid, otherEid]) await send('POST', `${eim.url}/v1/orders`, order(of));
    const [first, second] = await eim.desk.orders.list();
    await eim.desk.orders.cancel(first?.id ?? '');
    await eim.desk.orders.finish(second?.id ?? '', { success: true, outcome: [], reason: '' });
    for (const device of [{ identity: 'a', eids: [eid] }, { identity: 'b' }, { identity: 'c' }]) {
      await send('POST', `${eim.url}/v1/devices`, device);
    }
    await send('POST', `${eim.url}/v1/devices/c/revoke`);
    await send('PATCH', `${eim.url}/v1/euiccs/${eid}`, { level: 'v1.3', consumerEuicc: true });
  });
  after(() => eim.close());

  const names = async (path: string, list: string, member: string) =>
    (at((await get(`${eim.url}${path}`)).body, list) as readonly unknown[]).map((one) =>
      at(one, member),
    );

  it('choose orders by how they ended', async () => {
    assert.equal((await names('/v1/orders', 'orders', 'id')).length, 3);
    assert.deepEqual(await names('/v1/orders?success=true', 'orders', 'success'), [true]);
    assert.deepEqual(await names('/v1/orders?success=false', 'orders', 'success'), [false]);
    assert.deepEqual(await names(`/v1/orders?success=true&eid=${otherEid}`, 'orders', 'id'), []);
  });

  it('choose devices by EID, and by whether they are revoked', async () => {
    const chosen = (query: string) => names(`/v1/devices?${query}`, 'devices', 'identity');
    assert.deepEqual(await chosen(`eid=${eid}`), ['a']);
    assert.deepEqual(await chosen('revoked=true'), ['c']);
    assert.deepEqual(await chosen('revoked=false&limit=1'), ['a']);
    assert.deepEqual(await chosen('revoked=false&limit=1&after=a'), ['b']);
  });

  it('choose eUICCs by level and by proof', async () => {
    const chosen = (query: string) => names(`/v1/euiccs?${query}`, 'euiccs', 'eid');
    assert.deepEqual(await chosen('level=v1.3'), [eid]);
    assert.deepEqual(await chosen('level=v1.2'), [otherEid]);
    assert.deepEqual(await chosen('proof=unproven'), [eid]);
    assert.deepEqual(await chosen('proof=operator'), []);
    assert.deepEqual((await chosen('limit=1')).map((one) => parseEid(String(one))).length, 1);
  });

  it('are refused where they are none', async () => {
    for (const path of [
      'orders?success=maybe',
      'devices?eid=1',
      'devices?revoked=1',
      'euiccs?level=v9',
      'euiccs?proof=x',
      'euiccs?after=x',
    ]) {
      const { status, body } = await get(`${eim.url}/v1/${path}`);
      assert.deepEqual([status, at(body, 'error', 'code')], [400, 'badInput'], path);
    }
  });
});
