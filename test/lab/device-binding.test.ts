/** The device alone over each binding, with an eIM that serves both, and what it is told where that cannot be. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { addressText } from '../../src/base/address.ts';
import { type EimProcess, startEim, top } from '../../tools/lab/eim-process.ts';
import { labSettings } from '../../tools/lab/eim-settings.ts';
import { labEid } from '../../tools/lab/pki/lab-pki.ts';
import { at } from '../rest/http.ts';
import { newFolder } from '../support/folders.ts';

describe('the device alone', { timeout: 120_000 }, () => {
  const folder = newFolder();
  const told = join(folder, 'add-initial-eim-request.der');
  let eim: EimProcess;
  before(async () => {
    const settings = labSettings(folder, { ports: { coaps: 0, rest: 0 }, https: true });
    eim = await startEim({ folder, settings });
    await eim.command('info', '--out', folder);
  });
  after(() => eim.stop());

  const device = (to: 'coaps' | 'https', ...args: readonly string[]) =>
    run('--eim', addressText(eim[to] ?? eim.coaps), ...args);
  const state = ['--state', join(folder, 'euicc.json')];

  for (const binding of ['https-json', 'https-asn1', 'coaps'] as const) {
    it(`carries out an order over --binding ${binding}, with the eUICC of before`, async () => {
      const order = await eim.command('order', 'profiles', '--eid', labEid);
      const to = binding === 'coaps' ? 'coaps' : 'https';
      const { code, said } = await device(
        ...([to, '--binding', binding, '--add-initial-eim', told] as const),
        ...state,
      );
      assert.equal(code, 0, said);
      assert.match(said, binding === 'coaps' ? /handshake +certificate/ : /handshake +TLS/);
      const associated =
        binding === 'https-json' ? /^associated$/ : /^associatedEimAlreadyExists: .*--state/;
      assert.match(/^AddInitialEim: (.*)$/m.exec(said)?.[1] ?? '', associated);
      const done = await eim.command('order', 'show', String(at(order, 'id')));
      assert.equal(at(done, 'success'), true);
    });
  }

  it('says where to look when the other binding listens there', async () => {
    const { code, said } = await device('coaps', '--binding', 'https-json', ...state);
    assert.equal(code, 1);
    assert.match(said, /^Failed: no connection to the eIM at .*: is https\.enabled on there, /m);
  });

  it('says what to do before its eUICC was told of the eIM', async () => {
    const fresh = ['--state', join(folder, 'fresh.json')];
    const { code, said } = await device('https', '--binding', 'https-json', ...fresh);
    assert.equal(code, 1);
    assert.match(said, /the eUICC was told of no \(D\)TLS key of the eIM.*--add-initial-eim/);
  });

  it('says why the eIM does not know its EID, once a device with a PSK is bound to it', async () => {
    await eim.command('device', 'add', '--identity', 'meter-7', '--eid', labEid);
    const { code, said } = await device('https', '--binding', 'https-asn1', ...state);
    assert.equal(code, 1);
    assert.match(said, /GetEimPackage with eimPackageError eidNotFound: .*is bound to/);
  });
});

function run(...args: readonly string[]): Promise<{ code: unknown; said: string }> {
  const words = ['--import', 'tsx', join(top, 'tools', 'lab', 'main.ts'), 'device', ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, words, { cwd: top }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, said: stdout + stderr }),
    );
  });
}
