/** The requests of docs/https.md, against an eIM that is set as its first command says. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type EimProcess, startEim } from '../../tools/lab/eim-process.ts';
import { labSettings } from '../../tools/lab/eim-settings.ts';
import { labEid } from '../../tools/lab/pki/lab-pki.ts';
import { at } from '../rest/http.ts';
import { newFolder } from '../support/folders.ts';
import { needs } from '../support/needs.ts';
import { blocks, page, section, top } from './markdown.ts';
import { commandsIn, invocationOf } from './shell.ts';

const exec = promisify(execFile);
const https = page('docs/https.md');
const asking = blocks(section(https, 'Asking'));
const skip = needs('curl', '--version');

describe('docs/https.md', { skip, timeout: 60_000 }, () => {
  const folder = newFolder();
  let eim: EimProcess;
  before(async () => {
    const [first] = blocks(https);
    const { args = [] } = invocationOf(commandsIn(first?.text ?? '')[0] ?? []) ?? {};
    const set = Object.fromEntries(
      args.filter((_, i) => args[i - 1] === '--set').map((pair) => pair.split('=')),
    );
    assert.deepEqual(set, { 'https.enabled': 'true', 'https.port': '8000' });
    const settings = labSettings(folder, { ports: { coaps: 0, rest: 0 } });
    const local = { 'https.host': '127.0.0.1', 'https.port': 0 };
    eim = await startEim({ folder, settings: { ...settings, ...set, ...local } });
    // The eIM knows the EID from its first order on.
    const order = await eim.command('order', 'profiles', '--eid', labEid);
    await eim.command('order', 'cancel', String(at(order, 'id')));
    mkdirSync(join(folder, 'for-device'));
    const info = await eim.command('info');
    const pem = String(at(info, 'tlsCertificate'));
    writeFileSync(join(folder, 'for-device', 'tls-certificate.pem'), pem);
  });
  after(() => eim.stop());

  it('has curl ask in JSON and in ASN.1, and says what is answered', async () => {
    const [commands, answer] = asking;
    const script = (commands?.text ?? '')
      .replaceAll('localhost:8000', `localhost:${eim.https?.port}`)
      .replaceAll('data/', `${folder}/`);
    const { stdout } = await exec('sh', ['-e', '-c', script], { cwd: top });
    const [json = '', octets = ''] = stdout.split(/(?<=\})\s*(?=bf| bf)/);
    assert.equal(json.trim(), answer?.text.trim());
    assert.equal(octets.replace(/\s/g, '').toUpperCase(), 'BF4F03020101');
    assert.ok(https.text.includes('`BF4F03020101`'));
  });
});
