/** Devices that are DTLS servers themselves: where they are, and for which eUICC. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { DeviceError } from '../../src/fleet/device.ts';
import { Devices } from '../../src/fleet/devices.ts';
import { parseEid } from '../../src/messages/ids.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { testBox } from '../support/box.ts';
import { HandClock } from '../support/hand-clock.ts';

const eid = parseEid('89882119900000000000000000000005');
const otherEid = parseEid('89049032123451234512345678901235');
const key = new Uint8Array(16).fill(7);
const here = { address: '192.0.2.7', port: 5684 };
const there = { address: '2001:db8::7', port: 40_000 };

function open(store = new MemoryStore()): Promise<Devices> {
  return Devices.open({ store, clock: new HandClock(), log: silentLog(), box: testBox() });
}

const found = (devices: Devices, of = eid) =>
  devices.addressed(of).map(({ identity, address }) => [identity, address]);

describe('the address of a device', () => {
  it('leads there from its EIDs alone, also after a restart', async () => {
    const store = new MemoryStore();
    const devices = await open(store);
    await devices.add({ identity: 'one', key, eids: [eid], address: here });
    await devices.add({ identity: 'two', key, eids: [eid] });
    for (const one of [devices, await open(store)]) {
      assert.deepEqual(found(one), [['one', here]]);
      assert.deepEqual(found(one, otherEid), []);
    }
    await devices.setAddress('two', there);
    await devices.setAddress('one', undefined);
    for (const one of [devices, await open(store)]) assert.deepEqual(found(one), [['two', there]]);
  });

  it('is of no use once the device is revoked or removed', async () => {
    for (const end of ['revoke', 'remove'] as const) {
      const devices = await open();
      await devices.add({ identity: 'one', key, eids: [eid], address: here });
      await devices[end]('one');
      assert.deepEqual(found(devices), []);
      await assert.rejects(devices.setAddress('one', there), DeviceError);
    }
  });

  it('makes a device another one than it was', async () => {
    const devices = await open();
    const device = { identity: 'one', key, eids: [eid], address: here };
    await devices.add(device);
    const again = await devices.addAll([device, { ...device, address: there }], { dryRun: true });
    assert.deepEqual(
      again.map(({ type }) => type),
      ['unchanged', 'refused'],
    );
  });
});
