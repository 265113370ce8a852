/** The operator's side on the network: a whole eIM whose REST speaks TLS, or refuses to start and says what to do. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Drops, makeLog } from '../../src/base/log.ts';
import { loadConfig } from '../../src/config.ts';
import { type Service, serve } from '../../src/main.ts';
import { newFolder } from '../support/folders.ts';

const lab = (name: string) => fileURLToPath(new URL(`../../certs/lab/${name}`, import.meta.url));
const ca = readFileSync(lab('ci.cert.pem'), 'utf8');
const token = 'correct-horse-battery';
const folder = newFolder();

function start(flags: Readonly<Record<string, unknown>>): Promise<Service> {
  const { config } = loadConfig({
    env: {},
    flags: {
      dataFolder: join(folder, 'data'),
      'coaps.host': '127.0.0.1',
      'coaps.port': 0,
      'rest.host': '0.0.0.0',
      'rest.port': 0,
      ...flags,
    },
  });
  const drops = new Drops();
  return serve(config, { drops, room: (name: string) => makeLog(name, () => {}, drops) });
}

/** The status of a request, and the serial number of the certificate that was shown. */
function ask(url: string, given: string): Promise<{ status?: number; serial: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      ca,
      agent: false,
      headers: { authorization: `Bearer ${given}` },
      checkServerIdentity: () => undefined,
    } as const;
    get(`${url.replace('0.0.0.0', '127.0.0.1')}/v1/info`, options, (response) => {
      const { socket } = response;
      assert.ok(socket instanceof TLSSocket);
      const { serialNumber } = socket.getPeerCertificate();
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode ?? 0, serial: serialNumber }));
    }).on('error', reject);
  });
}

describe('REST on the network', () => {
  let service: Service;
  const certificate = join(folder, 'rest.cert.pem');
  const key = join(folder, 'rest.key.pem');
  before(async () => {
    cpSync(lab('operator-tls.cert.pem'), certificate);
    cpSync(lab('operator-tls.key.pem'), key);
    const flags = { 'rest.certificate': certificate, 'rest.key': key, 'rest.token': token };
    service = await start(flags);
  });
  after(() => service.close());

  it('speaks TLS, and takes its token alone', async () => {
    assert.match(service.rest.url, /^https:/);
    assert.equal((await ask(service.rest.url, token)).status, 200);
    assert.equal((await ask(service.rest.url, `${token}x`)).status, 401);
    const plain = service.rest.url.replace('https', 'http').replace('0.0.0.0', '127.0.0.1');
    await assert.rejects(fetch(`${plain}/healthz`));
  });

  it('shows another certificate once it is read again, and stays with it where the next is none', async () => {
    const before = await ask(service.rest.url, token);
    cpSync(lab('eim-tls.cert.pem'), certificate);
    cpSync(lab('eim-tls.key.pem'), key);
    await service.reload();
    const changed = await ask(service.rest.url, token);
    assert.notEqual(changed.serial, before.serial);
    writeFileSync(key, 'no key');
    const { kept } = await service.reload();
    assert.match(
      kept.map(({ why }) => why).join(),
      /rest\.certificate and rest\.key cannot be used/,
    );
    assert.equal((await ask(service.rest.url, token)).serial, changed.serial);
  });
});

describe('REST on the network, set up wrongly,', () => {
  const files = {
    'rest.certificate': lab('operator-tls.cert.pem'),
    'rest.key': lab('operator-tls.key.pem'),
  };
  const wrong = (flags: Readonly<Record<string, unknown>>, message: RegExp) =>
    assert.rejects(async () => start({ dataFolder: join(folder, 'other'), ...flags }), { message });

  it('does not start without TLS, whatever the token', async () => {
    await wrong({ 'rest.token': token }, /rest\.certificate: must be set, and rest\.key/);
  });

  it('does not start without a token, whatever the certificate', async () => {
    await wrong(
      files,
      /needs a token: set rest\.token, or, on 127\.0\.0\.1, make one of role admin/,
    );
  });

  it('does not start with half a certificate, or a file that is not there', async () => {
    const { 'rest.certificate': certificate } = files;
    await wrong({ 'rest.certificate': certificate, 'rest.token': token }, /rest\.key: must be set/);
    await wrong({ ...files, 'rest.key': join(folder, 'none'), 'rest.token': token }, /rest\.key: /);
    await wrong(
      { ...files, 'rest.key': lab('eum.key.pem'), 'rest.token': token },
      /cannot be used/,
    );
  });

  it('does not start behind a proxy and with a certificate at once', async () => {
    const flags = { ...files, 'rest.behindProxy': true, 'rest.token': token };
    await wrong(flags, /rest\.behindProxy: must be false/);
  });
});
