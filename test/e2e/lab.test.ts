/** The main job end to end: SM-DP+, `eim serve` as a process, CLI, and a device with real cryptography. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { chooseProfile } from '../../tools/lab/choose-profile.ts';
import { top } from '../../tools/lab/eim-process.ts';
import { type LabOptions, type LabResult, runLab } from '../../tools/lab/lab.ts';
import { linkProfiles } from '../../tools/lab/link/profiles.ts';
import { seededNumbers } from '../../tools/lab/link/seeded.ts';
import { newFolder } from '../support/folders.ts';

const iccid = '89880000000000000017';

function lab(options: Partial<LabOptions> & { size?: number } = {}): Promise<LabResult> {
  const { size, ...rest } = options;
  return runLab({
    ...chooseProfile({ size }),
    auth: 'psk',
    stack: 'own',
    ports: { coaps: 0, rest: 0, smdpp: 0 },
    onStep: () => {},
    ...rest,
  });
}

function landed(result: LabResult, profileBytes: number): void {
  assert.equal(result.ok, true);
  assert.equal(result.download.iccid, iccid);
  assert.equal(result.download.profileBytes, profileBytes);
  const [installed] = result.download.outcome as [
    { profileInstallationResult: { finalResult: string } },
  ];
  assert.equal(installed.profileInstallationResult.finalResult, 'successResult');
  assert.deepEqual(result.enable.outcome, [{ enableResult: 'ok' }]);
  assert.deepEqual(
    result.profiles.map((profile) => [profile.iccid, profile.state]),
    [[iccid, 'enabled']],
  );
}

describe('a profile lands', () => {
  it('over PSK, and the wire table counts each function', async () => {
    const steps: string[] = [];
    const result = await lab({ onStep: ({ what }) => steps.push(what) });
    landed(result, 12288);
    const rows = new Map(result.wire.map((row) => [row.what, row]));
    assert.deepEqual(
      [...rows.keys()].sort(),
      [
        'AuthenticateClient',
        'GetBoundProfilePackage',
        'GetEimPackage',
        'HandleNotification',
        'InitiateAuthentication',
        'ProvideEimPackageResult',
        'handshake',
        'poll',
      ].sort(),
    );
    // Each round trip has a datagram each way; a handshake with a cookie takes three.
    for (const row of result.wire) {
      assert.ok(row.roundTrips >= row.times && row.roundTrips <= row.datagramsUp, row.what);
    }
    assert.equal(rows.get('handshake')?.roundTrips, 3);
    assert.ok((rows.get('GetBoundProfilePackage')?.bytesDown ?? 0) > 12288);
    assert.ok(steps.indexOf('handshake') < steps.indexOf('getBoundProfilePackage'));
  });

  it('of 60k, with the server authenticated by its certificate', async () => {
    landed(await lab({ auth: 'cert', size: 60 * 1024 }), 60 * 1024);
  });

  it("on a stranger's device stack: coap over node-dtls-client", async () => {
    landed(await lab({ stack: 'node-coap' }), 12288);
  });

  for (const [seed, auth] of [
    [1, 'psk'],
    [2, 'cert'],
  ] as const) {
    it(`where 20 % of datagrams are lost, 10 % repeated, 10 % reordered (seed ${seed}, ${auth})`, async () => {
      const link = { profile: linkProfiles.lossy, chance: seededNumbers(seed) };
      landed(await lab({ auth, link }), 12288);
    });
  }
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const words = ['--import', 'tsx', join(top, 'tools', 'lab', 'main.ts'), ...args];
    execFile(process.execPath, words, { cwd: top }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
  });
}

describe('npm run lab', () => {
  it('prints the story, the profiles and the wire table, and ends with 0', async () => {
    const { code, stdout, stderr } = await run();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /IPA +→ eIM +GetEimPackage +profile download trigger/);
    assert.match(stdout, /eIM +→ SM-DP\+ +getBoundProfilePackage +ok/);
    assert.match(stdout, new RegExp(`${iccid} +│ enabled`));
    assert.match(stdout, /handshake +│ +1 │ +3 │ +3 │/);
  });

  it('prints one JSON document with --json', async () => {
    const { code, stdout, stderr } = await run('--json');
    assert.equal(code, 0, stderr);
    landed(JSON.parse(stdout) as LabResult, 12288);
  });

  it('says which step failed and why, and ends with 1', async () => {
    const file = join(newFolder(), 'no-profile.der');
    writeFileSync(file, 'A0030102');
    const human = await run('--profile', file);
    assert.equal(human.code, 1);
    assert.match(human.stderr, /Failed to read the profile: .*no-profile\.der/);
    const json = await run('--json', '--profile', file);
    assert.equal(json.code, 1);
    const { ok, step, why } = JSON.parse(json.stdout) as { ok: boolean; step: string; why: string };
    assert.deepEqual([ok, step], [false, 'read the profile']);
    assert.match(why, /no-profile\.der/);
  });

  it('refuses an option that is wrong, with exit code 2', async () => {
    const { code, stderr } = await run('--size', 'big');
    assert.equal(code, 2);
    assert.match(stderr, /--size .*number of octets/);
  });
});
