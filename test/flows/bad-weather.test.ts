/** The main job over a network that loses 20 %, repeats 10 % and reorders 10 % of the datagrams ends as in calm. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { done } from './expected.ts';
import { World } from './world.ts';

const storm = { loss: 0.2, repeat: 0.1, reorder: 0.1 };

describe('the main job in bad weather', () => {
  for (const auth of ['psk', 'certificate'] as const) {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      it(`ends the same, ${auth}, seed ${seed}`, async () => {
        const world = await World.begin({ auth, weather: { ...storm, seed } });
        await world.work();
        assert.deepEqual(await world.outcome(), done);
        assert.deepEqual(world.process.errors, []);
        const { lost, repeated, late } = world.network.counts;
        assert.ok(lost > 0 && repeated > 0 && late > 0);
        // Whatever came twice was handled once: each request that was answered, and those of lost connections.
        const { answered, connections } = world.device;
        assert.ok(world.process.requests <= answered.length + connections - 1);
      });
    }
  }

  it('ends the same with a large profile and a slow SM-DP+', async () => {
    const weather = { ...storm, seed: 7 };
    const world = await World.begin({ weather, profileSize: 60_000, slowness: 4000 });
    await world.work();
    assert.deepEqual(await world.outcome(), done);
    assert.deepEqual(world.process.errors, []);
  });
});
