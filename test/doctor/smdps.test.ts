/** What doctor makes of an SM-DP+'s clock. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reaches } from '../../src/doctor/smdps.ts';
import { HandClock } from '../support/hand-clock.ts';

const clock = new HandClock();

async function found(date?: number) {
  const answer = { status: 404, body: new Uint8Array(), ...(date !== undefined && { date }) };
  const findings = await reaches({ get: async () => answer }, 'smdp.example.com', clock);
  return findings.map(({ check, level, found: text }) => `${level} ${check}: ${text}`).slice(1);
}

describe('the clock of an SM-DP+', () => {
  const check = 'clock against smdp.example.com';
  const cases = [
    [0, `ok ${check}: agrees within a minute`],
    [-60_000, `ok ${check}: agrees within a minute`],
    [61_000, `warning ${check}: ours is 61 s behind`],
    [-3_600_000, `warning ${check}: ours is 3600 s ahead`],
  ] as const;
  for (const [apart, text] of cases) {
    it(`that is ${apart} ms from ours`, async () => {
      assert.deepEqual(await found(clock.now() + apart), [text]);
    });
  }

  it('is not judged where it is not told', async () => {
    assert.deepEqual(await found(), []);
  });
});
