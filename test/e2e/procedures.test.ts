/** Every way to a profile, end to end, under the test root and under a private one; the eUICC is asked what it holds. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { top } from '../../tools/lab/eim-process.ts';
import { procedures, proceduresNamed } from '../../tools/lab/procedures/procedures.ts';
import {
  type ProcedureResult,
  type RunOptions,
  runProcedure,
} from '../../tools/lab/procedures/run.ts';
import { World } from '../../tools/lab/procedures/world.ts';

const held = ({ euicc }: ProcedureResult) => euicc.map(({ state }) => state).sort();

for (const pki of ['sgp26', 'private']) {
  describe(`procedures under the root: ${pki}`, () => {
    let world: World;
    before(async () => {
      world = await World.open({ pki });
    });
    after(() => world.close());

    async function run(name: keyof typeof procedures, options: Partial<RunOptions> = {}) {
      const steps: string[] = [];
      const onStep: RunOptions['onStep'] = ({ from, to, what }) => {
        steps.push(`${from} ${to} ${what}`);
      };
      const procedure = procedures[name];
      const result = await runProcedure(world, { name, procedure, onStep, ...options });
      return { ...result, steps };
    }

    it('indirect-ac: nothing but the eIM speaks with the SM-DP+', async () => {
      const result = await run('indirect-ac');
      assert.equal(result.ok, true, result.order.reason);
      assert.deepEqual(held(result), ['disabled']);
      assert.equal(result.smdp, 'installed');
      assert.ok(result.steps.includes('eIM SM-DP+ getBoundProfilePackage'));
      assert.ok(!result.steps.some((step) => step.startsWith('IPA SM-DP+')));
    });

    it('indirect-lean: the trigger names no SM-DP+, and the eIM checks what it is left to', async () => {
      const result = await run('indirect-lean');
      assert.equal(result.ok, true, result.order.reason);
      assert.deepEqual(held(result), ['disabled']);
    });

    for (const name of ['indirect-ac', 'direct-ac'] as const) {
      it(`${name}: a profile of more than 64 kB`, async () => {
        const result = await run(name, { size: 80_000 });
        assert.equal(result.ok, true, result.order.reason);
        assert.deepEqual(held(result), ['disabled']);
      });
    }

    it('indirect-smds: the eIM asks the SM-DS, and the SM-DP+ deletes its event', async () => {
      const result = await run('indirect-smds');
      assert.equal(result.ok, true, result.order.reason);
      assert.deepEqual(held(result), ['disabled']);
      assert.ok(result.steps.includes('eIM SM-DS authenticateClient'));
      assert.ok(result.steps.includes('SM-DP+ SM-DS deleteEvent'));
    });

    for (const name of ['direct-ac', 'direct-default', 'direct-smds'] as const) {
      it(`${name}: the device itself asks; the eIM hears of it`, async () => {
        const result = await run(name);
        assert.equal(result.ok, true, result.order.reason);
        assert.deepEqual(held(result), ['disabled']);
        assert.equal(result.smdp, 'installed');
        assert.ok(result.steps.includes('IPA SM-DP+ getBoundProfilePackage'));
        assert.ok(!result.steps.some((step) => step.startsWith('eIM SM-DP+')));
        if (name === 'direct-smds') assert.ok(result.steps.includes('SM-DP+ SM-DS deleteEvent'));
      });
    }

    it('whole: downloaded, enabled, and the device is back', async () => {
      const result = await run('whole');
      assert.equal(result.ok, true, result.order.reason);
      assert.deepEqual(held(result), ['disabled', 'enabled']);
    });

    for (const name of ['indirect-ac', 'direct-ac'] as const) {
      it(`${name} with the confirmation code that the SM-DP+ asks for`, async () => {
        const result = await run(name, { confirmationCode: '271828' });
        assert.equal(result.ok, true, result.order.reason);
        assert.deepEqual(held(result), ['disabled']);
      });

      it(`${name} not with another`, async () => {
        const result = await run(name, { confirmationCode: '271828', typedCode: '314159' });
        assert.equal(result.order.success, false);
        assert.equal(result.order.state, 'done');
        assert.deepEqual(held(result), []);
      });
    }

    for (const [name, procedure] of proceduresNamed('cancel') ?? []) {
      it(`${name}: the order says why, and the eUICC holds nothing`, async () => {
        const result = await runProcedure(world, { name, procedure, onStep: () => {} });
        assert.equal(result.ok, true, result.order.reason);
        assert.match(result.order.reason, new RegExp(procedure.cancels ?? 'none'));
        const open = ['postponed', 'timeout'].includes(procedure.cancels ?? '');
        assert.equal(result.smdp, open ? 'released' : 'error');
      });
    }
  });
}

describe('npm run lab -- --procedure', () => {
  const run = (...args: readonly string[]) =>
    new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      const words = ['--import', 'tsx', join(top, 'tools', 'lab', 'main.ts'), ...args];
      execFile(process.execPath, words, { cwd: top }, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
    });

  it('all: each sequence, each wire table, and at the end procedures × outcome', async () => {
    const { code, stdout, stderr } = await run('--procedure', 'all');
    assert.equal(code, 0, stdout + stderr);
    for (const name of [...Object.keys(procedures), 'cancel postponed']) {
      assert.match(stdout, new RegExp(`\\n${name}: `));
      assert.match(stdout.slice(stdout.lastIndexOf('│ procedure')), new RegExp(`│ ${name} `));
    }
    assert.equal(stdout.match(/│ device ↔ eIM/g)?.length, stdout.match(/^[a-z].*: /gm)?.length);
  });

  for (const binding of ['https-asn1', 'https-json']) {
    it(`over ${binding}: each with the same outcome`, async () => {
      const { code, stdout } = await run('--procedure', 'all', '--binding', binding, '--json');
      const { procedures: results } = JSON.parse(stdout) as { procedures: ProcedureResult[] };
      assert.deepEqual(
        results.filter(({ ok }) => !ok),
        [],
      );
      assert.equal(code, 0);
    });
  }

  it('with --json: one document', async () => {
    const { code, stdout } = await run('--procedure', 'direct-ac', '--pki', 'private', '--json');
    assert.equal(code, 0);
    const { ok, procedures: results } = JSON.parse(stdout) as {
      ok: boolean;
      procedures: ProcedureResult[];
    };
    assert.equal(ok, true);
    assert.deepEqual(
      results.map(({ procedure, euicc }) => [procedure, euicc.length]),
      [['direct-ac', 1]],
    );
  });

  it('ends with 1 where a fault keeps the profile away, and says what came of it', async () => {
    const fault = ['--smdpp-fault', 'refuse:8.2.6/3.8@authenticateClient'];
    const { code, stdout } = await run('--procedure', 'indirect-ac', ...fault);
    assert.equal(code, 1);
    assert.match(stdout, /│ indirect-ac │ failed \(!\) │/);
    assert.match(stdout, /│ nothing │/);
  });

  it('refuses codes and faults of servers without a procedure', async () => {
    const { code, stderr } = await run('--confirmation-code', '1234');
    assert.equal(code, 2);
    assert.match(stderr, /need --procedure/);
  });

  it('refuses all bindings at once', async () => {
    const { code, stderr } = await run('--procedure', 'cancel', '--binding', 'all');
    assert.equal(code, 2);
    assert.match(stderr, /goes over one --binding/);
  });
});
