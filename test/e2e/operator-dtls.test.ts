/** What an operator types about connections and PSKs, at a running eIM with a device that is connected. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { hex, toHex } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Drops, type LogLine, makeLog, silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { CoapClient } from '../../src/coap/client.ts';
import { loadConfig } from '../../src/config.ts';
import { DtlsClient } from '../../src/dtls/client.ts';
import { type Service, serve } from '../../src/main.ts';
import { eidOctets, parseEid } from '../../src/messages/ids.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { command } from '../cli/cli.ts';
import { at } from '../rest/http.ts';
import { newFolder } from '../support/folders.ts';

const eid = parseEid('89049032123451234512345678901235');
const old = '0F1E2D3C4B5A69788796A5B4C3D2E1F0';
const folder = newFolder();
const lines: LogLine[] = [];
let service: Service;

before(async () => {
  const { config } = loadConfig({
    env: {},
    flags: { dataFolder: folder, 'coaps.host': '127.0.0.1', 'coaps.port': 0, 'rest.port': 0 },
  });
  const drops = new Drops();
  const room = (name: string) => makeLog(name, (line) => lines.push(line), drops);
  service = await serve(config, { drops, room });
});
after(() => service.close());

/** Standard output of `eim …`, which must end well. */
async function eim(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await command(args, { env: { EIM_URL: service.rest.url } });
  assert.equal(code, 0, stderr);
  return stdout;
}

const open: Device[] = [];
after(() => {
  for (const device of open) device.close();
});

/** A device with connection IDs, which may go to another port. */
class Device {
  readonly dtls: DtlsClient;
  readonly ended: Promise<string>;
  readonly #coap: CoapClient;
  #socket: Socket | undefined;

  constructor(key: string) {
    let end: (reason: string) => void = () => {};
    this.ended = new Promise((resolve) => {
      end = resolve;
    });
    const common = { clock: systemClock, random: systemRandom, log: silentLog() };
    this.dtls = new DtlsClient({
      ...common,
      credential: { type: 'psk', identity: 'meter-7', key: hex(key) },
      suites: ['TLS_PSK_WITH_AES_128_CCM_8'],
      connectionId: { own: hex('beef') },
      times: { handshake: 2000 },
      send: (datagram) => this.#socket?.send(datagram, service.coaps.port, '127.0.0.1'),
      deliver: (data) => this.#coap.receive(data),
      closed: (reason) => end(reason),
    });
    this.#coap = new CoapClient({ ...common, send: (message) => this.dtls.send(message) });
    open.push(this);
  }

  async move(): Promise<number> {
    this.#socket?.close();
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    socket.on('message', (datagram) => this.dtls.receive(datagram));
    this.#socket = socket;
    return socket.address().port;
  }

  async connect(): Promise<this> {
    await this.move();
    await this.dtls.connect();
    return this;
  }

  async poll(): Promise<void> {
    const body = tlv(0xbf4f, tlv(0x5a, eidOctets(eid)));
    const path = ['gsma', 'rsp2', 'asn1'];
    const { code } = await this.#coap.request({ method: 'POST', path, contentFormat: 42, body });
    assert.equal(code, '2.05');
  }

  close(): void {
    this.#coap.close();
    this.dtls.close();
    this.#socket?.close();
    this.#socket = undefined;
  }
}

/** The connections of the device, as `eim dtls list --json` has them. */
async function connections(): Promise<readonly unknown[]> {
  const list: unknown = JSON.parse(await eim('dtls', 'list', '--identity', 'meter-7', '--json'));
  return at(list, 'connections') as readonly unknown[];
}

const credentialOf = async () => {
  const row = /^meter-7 +(.*)$/m.exec(await eim('device', 'list'));
  return row?.[1] ?? '';
};

describe('an operator, with a device that is connected', { timeout: 120_000 }, () => {
  let device: Device;
  let fresh = '';

  it('sees all that there is to know of its connection', async () => {
    await eim('device', 'add', '--identity', 'meter-7', '--eid', eid, '--psk', old);
    device = await new Device(old).connect();
    await device.poll();
    const port = await device.move();
    await device.poll();
    const [listed, ...more] = await connections();
    assert.deepEqual(more, []);
    const id = String(at(listed, 'id'));
    const table = await eim('dtls', 'list');
    assert.match(table, new RegExp(`^${id} +meter-7 +awake +127\\.0\\.0\\.1:${port} `, 'm'));
    const shown = await eim('dtls', 'show', id);
    for (const line of [
      /^device +meter-7$/m,
      /^credential +psk$/m,
      /^suite +TLS_PSK_WITH_AES_128_CCM_8$/m,
      /^connection ID +[0-9A-F]{16}$/m,
      /^its own +BEEF$/m,
      /^began +20\S+ \(\d+ s ago\)$/m,
      /^last contact +20\S+ \(\d+ s ago\)$/m,
      /^address changes +1$/m,
      // Two hellos, flight 5, two polls; HelloVerifyRequest is not the connection's.
      /^in +4 datagrams, \d+ octets$/m,
      /^out +4 datagrams, \d+ octets$/m,
    ]) {
      assert.match(shown, line);
    }
    assert.ok(!shown.includes(old));
  });

  it('rotates its PSK: the old one lets it in until it has used the new one', async () => {
    [, fresh = ''] = /^PSK +([0-9A-F]{32})$/m.exec(await eim('device', 'rotate', 'meter-7')) ?? [];
    assert.notEqual(fresh, '');
    assert.match(await credentialOf(), /new one not used yet/);
    const again = await new Device(old).connect();
    await again.poll();
    assert.match(await credentialOf(), /new one not used yet/);
    const rotated = await new Device(fresh).connect();
    await rotated.poll();
    assert.doesNotMatch(await credentialOf(), /not used yet/);
    const late = new Device(old);
    await assert.rejects(late.connect());
    const told = lines.find(({ event }) => /does not have the PSK of its identity/.test(event));
    assert.equal(told?.fields.identity, 'meter-7');
    await device.poll(); // a live connection is not asked again
    for (const one of [again, rotated]) one.close();
  });

  it('closes a connection, and the device hears of it', async () => {
    const others = (await connections()).map((connection) => at(connection, 'id'));
    const one = await new Device(fresh).connect();
    await one.poll();
    const before = await connections();
    const id = String(before.map((each) => at(each, 'id')).find((each) => !others.includes(each)));
    assert.equal(await eim('dtls', 'close', id), `closed ${id}\n`);
    await one.ended;
    assert.equal((await connections()).length, before.length - 1);
    await device.poll();
  });

  it('revokes it: its connection ends at once, and no other begins', async () => {
    assert.match(await eim('device', 'revoke', 'meter-7'), /^revoked +20/m);
    await device.ended;
    assert.deepEqual(await connections(), []);
    await assert.rejects(new Device(fresh).connect());
    assert.match(await credentialOf(), /^revoked/);
  });

  it('finds no PSK in the clear, in the log or in the store', async () => {
    await eim('device', 'add', '--identity', 'meter-8', '--psk', old);
    const said = JSON.stringify(lines);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
    assert.ok(
      files.some((file) => file.includes('meter-8')),
      'the store is there to be read',
    );
    for (const key of [old, fresh]) {
      assert.ok(!said.includes(key) && !said.includes(key.toLowerCase()));
      for (const file of files) {
        for (const form of [hex(key), key, toHex(hex(key)).toLowerCase()]) {
          assert.equal(file.indexOf(form), -1);
        }
        assert.equal(file.indexOf(Buffer.from(key, 'hex').toString('base64')), -1);
      }
    }
  });
});
