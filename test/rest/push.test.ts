/** Orders that are pushed and the addresses of devices, in /v1. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { IpaCapabilities } from '../../src/messages/ipa-euicc-data.ts';
import { at, get, send } from './http.ts';
import { eid, type Running, run } from './running.ts';

const running: Running[] = [];
let eim: Running;
beforeEach(async () => {
  eim = await run();
  running.push(eim);
});
after(() => Promise.all(running.map((one) => one.close())));

const steps = [{ listProfileInfo: {} }];
const order = (push?: unknown) =>
  send('POST', `${eim.url}/v1/orders`, { eid, steps, ...(push === undefined ? {} : { push }) });

describe('POST /v1/orders with push', () => {
  it('has it kept with the order', async () => {
    const { status, body } = await order(true);
    assert.equal(status, 201);
    const id = String(at(body, 'id'));
    assert.equal((await eim.desk.orders.get(id))?.push, true);
    const shown = await get(`${eim.url}/v1/orders/${id}`);
    assert.equal(at(shown.body, 'push'), true);
    for (const push of [undefined, false]) {
      const plain = await order(push);
      assert.equal(plain.status, 201);
      assert.equal(at(plain.body, 'push'), undefined);
    }
  });

  it('warns only where the IPA has said that it takes none', async () => {
    const told = async (protocols: readonly ('ipaRetrieveCoaps' | 'ipaInjectCoaps')[]) => {
      const ipaCapabilities = IpaCapabilities.encode({
        ipaFeatures: [],
        ipaSupportedProtocols: protocols,
      });
      await eim.desk.euiccs.update(eid, { ipaCapabilities });
    };
    assert.equal(at((await order(true)).body, 'warning'), undefined, 'nothing is known');
    await told(['ipaRetrieveCoaps']);
    assert.match(String(at((await order(true)).body, 'warning')), /ipaInjectCoaps/);
    assert.equal(at((await order(false)).body, 'warning'), undefined);
    await told(['ipaRetrieveCoaps', 'ipaInjectCoaps']);
    assert.equal(at((await order(true)).body, 'warning'), undefined);
  });

  it('refuses what is neither yes nor no', async () => {
    const { status, body } = await order('now');
    assert.deepEqual([status, at(at(body, 'error'), 'field')], [400, 'push']);
    assert.deepEqual(await eim.desk.orders.list(), []);
  });
});

describe('the address of a device', () => {
  const device = `/v1/devices/${eid}`;

  it('is set with the device, changed, and taken away', async () => {
    const added = await send('POST', `${eim.url}/v1/devices`, {
      eids: [eid],
      address: '192.0.2.7',
    });
    assert.equal(at(added.body, 'address'), '192.0.2.7:5684');
    for (const [address, shown] of [
      ['192.0.2.8:40000', '192.0.2.8:40000'],
      ['[2001:DB8::8]', '[2001:db8::8]:5684'],
      [null, undefined],
    ]) {
      const changed = await send('PATCH', `${eim.url}${device}`, { address });
      assert.deepEqual([changed.status, at(changed.body, 'address')], [200, shown]);
      assert.equal(at((await get(`${eim.url}${device}`)).body, 'address'), shown);
    }
  });

  it('is an IP address', async () => {
    await send('POST', `${eim.url}/v1/devices`, { eids: [eid] });
    for (const address of [
      'meter.example.com',
      '192.0.2',
      '192.0.2.256',
      '192.0.2.7:0',
      '192.0.2.7:65536',
      '[2001:db8::8',
      '[::g]',
      '',
    ]) {
      const { status, body } = await send('PATCH', `${eim.url}${device}`, { address });
      assert.deepEqual([status, at(at(body, 'error'), 'field')], [400, 'address'], address);
    }
    const { body } = await get(`${eim.url}${device}`);
    assert.equal(at(body, 'address'), undefined);
  });

  it("is nobody's where there is no such device", async () => {
    const { status } = await send('PATCH', `${eim.url}/v1/devices/nobody`, { address: '::1' });
    assert.equal(status, 400);
    const known = await send('PATCH', `${eim.url}/v1/devices/nobody`, { address: '192.0.2.1' });
    assert.equal(known.status, 404);
  });
});
