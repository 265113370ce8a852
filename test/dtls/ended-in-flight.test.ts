/** A connection that has ended stays so while the store is still at deleting it (S02). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { Bench } from './support/bench.ts';
import { Device } from './support/device.ts';
import { Disk } from './support/disk.ts';

const key = new Uint8Array(32).fill(9);

/** A connection whose last record is in the journal alone, which ends while the disk is busy; that record, and the disk. */
async function ending() {
  const disk = new Disk();
  const kept = { store: disk, key };
  const bench = new Bench({ connectionIds: { length: 8 }, kept, random: seededRandom(77) });
  const devices: Device[] = [];
  for (const n of [1, 2, 3]) {
    const at = { address: `192.0.2.${n}`, port: 1 };
    const connectionId = { own: Uint8Array.of(0xb0, n) };
    devices.push(await new Device(bench, { seed: n, at, connectionId }).connect());
  }
  await settled();
  for (const device of devices) device.send('once');
  await settled();
  const [device = assert.fail()] = devices;
  const replay = device.sent.at(-1) ?? assert.fail();
  const [[peer] = assert.fail()] = bench.delivered.splice(0);
  const release = disk.hold();
  device.client.close();
  await settled();
  return { bench, device, replay, handle: peer.handle, release };
}

describe('a connection that the store is being told to delete', () => {
  it('takes no record of before again', async () => {
    const { bench, device, replay, release } = await ending();
    bench.say(replay, device.address);
    await settled();
    release();
    await settled();
    assert.deepEqual(bench.delivered, []);
    assert.equal(bench.server.holds.awake, 2);
  });

  it('is not recalled', async () => {
    const { bench, handle, release } = await ending();
    const found = await bench.server.recall(handle);
    release();
    assert.equal(found === undefined, true, 'it came back');
  });
});
