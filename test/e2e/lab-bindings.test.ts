/** The main job over each binding of ESipa: the same outcomes, and what each costs on the wire. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import {
  type BindingResults,
  bindings,
  runBindings,
  sideBySide,
} from '../../tools/lab/bindings.ts';
import { chooseProfile } from '../../tools/lab/choose-profile.ts';
import { top } from '../../tools/lab/eim-process.ts';
import { runLab } from '../../tools/lab/lab.ts';
import { cells, page, section } from '../docs/markdown.ts';

const job = {
  ...chooseProfile({}),
  auth: 'cert',
  stack: 'own',
  ports: { coaps: 0, rest: 0, smdpp: 0 },
  onStep: () => {},
} as const;

describe('the main job over each binding', { timeout: 180_000 }, () => {
  let results: BindingResults;
  before(async () => {
    results = await runBindings(job);
  });

  it('has the same outcomes', () => {
    const [coaps, ...others] = bindings.map((name) => {
      const { ok, download, enable, profiles } = results[name];
      return { ok, download, enable, profiles };
    });
    assert.deepEqual(coaps?.enable.outcome, [{ enableResult: 'ok' }]);
    assert.equal(coaps?.profiles[0]?.state, 'enabled');
    for (const other of others) assert.deepEqual(other, coaps);
  });

  it('asks the same functions as often', () => {
    const asked = bindings.map((name) =>
      results[name].wire.map(({ what, times }) => [what, times]),
    );
    assert.deepEqual(asked[1], asked[0]);
    assert.deepEqual(asked[2], asked[0]);
  });

  it('costs least over CoAP for a poll, and most in JSON', () => {
    const octets = (name: (typeof bindings)[number], what: string) => {
      const row = results[name].wire.find((one) => one.what === what);
      return (row?.bytesUp ?? 0) + (row?.bytesDown ?? 0);
    };
    for (const what of ['poll', 'GetEimPackage', 'HandleNotification', 'InitiateAuthentication']) {
      assert.ok(octets('coaps', what) < octets('https-asn1', what), what);
      assert.ok(octets('https-asn1', what) < octets('https-json', what), what);
    }
    for (const { what, times, roundTrips } of results['https-json'].wire) {
      // TCP's and that of TLS 1.3; then one each.
      assert.equal(roundTrips, what === 'handshake' ? 2 : times, what);
    }
  });

  it('stands side by side', () => {
    const rows = sideBySide(results);
    assert.equal(rows.length, results.coaps.wire.length + 1);
    for (const row of rows) assert.equal(row.length, 1 + 3 * bindings.length);
    const inAll = rows.at(-1)?.slice(1).map(Number) ?? [];
    for (const [i, total] of inAll.entries()) {
      const sum = rows.slice(0, -1).reduce((all, row) => all + Number(row[i + 1]), 0);
      assert.equal(total, sum);
    }
  });

  it('costs what docs/wire-budget.md says', () => {
    const told = section(page('docs/wire-budget.md'), 'Each binding side by side')
      .text.split('\n')
      .filter((line) => /^\| [`*]/.test(line))
      .map(cells)
      .map(([what = '', ...figures]) => [what.replace(/[`*]/g, ''), ...figures.map(Number)]);
    const found = sideBySide(results).map(([what, ...row]) => [
      what === 'in all' ? 'all' : what,
      ...row,
    ]);
    // Signatures in DER have no fixed length, which base64 makes more of; in all there are several.
    const slack = (what: unknown) => (what === 'all' ? 48 : 12);
    const near = told.map((row, i) =>
      row.map((figure, column) => {
        const real = found[i]?.[column];
        const isOctets = column > 0 && column % 3 !== 0;
        const isNear = Math.abs(Number(figure) - Number(real)) <= slack(row[0]);
        return isOctets && isNear ? real : figure;
      }),
    );
    assert.deepEqual(near, found);
  });

  it('may be of compact forms', async () => {
    const result = await runLab({ ...job, binding: 'https-asn1', minimize: true });
    assert.deepEqual(result.enable.outcome, [{ enableResult: 'ok' }]);
  });
});

describe('npm run lab -- --binding', () => {
  const run = (...args: readonly string[]) =>
    new Promise<{ code: number; stderr: string }>((resolve) => {
      const words = ['--import', 'tsx', join(top, 'tools', 'lab', 'main.ts'), ...args];
      execFile(process.execPath, words, { cwd: top }, (error, _stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stderr });
      });
    });

  for (const [option, ...more] of [
    ['--link', 'nbiot-good'],
    ['--stack', 'node-coap'],
    ['--push'],
    ['--reset', '2'],
  ]) {
    it(`refuses ${option}, which needs CoAP, with exit code 2`, async () => {
      const { code, stderr } = await run('--binding', 'https-asn1', option ?? '', ...more);
      assert.equal(code, 2);
      assert.match(stderr, /needs --binding coaps/);
    });
  }

  it('refuses a binding that there is not', async () => {
    const { code, stderr } = await run('--binding', 'mqtt');
    assert.equal(code, 2);
    assert.match(stderr, /coaps, https-asn1, https-json, all/);
  });
});
