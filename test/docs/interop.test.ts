/** docs/interop.md, line for line, with the lab's SM-DP+ in the stranger's place: free ports, a folder of the test's own. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { chooseProfile } from '../../tools/lab/choose-profile.ts';
import { startEim } from '../../tools/lab/eim-process.ts';
import { type LabPki, loadLabPki, makeLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { type Smdpp, startSmdpp } from '../../tools/lab/smdpp/smdpp.ts';
import { newFolder } from '../support/folders.ts';
import { needs } from '../support/needs.ts';
import { blocks, page, section, top } from './markdown.ts';
import { settingsIn } from './shell.ts';

const exec = promisify(execFile);
const timeout = 120_000;
const interop = page('docs/interop.md');
const blocksOf = (heading: string) => blocks(section(interop, heading)).map(({ text }) => text);
const skip = needs('openssl', 'version');

/** A stand-in for the stranger, under the name that the page has for it. */
async function smdppNamed(test: TestContext, name: string, pki: LabPki): Promise<Smdpp> {
  const common = { clock: systemClock, random: systemRandom, log: silentLog() };
  const smdpp = await startSmdpp({ pki, name, ...common });
  test.after(() => smdpp.close());
  return smdpp;
}

function release(smdpp: Smdpp, matchingId: string): void {
  const { upp, iccid } = chooseProfile({ size: 3000 });
  const metadata = { iccid, serviceProviderName: 'Stranger', profileName: 'Stranger' };
  smdpp.addProfile({ upp, metadata, matchingId, reusable: true });
}

/** A shell of the page, once the eIM of one of its blocks runs. */
async function walk(test: TestContext, folder: string, smdpp: Smdpp) {
  const port = String(smdpp.listening.port);
  const moved = (text: string) =>
    text
      .replaceAll('8443', port)
      .replaceAll('sgp26/', `${join(folder, 'sgp26')}/`)
      .replaceAll(`data/${join(folder, 'sgp26')}`, join(folder, 'data', 'sgp26'))
      .replaceAll(/(?<![/\w])data\//g, `${join(folder, 'data')}/`);
  let eim: Awaited<ReturnType<typeof startEim>> | undefined;
  return {
    async serve(script = ''): Promise<void> {
      eim = await startEim({
        folder,
        settings: {
          ...settingsIn(moved(script)),
          dataFolder: join(folder, 'store'),
          'coaps.host': '127.0.0.1',
          'coaps.port': 0,
          'rest.port': 0,
        },
      });
      const running = eim;
      test.after(() => running.stop());
    },
    async shell(script = ''): Promise<string> {
      const text = moved(script)
        .replaceAll('npm run eim --', 'eim')
        .replaceAll('npm run lab --', 'lab')
        .replaceAll('npm run certs --', 'certs')
        .replace('alias eim=', ': ')
        .replaceAll('5684', String(eim?.coaps.port ?? 0));
      const names = `eim() { node dist/cli/main.js "$@"; }
lab() { node --import tsx tools/lab/main.ts "$@"; }
certs() { node --import tsx tools/lab/pki/make.ts "$@"; }
`;
      const env = { ...process.env, EIM_URL: eim?.rest ?? '', NO_COLOR: '1' };
      const { stdout } = await exec('sh', ['-e', '-c', names + text], { cwd: top, env });
      return stdout;
    },
  };
}

/** What of SGP.26's archive the page asks for; the keys are this test's own. */
function archive(folder: string, pki: LabPki): void {
  mkdirSync(folder);
  const put = (name: string, content: string | Uint8Array) =>
    writeFileSync(join(folder, name), content);
  put('CERT_CI_ECDSA_NIST.der', pki.ci.certificate);
  put('CERT_EUM_ECDSA_NIST.der', pki.eum.certificate);
  put('CERT_EUICC_ECDSA_NIST.der', pki.euicc.certificate);
  put('SK_EUICC_ECDSA_NIST.pem', pki.euicc.key.export({ format: 'pem', type: 'sec1' }));
}

describe('interop.md', { timeout, skip }, () => {
  it('lands a profile of an SM-DP+ with certificates like those of SGP.26', async (test) => {
    const folder = newFolder();
    const pki = makeLabPki();
    archive(join(folder, 'sgp26'), pki);
    const smdpp = await smdppNamed(test, 'testsmdpplus1.example.com', pki);
    release(smdpp, 'TS48V1');
    const [convert, serving, operator, device, direct] = blocksOf(
      'One with the test certificates of SGP.26',
    );
    const { shell, serve } = await walk(test, folder, smdpp);
    await shell(convert);
    await serve(serving);
    await shell(operator);
    const said = await shell(device);
    assert.match(said, /HandleNotification +ok/);
    assert.match(said, /│ 89880000000000000017 │ disabled │/);
    const eid = '89049032123451234512345678901235';
    await shell(`eim order delete --eid ${eid} --iccid 89880000000000000017`);
    await shell(operator?.split('\n').at(-2));
    const again = await shell(direct);
    assert.match(again, /IPA +→ SM-DP\+ +getBoundProfilePackage +ok/);
    assert.match(again, /│ 89880000000000000017 │ disabled │/);
  });

  it('lands a profile of an SM-DP+ with a private root', async (test) => {
    const folder = newFolder();
    const [make, smdppAlone, serving, lands] = blocksOf('One with a private root');
    assert.match(smdppAlone ?? '', /^npm run lab -- smdpp --pki data\/private --name smdp\./);
    const certificates = join(folder, 'data', 'private');
    await exec(
      process.execPath,
      ['--import', 'tsx', 'tools/lab/pki/make.ts', ...wordsAfter(make, '--', certificates)],
      { cwd: top },
    );
    const pki = loadLabPki(certificates);
    const smdpp = await smdppNamed(test, 'smdp.example.com', pki);
    release(smdpp, 'LAB');
    const { shell, serve } = await walk(test, folder, smdpp);
    await serve(serving);
    const said = await shell(lands);
    assert.match(said, /HandleNotification +ok/);
    assert.match(said, /│ 89880000000000000017 │ disabled │/);
    assert.equal(new X509Certificate(pki.dpAuth.certificate).subjectAltName?.includes('77'), true);
  });
});

/** The words of `npm run certs -- --out data/private …`, with the folder in place of the page's. */
function wordsAfter(script: string | undefined, mark: string, folder: string): string[] {
  const words = (script ?? '').trim().split(/\s+/);
  return words
    .slice(words.indexOf(mark) + 1)
    .map((word) => (word === 'data/private' ? folder : word));
}
