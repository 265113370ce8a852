/** The main job, datagram in, datagram out: a profile is downloaded, enabled and shown. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { done } from './expected.ts';
import { World } from './world.ts';

/** What the device asks, one after the other: each once. */
const asked = [
  'GetEimPackage',
  'InitiateAuthentication',
  'AuthenticateClient',
  'GetBoundProfilePackage',
  'HandleNotification',
  'GetEimPackage',
  'ProvideEimPackageResult',
  'GetEimPackage',
  'ProvideEimPackageResult',
  'GetEimPackage',
];

/** What the eIM asks of the SM-DP+; the notifications are of the installation and of the enabling. */
const relayed = [
  'initiateAuthentication',
  'authenticateClient',
  'getBoundProfilePackage',
  'handleNotification',
  'handleNotification',
];

describe('the main job', () => {
  const cases = {
    'over PSK': {},
    'over certificates': { auth: 'certificate' },
    'with an SM-DP+ slower than a CoAP client waits': { slowness: 9000 },
    'with a profile of 60,000 octets': { profileSize: 60_000 },
    'with a profile of 100,000 octets': { profileSize: 100_000 },
    'with a profile of 300,000 octets': { profileSize: 300_000 },
  } as const;
  for (const [name, options] of Object.entries(cases)) {
    it(`is done ${name}`, async () => {
      const world = await World.begin(options);
      await world.work();
      assert.deepEqual(await world.outcome(), done);
      assert.deepEqual(world.device.answered, asked);
      assert.deepEqual(world.smdp.calls, relayed);
      assert.equal(world.process.requests, asked.length);
      assert.deepEqual(world.process.errors, []);
      assert.deepEqual(world.process.drops.all(), {});
    });
  }

  it('is not done for a device that has another PSK', async () => {
    const world = await World.begin();
    const { devices } = world.process.eim;
    const key = new Uint8Array(16).fill(7);
    await devices.add({ identity: 'dev1', key, eids: [] }, { replace: true });
    await assert.rejects(world.work(), /gave up/);
    assert.deepEqual(
      (await world.orders()).map(({ state }) => state.at),
      ['new', 'new', 'new'],
    );
    assert.equal(world.process.requests, 0);
  });
});
