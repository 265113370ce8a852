/**
 * `eim serve` and whom it believes of servers: es9.* of the configuration file reach every connection outward. Shown
 * with revocation lists, which a start fetches by the same way as SM-DP+s are asked.
 */
import assert from 'node:assert/strict';
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { issueCrl } from '../../tools/lab/pki/crl.ts';
import { issueTls, makeLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { type FakeSmdp, startFakeSmdp } from '../es9/fake-smdp.ts';
import { command, start } from './cli.ts';

const names = ['plain', 'pinned', 'mispinned', 'revoked', 'public'].map((it) => `${it}.example`);
const pki = makeLabPki();
const tls = issueTls(pki, names);
const now = Date.now();
const list = (revoked: readonly Uint8Array[]) =>
  issueCrl(pki.ci, {
    revoked,
    thisUpdate: new Date(now - 3_600_000),
    nextUpdate: new Date(now + 3_600_000),
  });

let folder = '';
let server: FakeSmdp;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'coap-eim-trust-'));
  server = await startFakeSmdp(tls, (_, response) => response.end(list([])));
});
after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** Where nobody listens. */
const last = 'https://127.0.0.1:1/last.crl';

/** Starts an eIM with this file, lets it fetch, and gives what it wrote. */
async function served(name: string, yaml: object): Promise<string> {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, JSON.stringify(yaml));
  const serving = start([
    'serve',
    ...['--config', file, '--data', join(folder, name), '--coaps-host', '127.0.0.1'],
    ...['--coaps-port', '0', '--rest-port', '0'],
  ]);
  // It asks one after the other: this one fails, so all have been asked then.
  await serving.says(last);
  serving.kill('SIGTERM');
  const { code, stderr } = await serving.ended;
  assert.equal(code, 0, stderr);
  return stderr;
}

describe('es9 in the configuration file', () => {
  it('routes names, and checks pins, CRLs and roots of each', async () => {
    writeFileSync(join(folder, 'ci.pem'), new X509Certificate(pki.ci.certificate).toString());
    writeFileSync(join(folder, 'all.crl'), list([tls.certificate]));
    const info = createPublicKey(tls.key).export({ format: 'der', type: 'spki' });
    const pin = createHash('sha256').update(info).digest('hex');
    const route = { address: '127.0.0.1', port: server.port };
    const own = { ...route, ca: 'ci.pem' };
    const stderr = await served('hosts', {
      euicc: { roots: ['ci.pem'], crls: [...names.map((name) => `https://${name}/ci.crl`), last] },
      es9: {
        hosts: {
          'plain.example': own,
          'pinned.example': { ...own, pins: [pin] },
          'mispinned.example': { ...own, pins: ['00'.repeat(32)] },
          'revoked.example': { ...own, crls: ['all.crl'] },
          'public.example': { ...route, publicRoots: true },
        },
      },
    });
    const lines = stderr.split('\n').filter((line) => line.includes('list cannot be read'));
    const complaints = names.map((name) => {
      const line = lines.find((one) => one.includes(`//${name}/`));
      return line === undefined ? undefined : String(JSON.parse(line).why);
    });
    const due = [undefined, undefined, /none of the pinned/, /revoked/, /name its root/];
    for (const [i, pattern] of due.entries()) {
      if (pattern === undefined) assert.equal(complaints[i], undefined, names[i]);
      else assert.match(complaints[i] ?? '', pattern, names[i]);
    }
    assert.equal(server.received.length, 2);
    assert.doesNotMatch(stderr, /WARNING/);
  });

  it('insecure believes anybody, and is said on the start whatever the log level is', async () => {
    const asked = server.received.length;
    const stderr = await served('insecure', {
      log: { level: 'info' },
      es9: {
        insecure: true,
        hosts: { 'plain.example': { address: '127.0.0.1', port: server.port } },
      },
      euicc: { crls: ['https://plain.example/ci.crl', last] },
    });
    assert.match(stderr, /^WARNING: es9\.insecure: TLS certificates .* are not checked/m);
    assert.equal(server.received.length, asked + 1);
    const silent = join(folder, 'silent.yaml');
    writeFileSync(silent, 'es9: {insecure: true}\nlog: {level: silent}\n');
    const data = ['--data', join(folder, 'silent'), '--coaps-port', '0', '--rest-port', '0'];
    const serving = start(['serve', '--config', silent, ...data]);
    await serving.says('WARNING: es9.insecure');
    serving.kill('SIGKILL');
    await serving.ended;
  });

  it('is refused with a file that holds no CRL', async () => {
    writeFileSync(join(folder, 'none.crl'), 'nothing');
    const file = join(folder, 'none.yaml');
    writeFileSync(file, 'es9: {crls: [none.crl]}\n');
    const args = ['serve', '--config', file, '--data', join(folder, 'none')];
    const { code, stderr } = await command(args);
    assert.equal(code, 2);
    assert.match(stderr, /es9\.crls: .*none\.crl: a CRL is neither PEM nor DER/);
  });
});
