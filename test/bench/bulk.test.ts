/** The bench of bulk orders, briefly and with few devices: that it measures, and that a kill loses nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { measureBulk } from '../../tools/bench/bulk.ts';

describe('npm run bench -- bulk', { timeout: 120_000 }, () => {
  it('places an order for each device, and finds what was acknowledged after a kill -9', async () => {
    const { devices, accepted, memory, healthz, kill } = await measureBulk({
      count: 120,
      batch: 25,
    });
    assert.equal(devices, 120);
    assert.ok(accepted > 0 && memory.most >= memory.before && healthz.max >= healthz.median);
    assert.ok(kill.acknowledged >= 60 && kill.acknowledged < 120);
    assert.equal(kill.found, kill.acknowledged);
  });
});
