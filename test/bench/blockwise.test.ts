/** The bench of block-wise transfers, on few seeds: its figures come from a clock of its own and do not vary. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { measureBlockwise } from '../../tools/bench/blockwise.ts';
import { linkProfiles } from '../../tools/lab/link/profiles.ts';

describe('npm run bench -- blockwise', () => {
  const measured = measureBlockwise({ seeds: 1, aimSeeds: 5 });

  it('has every body over every link in every way, none faster than the link', async () => {
    const { rows, aimed } = await measured;
    assert.equal(rows.length, Object.keys(linkProfiles).length * 3 * 4);
    for (const { time, p90, limit, link } of [...rows, ...aimed]) {
      assert.ok(time >= limit, `${link}: ${time} of ${limit} ms`);
      assert.ok(p90 >= time);
    }
  });

  it('shows that Block2 costs a round trip a block, and Q-Block2 does not', async () => {
    const { rows } = await measured;
    const { roundTrip } = linkProfiles['nbiot-good'];
    for (const body of [12_000, 30_000, 60_000]) {
      const of = (way: (typeof rows)[number]['way']) =>
        rows.find((row) => row.link === 'nbiot-good' && row.body === body && row.way === way)?.time;
      assert.ok((of(256) ?? 0) > (body / 256) * roundTrip);
      assert.ok((of('quick') ?? Number.NaN) < (body / 1024) * roundTrip);
    }
  });

  it('counts a whole download, within the aim for its overhead', async () => {
    const { downloads } = await measured;
    for (const { way, messages, wire, packets } of downloads) {
      assert.ok(messages < wire && wire < packets);
      if (way === 'quick' || way === 1024) assert.ok(wire / messages - 1 <= 0.12);
    }
  });
});
