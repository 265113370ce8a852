/** The main job with --minimize: the device leaves out what the eIM knows, and the eIM gives the SM-DP+ the whole. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chooseProfile } from '../../tools/lab/choose-profile.ts';
import { runLab } from '../../tools/lab/lab.ts';

const top = fileURLToPath(new URL('../..', import.meta.url));
/** What eUICCs answer and sign, in the order in which the device sends it. */
const compacted = [
  'AuthenticateClient',
  'GetBoundProfilePackage',
  'HandleNotification',
  'ProvideEimPackageResult',
];

async function main(minimize: boolean) {
  const steps: string[] = [];
  /** Octets up of the last message of each function. */
  const up = new Map<string, number>();
  const result = await runLab({
    ...chooseProfile({ size: undefined }),
    auth: 'psk',
    stack: 'own',
    minimize,
    ports: { coaps: 0, rest: 0, smdpp: 0 },
    onStep: ({ from, what, result: how, wire }) => {
      steps.push(`${from} ${what} ${how}`);
      if (wire !== undefined) up.set(what, wire.bytesUp);
    },
  });
  return { steps, result, up };
}

describe('a profile lands, told in compact forms', { timeout: 120_000 }, () => {
  it('and the SM-DP+ hears nothing of them', async () => {
    const full = await main(false);
    const compact = await main(true);
    assert.deepEqual(compact.result.enable.outcome, [{ enableResult: 'ok' }]);
    assert.deepEqual(compact.result.profiles, full.result.profiles);
    const smdpp = (steps: readonly string[]) =>
      steps.filter((step) => /^eIM (authenticateClient|getBound|handleNotif)/.test(step)).sort();
    const withoutSizes = (steps: readonly string[]) =>
      smdpp(steps).map((step) => step.replace(/\(.*\)/, ''));
    assert.deepEqual(withoutSizes(compact.steps), withoutSizes(full.steps));
    const page = readFileSync(join(top, 'docs', 'wire-budget.md'), 'utf8');
    for (const name of compacted) {
      const [more = 0, less = 0] = [full.up.get(name), compact.up.get(name)];
      assert.ok(less < more, name);
      assert.ok(
        page.includes(`\n| \`${name}\` | ${more} | ${less} |\n`),
        `${name} ${more} ${less}`,
      );
    }
  });
});
