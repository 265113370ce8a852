/**
 * What interrupts a device or an eIM in the middle of the main job: another address, a restart. The device then shakes
 * hands anew, and all ends as if nothing had been.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { done } from './expected.ts';
import { World } from './world.ts';

/** How many datagrams and commits the main job takes when nothing happens. */
const calm = await World.begin();
await calm.process.start();
await calm.work();
const datagrams = calm.network.counts.carried;
const commits = calm.process.commits;

function every(step: number, count: number): readonly number[] {
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);
}

/** Does something when the n-th datagram sets out. */
function atDatagram(world: World, n: number, act: () => void): void {
  let count = 0;
  world.network.tap = () => {
    if (count++ === n) act();
    return true;
  };
}

async function endsTheSame(world: World): Promise<void> {
  await world.work();
  assert.deepEqual(await world.outcome(), done);
  assert.deepEqual(world.process.errors, []);
}

async function killedEndsTheSame(world: World): Promise<void> {
  await endsTheSame(world);
  assert.equal(world.process.kills, 1);
}

describe('the address of the device changes', () => {
  for (const n of every(4, datagrams)) {
    it(`at datagram ${n} of ${datagrams}`, async () => {
      const world = await World.begin();
      atDatagram(world, n, () => world.device.move());
      await endsTheSame(world);
    });
  }
});

describe('the eIM is killed and started again', () => {
  for (const n of every(3, datagrams)) {
    it(`at datagram ${n} of ${datagrams}`, async () => {
      const world = await World.begin();
      atDatagram(world, n, () => world.process.killForHalfASecond());
      await killedEndsTheSame(world);
    });
  }

  for (const name of new Set(calm.smdp.calls)) {
    it(`while the SM-DP+ works on ${name}`, async () => {
      const world = await World.begin();
      world.smdp.onCall = (called) => {
        if (called !== name || world.process.kills > 0) return;
        world.process.killForHalfASecond();
      };
      await killedEndsTheSame(world);
    });
  }

  // The eUICC answers the same package with replayError: the eIM asks for the result that was lost.
  for (const n of every(4, datagrams)) {
    it(`at datagram ${n} of ${datagrams}, and the device does not send results again`, async () => {
      const world = await World.begin({ habit: 'forgets results' });
      atDatagram(world, n, () => world.process.killForHalfASecond());
      await world.work();
      const { pending } = await world.outcome();
      assert.deepEqual(await world.outcome(), { ...done, pending });
      assert.deepEqual(world.process.errors, []);
    });
  }

  for (const commit of every(1, commits)) {
    for (const when of ['before', 'after'] as const) {
      it(`${when} commit ${commit} of ${commits} is on the disk`, async () => {
        await killedEndsTheSame(await World.begin({ death: { commit, when } }));
      });

      it(`${when} commit ${commit}, and the device repeats its request`, async () => {
        const world = await World.begin({ habit: 'repeats', death: { commit, when } });
        await killedEndsTheSame(world);
        // The IPA has seen nothing of it.
        assert.deepEqual(world.device.answered, calm.device.answered);
      });
    }
  }
});
