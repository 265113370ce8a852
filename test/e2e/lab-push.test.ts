/** The main job with --push: the device polls once, and all the rest is brought to it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseProfile } from '../../tools/lab/choose-profile.ts';
import { runLab } from '../../tools/lab/lab.ts';
import { linkProfiles } from '../../tools/lab/link/profiles.ts';
import { seededNumbers } from '../../tools/lab/link/seeded.ts';

describe('a profile lands, pushed', { timeout: 120_000 }, () => {
  for (const name of ['lan', 'lossy'] as const) {
    it(`over ${name}`, async () => {
      const steps: string[] = [];
      const result = await runLab({
        ...chooseProfile({ size: undefined }),
        auth: 'psk',
        stack: 'own',
        push: true,
        ports: { coaps: 0, rest: 0, smdpp: 0 },
        link: { profile: linkProfiles[name], chance: seededNumbers(3) },
        onStep: ({ from, what, result: how }) => steps.push(`${from} ${what} ${how}`),
      });
      assert.deepEqual(result.enable.outcome, [{ enableResult: 'ok' }]);
      assert.deepEqual(
        result.profiles.map(({ state }) => state),
        ['enabled'],
      );
      const polls = steps.filter((step) => step.startsWith('IPA GetEimPackage'));
      assert.deepEqual(polls, ['IPA GetEimPackage nothing to do']);
      const pushes = steps.filter((step) => step.startsWith('eIM TransferEimPackage'));
      assert.deepEqual(pushes, [
        'eIM TransferEimPackage profile download trigger',
        'eIM TransferEimPackage eUICC Package',
        'eIM TransferEimPackage acknowledgements',
      ]);
    });
  }
});
