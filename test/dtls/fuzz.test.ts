/** A short run of `npm run fuzz -- dtls`, and that it notices what it is there to notice. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FuzzFailure, fuzzDtls } from '../../tools/fuzz/dtls.ts';

const failure = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof FuzzFailure, String(error));
  assert.match(error.message, message);
  assert.match(error.message, /seed 1$/);
  return true;
};

describe('the fuzzer', () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
    it(`D26: breaks nothing with seed ${seed}`, async () => {
      const { datagrams, drops } = await fuzzDtls(seed);
      assert.ok(datagrams >= 200);
      assert.ok((drops['dtls: record not authentic'] ?? 0) > 0);
    });
  }

  it('throws the same with the same seed', async () => {
    assert.deepEqual((await fuzzDtls(7)).thrown, (await fuzzDtls(7)).thrown);
    assert.notDeepEqual((await fuzzDtls(7)).thrown, (await fuzzDtls(8)).thrown);
  });

  it('notices a live connection that is lost', async () => {
    const lose = fuzzDtls(1, (world, step) => {
      if (step === 9) world.opened[0]?.close();
    });
    await assert.rejects(lose, failure(/a live connection was lost\nafter datagram 9 /));
  });

  it('notices an error of ours', async () => {
    const err = fuzzDtls(1, (world, step) => {
      if (step === 9) world.lines.push({ level: 'error', event: 'broken', fields: {} });
    });
    await assert.rejects(err, failure(/our fault: .*broken/));
  });

  it('notices somebody who gets in', async () => {
    const enter = fuzzDtls(1, (world, step) => {
      if (step === 9) world.rawClient({ from: { address: '203.0.113.250', port: 1 } }).connect();
    });
    await assert.rejects(enter, failure(/somebody got in/));
  });

  it('notices a timer that is left', async () => {
    const leave = fuzzDtls(1, (world, step) => {
      if (step === 9) world.clock.after(1e9, () => {});
    });
    await assert.rejects(leave, failure(/1 alarms are left/));
  });

  it('notices a connection that is left', async () => {
    const leave = fuzzDtls(1, (world, step) => {
      // One that the fuzzer does not know of, in the place of one that it does.
      if (step === 9) world.raw.length = 0;
    });
    await assert.rejects(leave, failure(/left: \[\["established",3\]\]/));
  });

  it('seals what it throws inside live epochs', async () => {
    let delivered = 0;
    await fuzzDtls(1, (world) => {
      delivered = world.delivered.length;
    });
    assert.ok(delivered > 0);
  });
});
