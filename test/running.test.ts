/** An eIM while it runs: what it reads again, whether it is ready, what it counts, how it stops, what its log holds. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { toHex } from '../src/base/bytes.ts';
import { systemClock } from '../src/base/clock.ts';
import { Drops, type LogLine, makeLog, silentLog } from '../src/base/log.ts';
import { systemRandom } from '../src/base/random.ts';
import { CoapClient } from '../src/coap/client.ts';
import { type Config, loadConfig } from '../src/config.ts';
import { DtlsClient } from '../src/dtls/client.ts';
import { type Service, serve } from '../src/main.ts';
import { eidOctets, parseEid } from '../src/messages/ids.ts';
import { tlv } from '../src/messages/tlv.ts';
import { issueTls, type LabCredential, makeLabPki } from '../tools/lab/pki/lab-pki.ts';
import { at } from './rest/http.ts';
import { newFolder } from './support/folders.ts';

const eid = '89049032123451234512345678901235';
const pki = makeLabPki();
const [first, second] = [issueTls(pki, ['one.example']), issueTls(pki, ['two.example'])];
const folder = newFolder();
const file = join(folder, 'eim.yaml');
const [keyFile, certificateFile, ciFile] = ['tls.key.pem', 'tls.pem', 'ci.pem'].map((name) =>
  join(folder, name),
) as [string, string, string];
const lines: LogLine[] = [];
const levels: Config['log'][] = [];
let service: Service;

const pem = (certificate: Uint8Array) => new X509Certificate(certificate).toString();

function show({ key, certificate }: LabCredential): void {
  writeFileSync(keyFile, key.export({ format: 'pem', type: 'pkcs8' }));
  writeFileSync(certificateFile, pem(certificate));
}

function configure(...more: readonly string[]): void {
  const settings = [
    'dataFolder: data',
    'coaps: { host: 127.0.0.1, port: 0 }',
    'rest: { port: 0 }',
    `eim: { tls: { key: ${keyFile}, certificate: ${certificateFile} } }`,
    `euicc: { roots: [${ciFile}] }`,
    ...more,
  ];
  writeFileSync(file, `${settings.join('\n')}\n`);
}

const load = () => loadConfig({ env: {}, file }).config;

before(async () => {
  show(first);
  writeFileSync(ciFile, pem(pki.ci.certificate));
  configure();
  const drops = new Drops();
  const room = (name: string) => makeLog(name, (line) => lines.push(line), drops);
  service = await serve(load(), { drops, room, set: (log) => levels.push(log) }, load);
});
after(() => service.close());

const open: Device[] = [];
after(() => {
  for (const device of open) device.close();
});

/** A device that proves nothing and looks at what the eIM shows. */
class Device {
  /** The eIM's certificate. */
  shown: Uint8Array | undefined;
  readonly #dtls: DtlsClient;
  readonly #coap: CoapClient;
  readonly #socket = createSocket('udp4');

  constructor() {
    const common = { clock: systemClock, random: systemRandom, log: silentLog() };
    this.#dtls = new DtlsClient({
      ...common,
      credential: {
        type: 'certificate',
        trust: ([leaf]) => {
          this.shown = leaf;
        },
      },
      send: (datagram) => this.#socket.send(datagram, service.coaps.port, '127.0.0.1'),
      deliver: (data) => this.#coap.receive(data),
    });
    this.#coap = new CoapClient({ ...common, send: (message) => this.#dtls.send(message) });
    open.push(this);
  }

  async connect(): Promise<this> {
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
    this.#socket.on('message', (datagram) => this.#dtls.receive(datagram));
    await this.#dtls.connect();
    return this;
  }

  async poll(): Promise<void> {
    const body = tlv(0xbf4f, tlv(0x5a, eidOctets(parseEid(eid))));
    const path = ['gsma', 'rsp2', 'asn1'];
    const { code } = await this.#coap.request({ method: 'POST', path, contentFormat: 42, body });
    assert.equal(code, '2.05');
  }

  close(): void {
    this.#coap.close();
    this.#dtls.close();
    this.#socket.close();
  }
}

async function ask(path: string, method = 'GET'): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${service.rest.url}${path}`, { method });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true;
  return { status: answer.status, body: isJson ? JSON.parse(text) : text };
}

const shownBy = async () => toHex((await new Device().connect()).shown ?? new Uint8Array());

describe('a reload', { timeout: 60_000 }, () => {
  let device: Device;

  it('shows a new certificate to whoever connects, and drops no connection', async () => {
    device = await new Device().connect();
    await device.poll();
    assert.equal(toHex(device.shown ?? new Uint8Array()), toHex(first.certificate));
    show(second);
    assert.equal(await shownBy(), toHex(first.certificate), 'not before it is asked for');
    const { kept, restart, applied } = await service.reload();
    assert.deepEqual([kept, restart], [[], []]);
    assert.ok(applied.includes('certificates of the DTLS server'));
    assert.equal(await shownBy(), toHex(second.certificate));
    await device.poll();
    const { body } = await ask('/v1/info');
    assert.equal(at(body, 'tlsCertificate'), pem(second.certificate));
  });

  it('keeps what was before where a file is bad, says so, and takes the rest', async () => {
    writeFileSync(certificateFile, pem(first.certificate)); // of another key
    const from = lines.length;
    const { status, body } = await ask('/v1/reload', 'POST');
    assert.equal(status, 200);
    const [kept, ...more] = at(body, 'kept') as readonly unknown[];
    assert.deepEqual(more, []);
    assert.equal(at(kept, 'part'), 'certificates of the DTLS server');
    assert.match(String(at(kept, 'why')), /is not the certificate of eim\.tls\.key/);
    assert.ok((at(body, 'applied') as readonly unknown[]).includes('trust in eUICCs'));
    const said = lines.slice(from).filter(({ level }) => level === 'error');
    assert.deepEqual(
      said.map(({ event }) => event),
      ['eim: not read again: what was before stays'],
    );
    assert.equal(await shownBy(), toHex(second.certificate));
    await device.poll();
    show(second);
  });

  it('keeps all where the configuration is wrong, naming the line', async () => {
    configure('coap:', '  blockSize: 100');
    const { applied, kept } = await service.reload();
    assert.deepEqual(applied, []);
    assert.equal(kept.length, 1);
    assert.match(kept[0]?.why ?? '', /^coap\.blockSize: must be .*eim\.yaml line 7\)$/);
  });

  it('takes log settings, and names what takes a restart', async () => {
    configure('log: { level: debug, mask: true }', 'orders: { noShow: 90d }');
    const { restart, kept } = await service.reload();
    assert.deepEqual([restart, kept], [['orders.noShow'], []]);
    assert.deepEqual(levels.at(-1), { level: 'debug', mask: true });
    configure();
    assert.deepEqual((await service.reload()).restart, []);
  });

  it('takes roots of eUICCs that are others, and keeps those of before for a file that is none', async () => {
    const roots = async () => at((await ask('/')).body, 'rootCiCertificates');
    const before = JSON.stringify(await roots());
    writeFileSync(ciFile, 'no certificate');
    const { kept } = await service.reload();
    assert.deepEqual(
      kept.map(({ part }) => part),
      ['trust in eUICCs'],
    );
    writeFileSync(ciFile, pem(pki.ci.certificate));
    assert.deepEqual((await service.reload()).kept, []);
    assert.equal(JSON.stringify(await roots()), before);
  });
});

describe('an eIM that is asked how it is', () => {
  it('is alive and ready', async () => {
    assert.deepEqual(await ask('/healthz'), { status: 200, body: { status: 'ok' } });
    const checks = { store: 'ok', coaps: 'ok', stopping: 'ok' };
    assert.deepEqual(await ask('/readyz'), { status: 200, body: { status: 'ready', checks } });
  });

  it('counts by the naming rules of Prometheus, and names no device', async () => {
    const answer = await fetch(`${service.rest.url}/v1/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ eid, steps: [{ listProfileInfo: {} }] }),
    });
    assert.equal(answer.status, 201);
    const { body } = await ask('/metrics');
    const text = String(body);
    const types = new Map(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
    );
    assert.ok(types.size >= 15);
    for (const [name, type] of types) {
      assert.match(name, /^(coap_eim|process)_[a-z0-9_]+$/);
      assert.match(text, new RegExp(`^# HELP ${name} [A-Z].*\\.$`, 'm'));
      assert.equal(name.endsWith('_total'), type === 'counter', name);
      if (type === 'histogram') assert.match(name, /_seconds$/);
      if (/duration|delay/.test(name)) assert.match(name, /_seconds$/);
    }
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    for (const line of samples) {
      assert.match(
        line,
        /^[a-z_]+(\{[a-z]+="(\\.|[^"\\])*"(,[a-z]+="(\\.|[^"\\])*")*\})? (\d[\d.e+-]*|NaN|[+-]Inf)$/,
      );
      assert.doesNotMatch(line.replace(/ \S+$/, ''), /[0-9]{18,}|127\.0\.0\.1/);
    }
    const value = (start: string) =>
      Number(
        samples
          .find((line) => line.startsWith(start))
          ?.split(' ')
          .at(-1),
      );
    assert.ok(
      value('coap_eim_esipa_request_duration_seconds_count{function="getEimPackageRequest"') >= 3,
    );
    assert.ok(value('coap_eim_store_commit_duration_seconds_count{result="ok"}') >= 1);
    assert.equal(value('coap_eim_orders_open{state="new"}'), 1);
    assert.equal(value('coap_eim_orders_submitted_total{facility="psmo"}'), 1);
    assert.ok(
      value('coap_eim_certificate_expiry_timestamp_seconds{certificate="eim.tls"}') > 1.7e9,
    );
  });
});

describe('the log of a running eIM', () => {
  it('holds no activation code, confirmation code, key or token, whatever is done with them', async () => {
    const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
      fetch(`${service.rest.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
    const psk = '5ec4e75ec4e75ec4e75ec4e75ec4e700';
    const activationCode = '1$smdp.example.com$5ECRET-MATCHING-ID';
    const token = '5ecret-token-5ecret-token';
    const download = { activationCode, confirmationCode: '5ecret-confirmation' };
    assert.equal(
      (await post('/v1/devices', { identity: 'meter', key: psk, eids: [eid] })).status,
      201,
    );
    assert.equal((await post('/v1/orders', { eid, steps: [{ download }] })).status, 201);
    // And with mistakes beside them, which are told.
    const authorization = { authorization: `Bearer ${token}` };
    const wrong = [
      await post('/v1/orders', { eid: '1', steps: [{ download }] }, authorization),
      await post('/v1/orders', {
        eid,
        steps: [{ download: { ...download, activationCode: `2${activationCode}` } }],
      }),
      await post('/v1/devices', { identity: 'meter', key: psk, eids: [eid] }),
      await post('/v1/devices', { identity: '', key: `${psk}5ecr`, eids: ['x'] }),
      await post('/v1/devices/meter/rotate', { key: '5ecret' }),
    ];
    for (const { status } of wrong) assert.ok(status >= 400 && status < 500);
    await (await new Device().connect()).poll();
    assert.ok(lines.some(({ level }) => level === 'debug'));
    const said = JSON.stringify(lines);
    assert.ok(said.includes('order submitted'));
    for (const secret of [psk, '5ECRET', '5ecret', 'PRIVATE KEY', token]) {
      assert.ok(!said.includes(secret), secret);
    }
  });
});

describe('promtool', { skip: spawnSync('promtool', ['--version']).error !== undefined }, () => {
  it('finds nothing wrong with the metrics', async () => {
    const { body } = await ask('/metrics');
    const check = spawnSync('promtool', ['check', 'metrics'], { input: String(body) });
    assert.equal(`${check.stdout}${check.stderr}`, '');
    assert.equal(check.status, 0);
  });
});

describe('a stop', () => {
  it('ends in order, and leaves nobody listening', async () => {
    const { url } = service.rest;
    const began = performance.now();
    await service.close();
    assert.ok(performance.now() - began < 5000);
    await assert.rejects(fetch(`${url}/healthz`));
    const errors = lines.filter(({ level }) => level === 'error').map(({ event }) => event);
    assert.deepEqual([...new Set(errors)], ['eim: not read again: what was before stays']);
  });
});
