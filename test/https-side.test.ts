/** A whole eIM with its devices' side over HTTPS: what it says of that, and what it counts. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hex, toHex } from '../src/base/bytes.ts';
import { Drops, type LogLine, makeLog } from '../src/base/log.ts';
import { loadConfig } from '../src/config.ts';
import { type Service, serve } from '../src/main.ts';
import { EimConfigurationData } from '../src/messages/eco.ts';
import { weaknesses } from '../src/weaknesses.ts';
import { asn1Headers, Line, request } from './esipa/https-door.ts';
import { eid } from './procedures/euicc.ts';
import { newFolder } from './support/folders.ts';

const certs = fileURLToPath(new URL('../certs/lab/', import.meta.url));

function configOf(settings: Readonly<Record<string, unknown>>) {
  return loadConfig({
    env: {},
    flags: {
      dataFolder: newFolder(),
      'coaps.host': '127.0.0.1',
      'coaps.port': 0,
      'rest.port': 0,
      'https.host': '127.0.0.1',
      'https.port': 0,
      'eim.tls.key': join(certs, 'eim-tls.key.pem'),
      'eim.tls.certificate': join(certs, 'eim-tls.cert.pem'),
      'euicc.roots': [join(certs, 'ci.cert.pem')],
      ...settings,
    },
  }).config;
}

interface Running {
  readonly service: Service;
  readonly lines: readonly LogLine[];
}

async function start(
  test: TestContext,
  settings: Readonly<Record<string, unknown>>,
): Promise<Running> {
  const drops = new Drops();
  const lines: LogLine[] = [];
  const room = (name: string) => makeLog(name, (line) => lines.push(line), drops);
  const service = await serve(configOf(settings), { drops, room });
  test.after(() => service.close());
  return { service, lines };
}

interface Info {
  readonly https?: { readonly port: number; readonly tls: boolean };
  readonly warnings: readonly string[];
  readonly eimConfigurationData: string;
}

async function infoOf({ service }: Running): Promise<Info> {
  const response = await fetch(`${service.rest.url}/v1/info`);
  return (await response.json()) as Info;
}

function protocolsOf({ eimConfigurationData }: Info): readonly string[] | undefined {
  return EimConfigurationData.decode(hex(eimConfigurationData)).eimSupportedProtocol;
}

describe('an eIM over HTTPS', () => {
  it('is there when it is enabled, and eUICCs are told', async (test) => {
    const running = await start(test, { 'https.enabled': true });
    const info = await infoOf(running);
    assert.deepEqual(info.https, { ...running.service.https, tls: true });
    assert.ok((info.https?.port ?? 0) > 0);
    assert.deepEqual(info.warnings, []);
    const page: unknown = await (await fetch(running.service.rest.url)).json();
    assert.equal(Reflect.get(Object(page), 'esipaPort'), info.https?.port);
    assert.deepEqual(protocolsOf(info), ['eimRetrieveHttps', 'eimRetrieveCoaps']);
    const ready = running.lines.find(({ event }) => event === 'eim: ready');
    assert.equal(ready?.fields.https, `127.0.0.1:${info.https?.port}`);
  });

  it('is not there by default, and eUICCs are told of CoAP alone', async (test) => {
    const running = await start(test, {});
    const info = await infoOf(running);
    assert.equal(running.service.https, undefined);
    assert.equal(info.https, undefined);
    assert.deepEqual(protocolsOf(info), ['eimRetrieveCoaps']);
  });

  it('is loud where TLS is off: at the start, and in its info', async (test) => {
    const running = await start(test, { 'https.enabled': true, 'https.tls': false });
    const info = await infoOf(running);
    assert.equal(info.https?.tls, false);
    assert.match(info.warnings.join(), /https\.tls is off/);
    const warned = running.lines.filter(({ level }) => level === 'warn').map(({ event }) => event);
    assert.ok(warned.some((event) => event.startsWith('https: https.tls is off')));
  });

  it('is not loud where nothing is served', () => {
    assert.deepEqual(weaknesses(configOf({ 'https.tls': false })), []);
  });

  it('warns where DTLS lets nobody in without proof, and HTTPS does', async (test) => {
    const strict = { 'https.enabled': true, 'dtls.allowAnonymous': false };
    const warning = /dtls\.allowAnonymous is false, and over HTTPS/;
    const { lines } = await start(test, strict);
    assert.ok(lines.some(({ level, event }) => level === 'warn' && warning.test(event)));
    const both = await start(test, { ...strict, 'https.clientAuthentication': 'required' });
    assert.ok(!both.lines.some(({ event }) => warning.test(event)));
  });

  it('counts connections and answers', async (test) => {
    const { service } = await start(test, { 'https.enabled': true, 'https.tls': false });
    const line = await Line.open({ port: service.https?.port ?? 0 });
    test.after(() => line.end());
    const poll = request('/gsma/rsp2/asn1', asn1Headers, hex(`BF4F125A10${eid}`));
    const heard = await line.ask(poll);
    // Nobody has ordered anything for it.
    assert.equal(toHex(heard?.body ?? new Uint8Array()), 'BF4F03020102');
    assert.equal((await line.ask(request('/', {})))?.status, 404);
    const metrics = await (await fetch(`${service.rest.url}/metrics`)).text();
    assert.match(metrics, /^coap_eim_https_connections 1$/m);
    assert.match(metrics, /^coap_eim_https_requests_total\{status="200"\} 1$/m);
    assert.match(metrics, /^coap_eim_https_requests_total\{status="404"\} 1$/m);
    assert.match(metrics, /^coap_eim_dropped_total\{room="https",reason="request refused"\} 1$/m);
  });

  it('does not start where its port is taken', async (test) => {
    const { service } = await start(test, { 'https.enabled': true });
    await assert.rejects(
      start(test, { 'https.enabled': true, 'https.port': service.https?.port ?? 0 }),
      { name: 'HttpsServerError' },
    );
  });

  it('asks for no certificates without TLS', () => {
    assert.throws(
      () => configOf({ 'https.tls': false, 'https.clientAuthentication': 'optional' }),
      {
        message: /https\.clientAuthentication: must be none, since https\.tls is off/,
      },
    );
  });

  it('may be the only side where anchors of devices are for', () => {
    const anchors = { 'dtls.clientAnchors': [join(certs, 'ci.cert.pem')] };
    const asked = { ...anchors, 'https.clientAuthentication': 'optional' };
    assert.throws(() => configOf(anchors), { name: 'ConfigError' });
    assert.throws(() => configOf(asked), { name: 'ConfigError' });
    assert.ok(configOf({ ...asked, 'https.enabled': true }));
  });
});
