/** The main job pushed to a device that has polled once and asks for nothing more (SGP.32 3.1.1.2), datagram by datagram. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readOnly } from '../../src/messages/tlv.ts';
import { done } from './expected.ts';
import { World, type WorldOptions } from './world.ts';

/** The device serves, and its connection outlives the eIM's process. */
const kept = { serves: true, ordered: false, keepsConnections: true } as const;

/** A device that is connected and has found nothing to do; then the operator orders. */
async function pushed(
  options: WorldOptions & { readonly meanwhile?: (world: World) => unknown } = {},
) {
  const { meanwhile, death, ...others } = options;
  const world = await World.begin({ serves: true, ordered: false, ...others });
  await world.turn(world.device.work());
  await meanwhile?.(world);
  await world.order(true);
  await passes(world, 90_000);
  return world;
}

/** Time in small steps, so that everybody has done what is to be done by then. */
async function passes(world: World, milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 50) await world.clock.turn(50);
}

/** What the device asks when it is pushed to: the download is its own affair. */
const asked = [
  'GetEimPackage',
  'InitiateAuthentication',
  'AuthenticateClient',
  'GetBoundProfilePackage',
  'HandleNotification',
];

async function events(world: World, order: number): Promise<readonly string[]> {
  const { history = [] } = (await world.orders())[order] ?? {};
  return history.map(({ event }) => event);
}

describe('the main job, pushed', () => {
  for (const auth of ['psk', 'certificate'] as const) {
    it(`is done without another poll, ${auth}`, async () => {
      const world = await pushed({ auth });
      assert.deepEqual(await world.outcome(), done);
      assert.deepEqual(world.device.answered, asked);
      assert.equal(world.device.connections, 1);
      // The trigger; two packages and what the eUICC may forget of each.
      const tags = world.device.heard.map((one) => readOnly(readOnly(one).value).tag.toString(16));
      assert.deepEqual(tags, ['bf54', 'bf51', 'bf53', 'bf51', 'bf53']);
      assert.deepEqual(await events(world, 0), [
        'submitted',
        'fetched',
        'pushed',
        'push taken',
        ...(await events(world, 0)).slice(4),
      ]);
      assert.deepEqual(world.process.errors, []);
    });
  }

  for (const seed of [1, 2, 3, 4]) {
    it(`is done in bad weather, seed ${seed}, though the device may have to poll`, async () => {
      const weather = { loss: 0.2, repeat: 0.1, reorder: 0.1, seed };
      const world = await pushed({ weather });
      await world.turn(world.device.pushed.catch(() => {}));
      await world.work();
      assert.deepEqual(await world.outcome(), done);
      assert.deepEqual(world.process.errors, []);
      assert.ok(world.device.heard.length > 0);
    });
  }

  it('reaches a device whose connection has long been asleep', async () => {
    const world = await pushed({ meanwhile: (world) => world.clock.turn(3600_000) });
    assert.deepEqual(await world.outcome(), done);
    assert.equal(world.device.connections, 1);
  });

  it('waits for the poll of a device that its NAT has forgotten, and leaves once', async () => {
    const world = await pushed({ meanwhile: ({ device }) => device.move() });
    assert.deepEqual(world.device.heard, []);
    const [first] = await world.orders();
    assert.equal(first?.state.at, 'work');
    const { event, detail = '' } = first?.history.at(-1) ?? {};
    assert.equal(event, 'push failed');
    assert.match(detail, /no sign of life within 30 s; it waits for the device's poll$/);
    await world.work();
    assert.deepEqual(await world.outcome(), done);
  });

  it('waits for the poll of a device that is no CoAP server', async () => {
    const world = await pushed({ serves: false });
    assert.deepEqual((await events(world, 0)).slice(-2), ['pushed', 'push failed']);
    await world.work();
    assert.deepEqual(await world.outcome(), done);
  });

  it('waits for the poll where the connection went with the process', async () => {
    const world = await pushed({ meanwhile: ({ process }) => process.start() });
    assert.deepEqual((await events(world, 0)).slice(0, 2), ['submitted', 'not pushed']);
    assert.equal((await world.orders())[0]?.state.at, 'new');
    await world.work();
    assert.deepEqual(await world.outcome(), done);
  });

  it('is not pushed to a device that has been revoked', async () => {
    const world = await pushed({
      meanwhile: ({ process }) => process.eim.devices.revoke('dev1'),
    });
    assert.deepEqual(world.device.heard, []);
    assert.deepEqual((await events(world, 0)).slice(0, 2), ['submitted', 'not pushed']);
    assert.equal((await world.orders())[0]?.state.at, 'new');
  });

  it('says nothing to the device where nobody asked for a push', async () => {
    const world = await World.begin({ serves: true, ordered: false });
    await world.turn(world.device.work());
    await world.order(false);
    await passes(world, 20_000);
    assert.deepEqual(world.device.heard, []);
  });
});

describe('the eIM is killed before a push', () => {
  for (const auth of ['psk', 'certificate'] as const) {
    it(`which leaves after the start over the connection that was kept, ${auth}`, async () => {
      const world = await World.begin({ ...kept, auth });
      await world.turn(world.device.work());
      await passes(world, 20_000); // so that where it is has been written
      world.process.dieAt({ commit: 3, when: 'before' }); // with all three orders on the disk
      await world.order(true);
      await passes(world, 90_000);
      assert.equal(world.process.kills, 1);
      assert.deepEqual(await world.outcome(), done);
      assert.deepEqual(world.device.answered, asked);
      assert.equal(world.device.connections, 1);
      assert.deepEqual(world.process.errors, []);
    });
  }

  it('which waits for the poll where the device is there no more', async () => {
    const world = await World.begin(kept);
    await world.turn(world.device.work());
    await passes(world, 20_000);
    world.process.dieAt({ commit: 3, when: 'before' });
    await world.order(true);
    world.device.move();
    await passes(world, 90_000);
    assert.deepEqual((await events(world, 0)).slice(-2), ['pushed', 'push failed']);
    await world.work();
    assert.deepEqual(await world.outcome(), done);
  });
});

describe('the eIM is killed while it pushes', () => {
  // Four commits of each push are about it: the package, a line before and one behind it, what came of it.
  for (const when of ['before', 'after'] as const) {
    for (let commit = 0; commit < 24; commit++) {
      it(`${when} commit ${commit} is on the disk, and the poll brings the rest`, async () => {
        const world = await World.begin({ serves: true, ordered: false });
        await world.turn(world.device.work());
        await world.orderAndDie({ commit, when });
        await passes(world, 60_000);
        await world.work();
        assert.deepEqual(await world.outcome(), done);
        assert.deepEqual(world.process.errors, []);
      });
    }
  }
});
