/** Many connections at once. `npm run bench -- connections` has the figures of a hundred thousand. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bench } from './support/bench.ts';
import { RawClient } from './support/raw-client.ts';

describe('connections asleep', () => {
  it('S01: take less than 512 octets each, so that a million take less than 512 MB', async () => {
    const bench = new Bench({
      limits: { connections: 1_000_000, halfOpen: 10_000, halfOpenPerAddress: 10_000 },
    });
    const octets: number[] = [];
    const clients: RawClient[] = [];
    for (const many of [500, 1000]) {
      for (let i = clients.length; i < many; i++) {
        const from = { address: `10.0.${i >> 8}.${i & 255}`, port: 5000 };
        clients.push(new RawClient(bench, { seed: i, from }).connect());
      }
      await bench.clock.turn(180_000); // last flights are forgotten, then all of them sleep
      const { awake, asleep, asleepOctets } = bench.server.holds;
      assert.deepEqual([awake, asleep], [0, many]);
      assert.equal(bench.server.holds.alarms, 0);
      octets.push(asleepOctets);
    }
    const [half = 0, all = 0] = octets;
    assert.ok(all / 1000 < 512, `${all / 1000} octets each`);
    assert.ok((all - half) / 500 < 512, `${(all - half) / 500} octets each, of the second half`);
    for (const client of clients) client.say(client.data('awake'));
    assert.equal(bench.delivered.length, 1000);
  });
});
