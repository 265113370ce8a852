/** The bench of polls, briefly and with few devices: that it measures; how fast anything is says `npm run bench`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasCpuBooks } from '../../tools/bench/cpu.ts';

describe('npm run bench -- polls', { skip: !hasCpuBooks(), timeout: 60_000 }, () => {
  it('has the eIM, raw echo and, where it is installed, libcoap answer all that they are asked', async () => {
    const { measurePolls } = await import('../../tools/bench/polls.ts');
    const { rows, missing } = await measurePolls({ devices: 8, rounds: 1, seconds: 0.05 });
    const names = rows.map(({ server }) => server);
    assert.deepEqual(names, missing ? ['eIM', 'echo'] : ['eIM', 'echo', 'libcoap']);
    const [eim, echo] = rows;
    assert.ok(rows.every(({ perSecond, octets }) => perSecond > 0 && octets.response > 30));
    assert.equal(echo?.octets.request, eim?.octets.request);
    assert.equal(echo?.octets.response, echo?.octets.request);
  });
});
