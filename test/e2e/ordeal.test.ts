/**
 * A download over the slowest link of the lab, with a NAT that forgets the device, a device that loses power and an eIM
 * that is killed, each in the middle of the bound profile package. Time runs twelve times as fast as on the link, for
 * link, device and the eIM's CoAP alike (tools/lab/link/hurried.ts): the eIM's start, which it does not, takes longer
 * there than anywhere.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseProfile } from '../../tools/lab/choose-profile.ts';
import { runLab, StepFailed } from '../../tools/lab/lab.ts';
import { linkProfiles } from '../../tools/lab/link/profiles.ts';
import { seededNumbers } from '../../tools/lab/link/seeded.ts';

const common = {
  auth: 'psk',
  stack: 'own',
  ports: { coaps: 0, rest: 0, smdpp: 0 },
} as const;

describe('a download over nbiot-deep', { timeout: 240_000 }, () => {
  it('outlives a NAT rebinding, a device reset and a restart of the eIM; no block travels twice without need', async () => {
    const steps: string[] = [];
    const result = await runLab({
      ...common,
      ...chooseProfile({}),
      link: { profile: linkProfiles['nbiot-deep'], chance: seededNumbers(1) },
      speed: 12,
      ordeal: { rebind: 3, reset: 6, restart: 9 },
      onStep: ({ from, what }) => {
        if (from === 'ordeal' || from === 'eIM') steps.push(what);
      },
    });
    assert.equal(result.download.profileBytes, 12288);
    assert.deepEqual(result.enable.outcome, [{ enableResult: 'ok' }]);
    // The SM-DP+ is asked once for each step, and everything befalls the device during the transfer.
    assert.deepEqual(steps.slice(0, 6), [
      'initiateAuthentication',
      'authenticateClient',
      'getBoundProfilePackage',
      'rebind',
      'reset',
      'kill -9, start',
    ]);
    const again = result.blocks.flatMap((row) =>
      row.again.map((one) => ({ ...one, of: row.what })),
    );
    assert.deepEqual(
      again.filter(({ why }) => why === 'nothing'),
      [],
    );
    const profile = result.blocks.find(({ what }) => what === 'GetBoundProfilePackage');
    assert.ok(profile);
    assert.equal(profile.down, 13, 'each block of 12 kB once');
    const because = (cause: string) => profile.again.filter(({ why }) => why === cause);
    assert.deepEqual(
      because('device reset').map(({ block }) => block),
      [6],
      'what the device had it kept',
    );
    assert.deepEqual([...new Set(because('eIM killed').map(({ block }) => block))], [9]);
    const heard = again.filter(({ how }) => how === 'heard');
    assert.deepEqual(heard, [], 'none arrived twice');
  });

  it('says so where what was to befall the device never could', async () => {
    const options = {
      ...common,
      ...chooseProfile({}),
      link: { profile: linkProfiles.ltem, chance: seededNumbers(1) },
      speed: 12,
      ordeal: { rebind: 500 },
      onStep: () => {},
    };
    await assert.rejects(runLab(options), (error) => {
      assert.ok(error instanceof StepFailed);
      assert.match(error.message, /never asked for block 500/);
      return true;
    });
  });
});
