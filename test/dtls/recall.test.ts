/** The server speaks first, on a connection that it has not heard of for long: found by its handle (DtlsPeer). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex, utf8 } from '../../src/base/bytes.ts';
import type { DtlsServerOptions } from '../../src/dtls/server.ts';
import { settled } from '../support/hand-clock.ts';
import { seededRandom } from '../support/seeded.ts';
import { Bench } from './support/bench.ts';
import { Device } from './support/device.ts';
import { Disk } from './support/disk.ts';

const key = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
const withCid = { connectionId: { own: hex('beef') } };
const minute = 60_000;

function serve(disk: Disk, seed: number, options: Partial<DtlsServerOptions> = {}): Bench {
  return new Bench({
    connectionIds: { length: 8 },
    kept: { store: disk, key },
    random: seededRandom(seed),
    ...options,
  });
}

/** What is said on a recalled connection reaches its device. */
async function reaches(bench: Bench, device: Device, handle: string): Promise<void> {
  const peer = await bench.server.recall(handle);
  assert.ok(peer, 'not found');
  assert.deepEqual(peer.credential, { type: 'psk', identity: 'dev1' });
  peer.send(utf8('are you there?'));
  await settled();
  device.hear();
  assert.deepEqual(device.texts.splice(0), ['are you there?']);
}

describe('a connection recalled by its handle', () => {
  it('awake, and asleep', async () => {
    const bench = new Bench({ connectionIds: { length: 8 } });
    const device = await new Device(bench, withCid).connect();
    const { handle } = bench.peer;
    await reaches(bench, device, handle);
    await bench.clock.turn(5 * minute);
    assert.equal(bench.server.holds.asleep, 1);
    await reaches(bench, device, handle);
  });

  it('without a connection ID, by its address', async () => {
    const bench = new Bench();
    const device = await new Device(bench).connect();
    await bench.clock.turn(5 * minute);
    await reaches(bench, device, bench.peer.handle);
  });

  it('after a restart, out of the store, and the device goes on with it', async () => {
    const disk = new Disk();
    let bench = serve(disk, 1);
    const device = await new Device(() => bench, withCid).connect();
    await settled();
    const { handle, id } = bench.peer;
    await bench.server.close();
    bench = serve(disk, 2);
    await reaches(bench, device, handle);
    await reaches(bench, device, handle);
    device.send('yes');
    await settled();
    assert.deepEqual(
      bench.delivered.map(([peer]) => peer.id),
      [id],
    );
    assert.deepEqual(bench.errors(), []);
  });

  it('is not found once it has ended, nor by the id of another, nor by what is no handle', async () => {
    const disk = new Disk();
    const bench = serve(disk, 1);
    const device = await new Device(bench, withCid).connect();
    await settled();
    const { handle } = bench.peer;
    const [place = ''] = handle.split('.');
    for (const wrong of [`${place}.00`, '', '.', 'zz.00', '63.00', place]) {
      assert.equal(await bench.server.recall(wrong), undefined, wrong);
    }
    device.client.close();
    await settled();
    assert.equal(await bench.server.recall(handle), undefined);
  });

  it('is not found in the store for a peer whose credential is good no more', async () => {
    const disk = new Disk();
    const bench = serve(disk, 1);
    await new Device(bench, withCid).connect();
    await settled();
    const { handle } = bench.peer;
    await bench.server.close();
    const strict = serve(disk, 2, { admits: () => false });
    assert.equal(await strict.server.recall(handle), undefined);
  });
});
