/** Wireshark reads what devices and the eIM say to each other, connection IDs and all, with the eIM's key log. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Address } from '../../src/base/address.ts';
import { concat, hex, toHex } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Drops, type LogLine, makeLog, silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { CoapClient } from '../../src/coap/client.ts';
import { loadConfig } from '../../src/config.ts';
import type { CipherSuiteName } from '../../src/dtls/cipher-suites.ts';
import { DtlsClient } from '../../src/dtls/client.ts';
import type { ClientCredential } from '../../src/dtls/credentials.ts';
import { type Service, serve } from '../../src/main.ts';
import { eidOctets, parseEid } from '../../src/messages/ids.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { pcapHeader, pcapRecord } from '../../tools/lab/link/pcap.ts';
import { send } from '../rest/http.ts';
import { newFolder } from '../support/folders.ts';
import { needs } from '../support/needs.ts';

const eid = parseEid('89049032123451234512345678901235');
const poll = tlv(0xbf4f, tlv(0x5a, eidOctets(eid)));
const key = hex('000102030405060708090A0B0C0D0E0F');
/** Of the device: what stands in the records that it gets. */
const own = hex('beef');

interface RunningEim {
  readonly service: Service;
  readonly lines: readonly LogLine[];
  readonly keyLog: string;
}

async function startEim(test: TestContext, logsKeys: boolean): Promise<RunningEim> {
  const folder = newFolder();
  const keyLog = join(folder, 'keys.log');
  const { config } = loadConfig({
    env: {},
    flags: {
      dataFolder: join(folder, 'data'),
      'coaps.host': '127.0.0.1',
      'coaps.port': 0,
      'rest.port': 0,
      ...(logsKeys ? { 'dtls.keyLog': keyLog } : {}),
    },
  });
  const drops = new Drops();
  const lines: LogLine[] = [];
  const room = (name: string) => makeLog(name, (line) => lines.push(line), drops);
  const service = await serve(config, { drops, room });
  test.after(() => service.close());
  const device = { identity: 'dev1', key: toHex(key), eids: [eid] };
  assert.equal((await send('POST', `${service.rest.url}/v1/devices`, device)).status, 201);
  return { service, lines, keyLog };
}

/** A device polls, moves to another port, and polls again; every datagram of it, as a capture. */
async function capture(
  { service }: RunningEim,
  credential: ClientCredential,
  suite: CipherSuiteName,
): Promise<Uint8Array> {
  const server: Address = { address: '127.0.0.1', port: service.coaps.port };
  const packets = [pcapHeader()];
  const listen = async () => {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const at: Address = { address: '127.0.0.1', port: socket.address().port };
    socket.on('message', (datagram) => {
      packets.push(pcapRecord(systemClock.now(), server, at, datagram));
      dtls.receive(datagram);
    });
    return { socket, at };
  };
  const common = { clock: systemClock, random: systemRandom, log: silentLog() };
  const dtls: DtlsClient = new DtlsClient({
    ...common,
    credential,
    suites: [suite],
    connectionId: { own },
    send(datagram) {
      packets.push(pcapRecord(systemClock.now(), here.at, server, datagram));
      here.socket.send(datagram, server.port, server.address);
    },
    deliver: (data) => coap.receive(data),
  });
  const coap: CoapClient = new CoapClient({ ...common, send: (message) => dtls.send(message) });
  let here = await listen();
  await dtls.connect();
  assert.ok(dtls.mayMove);
  const path = ['gsma', 'rsp2', 'asn1'];
  for (let n = 0; n < 2; n++) {
    await coap.request({ method: 'POST', path, contentFormat: 42, body: poll });
    here.socket.close();
    if (n === 0) here = await listen();
  }
  coap.close();
  return concat(...packets);
}

/** What tshark makes of a capture: a line for each packet, of these fields. */
function read(
  pcap: Uint8Array,
  port: number,
  keyLog: string | undefined,
  ...fields: readonly string[]
): readonly (readonly string[])[] {
  const file = join(newFolder(), 'capture.pcap');
  writeFileSync(file, pcap);
  const output = execFileSync(
    'tshark',
    [
      ...['-r', file, '-d', `udp.port==${port},dtls`, '-d', `dtls.port==${port},coap`],
      ...(keyLog === undefined ? [] : ['-o', `tls.keylog_file:${keyLog}`]),
      ...['-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t'));
}

describe('tshark', { skip: needs('tshark', '--version'), timeout: 60_000 }, () => {
  const psk: ClientCredential = { type: 'psk', identity: 'dev1', key };
  const anonymous: ClientCredential = { type: 'certificate', trust: () => {} };
  const suites = {
    TLS_PSK_WITH_AES_128_CCM_8: psk,
    TLS_PSK_WITH_AES_128_GCM_SHA256: psk,
    TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: anonymous,
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: anonymous,
  } as const;

  for (const [suite, credential] of Object.entries(suites) as [
    keyof typeof suites,
    ClientCredential,
  ][]) {
    it(`D60: reads a connection with connection IDs, and its key log: ${suite}`, async (test) => {
      const eim = await startEim(test, true);
      const pcap = await capture(eim, credential, suite);
      const { port } = eim.service.coaps;
      const fields = ['dtls.record.connection_id', 'coap.code', 'data.data'];
      const plain = read(pcap, port, eim.keyLog, ...fields);
      const cids = plain.map(([cid]) => cid).filter((cid) => cid !== '');
      const [ours = ''] = cids;
      assert.equal(ours.length, 2 * 8);
      const back = toHex(own).toLowerCase();
      assert.deepEqual(cids, [ours, back, ours, back, ours, back], 'Finished and two polls');
      const codes = plain.map(([, code]) => code).filter((code) => code !== '');
      assert.deepEqual(codes, ['2', '69', '2', '69'], '0.02 and 2.05');
      const sent = plain.filter(([, code]) => code === '2').map(([, , payload]) => payload);
      assert.deepEqual(sent, [toHex(poll).toLowerCase(), toHex(poll).toLowerCase()]);
      const hidden = read(pcap, port, undefined, ...fields);
      assert.ok(hidden.every(([, code]) => code === ''));
      // The secrets of another connection are no help.
      const other = join(newFolder(), 'other.log');
      const lines = readFileSync(eim.keyLog, 'utf8').replace(/ \w{96}$/gm, ` ${'00'.repeat(48)}`);
      writeFileSync(other, lines);
      assert.ok(read(pcap, port, other, ...fields).every(([, code]) => code === ''));
    });
  }
});

describe('the key log', () => {
  it('is loud, in the NSS format, and for its owner alone to read', async (test) => {
    const eim = await startEim(test, true);
    await capture(eim, { type: 'psk', identity: 'dev1', key }, 'TLS_PSK_WITH_AES_128_CCM_8');
    const lines = readFileSync(eim.keyLog, 'utf8').split('\n');
    assert.equal(
      lines.filter((line) => /^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}$/.test(line)).length,
      1,
    );
    assert.equal(statSync(eim.keyLog).mode & 0o777, 0o600);
    const warnings = eim.lines.filter(({ level }) => level === 'warn').map(({ event }) => event);
    assert.ok(warnings.some((event) => /secrets of ALL connections/.test(event)));
    assert.ok(warnings.some((event) => /secret of a connection was written/.test(event)));
  });

  it('is off where nobody asks for it', async (test) => {
    const eim = await startEim(test, false);
    await capture(eim, { type: 'psk', identity: 'dev1', key }, 'TLS_PSK_WITH_AES_128_CCM_8');
    assert.ok(!existsSync(eim.keyLog));
    assert.ok(!eim.lines.some(({ event }) => /secrets? of/.test(event)));
  });
});
