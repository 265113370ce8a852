/** Whole orders over /v1: placed, shown step by step, and kept from the drop-in API. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isWhole, stageOrder } from '../../src/orders/whole.ts';
import { at, get, send } from './http.ts';
import { activationCode, efIccid, eid, iccid, type Running, run } from './running.ts';

let eim: Running;
before(async () => {
  eim = await run();
});
after(() => eim.close());

const steps = [
  { download: { activationCode, confirmationCode: '4711', mode: 'indirect' } },
  { enable: { rollback: true } },
  { confirm: { polls: 2, within: '2h' } },
];

async function submit(posted: readonly unknown[] = steps): Promise<string> {
  const { status, body } = await send('POST', `${eim.url}/v1/orders`, { eid, steps: posted });
  assert.equal(status, 201, JSON.stringify(body));
  return String(at(body, 'id'));
}

/** The steps as /v1 shows them. */
async function shown(id: string): Promise<unknown> {
  return at((await get(`${eim.url}/v1/orders/${id}`)).body, 'steps');
}

describe('/v1/orders: whole orders', () => {
  it('shows each step with its state, and the confirmation code to nobody', async () => {
    const id = await submit();
    const wanted = { download: { ...steps[0]?.download, confirmationCode: 'given' } };
    assert.deepEqual(await shown(id), [
      { ...wanted, state: 'waiting' },
      { ...steps[1], state: 'waiting' },
      { ...steps[2], state: 'waiting' },
    ]);
    const { orders } = eim.desk;
    const order = await orders.get(id);
    assert.ok(order !== undefined && isWhole(order));
    assert.equal(stageOrder(order, 0)?.facility, 'download');
    await orders.finish(`${id}.1`, {
      success: true,
      outcome: [{ profileInstallationResult: { finalResult: 'successResult', iccid: efIccid } }],
      reason: 'installed',
    });
    const outcome = {
      profileInstallationResult: { finalResult: 'successResult', iccid, efIccid },
    };
    assert.deepEqual(await shown(id), [
      { ...wanted, state: 'done', outcome, reason: 'installed' },
      { enable: { iccid, efIccid, rollback: true }, state: 'waiting' },
      { ...steps[2], state: 'waiting' },
    ]);
    await orders.cancel(id);
    const view = (await get(`${eim.url}/v1/orders/${id}`)).body;
    assert.equal(at(view, 'state'), 'done');
    assert.equal(at(view, 'success'), false);
    assert.deepEqual(
      ((await shown(id)) as readonly unknown[]).map((step) => at(step, 'state')),
      ['done', 'failed', 'skipped'],
    );
  });

  it('puts operations in one package, and what stands behind an enable in the next', async () => {
    const id = await submit([
      { edr: {} },
      { getRAT: {} },
      { enable: { iccid } },
      { delete: { iccid: '8988211000000430012' } },
      { listEim: {} },
    ]);
    const order = await eim.desk.orders.get(id);
    assert.ok(order !== undefined && isWhole(order));
    assert.deepEqual(
      order.request.whole.map((stage) => Object.values(stage).flat().length),
      [1, 2, 1, 1],
    );
    await eim.desk.orders.cancel(id);
  });

  it('is no order of the drop-in API', async () => {
    const id = await submit();
    for (const facility of ['download', 'psmo']) {
      const { body } = await get(`${eim.url}/${facility}/lookup/${id}`);
      assert.deepEqual(body, { status: 'absent' });
      const list = (await get(`${eim.url}/${facility}/list`)).body;
      assert.ok(!JSON.stringify(list).includes(id));
    }
    assert.match(
      JSON.stringify((await get(`${eim.url}/v1/orders?facility=whole`)).body),
      new RegExp(id),
    );
    await eim.desk.orders.cancel(id);
  });

  it('has stages that are no orders of their own to anybody outside', async () => {
    const id = await submit();
    for (const stage of [1, 2, 3]) {
      for (const [method, path] of [
        ['GET', `/v1/orders/${id}.${stage}`],
        ['GET', `/v1/orders/${id}.${stage}?wait=1`],
        ['GET', `/v1/orders/${id}.${stage}/events`],
        ['POST', `/v1/orders/${id}.${stage}/cancel`],
        ['DELETE', `/v1/orders/${id}.${stage}`],
      ] as const) {
        const { status } = await send(method, eim.url + path);
        assert.equal(status, 404, `${method} ${path}`);
      }
      for (const facility of ['download', 'psmo']) {
        for (const act of ['lookup', 'delete']) {
          const { body } = await get(`${eim.url}/${facility}/${act}/${id}.${stage}`);
          assert.deepEqual(body, { status: 'absent' });
        }
      }
    }
    assert.equal(at((await get(`${eim.url}/v1/orders/${id}`)).body, 'state'), 'new');
    await eim.desk.orders.cancel(id);
  });

  it('is refused where a stage of it cannot be carried out', async () => {
    await eim.desk.euiccs.update(eid, { levelSet: 'v1.0' });
    const posted = [{ download: { activationCode } }, { unsetFallbackAttribute: {} }];
    const { status } = await send('POST', `${eim.url}/v1/orders`, { eid, steps: posted });
    assert.equal(status, 409);
    await eim.desk.euiccs.update(eid, { levelSet: 'learned' });
  });
});
