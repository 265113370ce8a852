/** Who answers the polls: the whole eIM, a server that says each datagram back, and libcoap's; a process each. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hex, toHex, utf8 } from '../../src/base/bytes.ts';
import { Code, MethodCode } from '../../src/coap/codes.ts';
import { OptionNumber, uintOption } from '../../src/coap/options.ts';
import { EimPackageError, GetEimPackageResponse } from '../../src/messages/eim-package.ts';
import { type Eid, eidOctets, parseEid } from '../../src/messages/ids.ts';
import { tlv } from '../../src/messages/tlv.ts';
import { startEim } from '../lab/eim-process.ts';
import { labSettings } from '../lab/eim-settings.ts';
import { psk } from './handshake-kinds.ts';
import { startChild, startLibcoap } from './handshake-servers.ts';
import { type PollingDevice, PollingDevices, type Question } from './polls-devices.ts';

/** A server, and the devices that are connected to it. */
export interface Polled {
  readonly name: 'eIM' | 'echo' | 'libcoap';
  readonly pid: number;
  readonly devices: PollingDevices;
  stop(): Promise<void>;
}

/** What a poll that finds nothing to do is answered with. */
const nothing = GetEimPackageResponse.encode({
  type: 'eimPackageError',
  value: EimPackageError.noEimPackageAvailable,
});
const octetStream = uintOption(OptionNumber.contentFormat, 42);

/** The eIM, with so many devices that have polled before and are connected. */
export async function startPolledEim(count: number): Promise<Polled> {
  const folder = mkdtempSync(join(tmpdir(), 'coap-eim-polls-'));
  const ports = { coaps: 0, rest: 0, smdpp: 0 };
  const settings = labSettings(folder, { ports });
  const eim = await startEim({ folder, settings });
  const file = join(folder, 'devices.csv');
  const fleet = Array.from({ length: count }, (_, i) => eidNumber(i));
  const lines = fleet.map((eid) => `${eid},${toHex(keyOf(eid))},${eid}`);
  writeFileSync(file, ['identity,key,eids', ...lines].join('\n'), { mode: 0o600 });
  await eim.command('device', 'import', file);
  const devices = await PollingDevices.open(fleet.map(poller), eim.coaps.port, { cids: true });
  return {
    name: 'eIM',
    pid: eim.pid,
    devices,
    async stop() {
      devices.close();
      await eim.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Raw UDP: what the devices send comes back as it is. The datagrams are as long as those of a poll. */
export async function startPolledEcho(count: number, octets: number): Promise<Polled> {
  const server = await startChild('echo');
  const request = { ...get, payload: new Uint8Array(Math.max(1, octets - echoHead)).fill(1) };
  const question = { request, response: nothing205() };
  const devices = await PollingDevices.open(asking(count, question), server.port, { plain: true });
  return { name: 'echo', pid: server.pid, devices, stop: stopping(devices, server) };
}

/** coap-server-openssl, which has as many octets to give as the eIM; undefined where it is not installed. */
export async function startPolledLibcoap(count: number): Promise<Polled | undefined> {
  const server = await startLibcoap('openssl', 'psk');
  if (server === undefined) return undefined;
  const question = { request: get, response: nothing205() };
  const devices = await PollingDevices.open(asking(count, question), server.port);
  const stored = await devices.ask({ ...get, code: MethodCode.PUT, payload: nothing });
  if (!stored.code.startsWith('2.')) throw new Error(`libcoap answers PUT with ${stored.code}`);
  return { name: 'libcoap', pid: server.pid, devices, stop: stopping(devices, server) };
}

/** The one resource of coap-server that takes what it is told and tells it again. */
const get: Question['request'] = {
  code: MethodCode.GET,
  options: [{ number: OptionNumber.uriPath, value: utf8('example_data') }],
  payload: new Uint8Array(),
};
/** Octets of such a message without its payload: header, token, Uri-Path, marker. */
const echoHead = 4 + 2 + 13 + 1;

function nothing205(): Question['response'] {
  return { code: Code.content, payload: nothing };
}

function poller(eid: Eid): PollingDevice {
  const request = {
    code: MethodCode.POST,
    options: [{ number: OptionNumber.uriPath, value: utf8('esipa') }, octetStream],
    payload: tlv(0xbf4f, tlv(0x5a, eidOctets(eid))),
  };
  return { identity: eid, key: keyOf(eid), question: { request, response: nothing205() } };
}

function asking(count: number, question: Question): readonly PollingDevice[] {
  return Array.from({ length: count }, () => ({ ...psk, question }));
}

function stopping(devices: PollingDevices, server: { stop(): void }) {
  return async () => {
    devices.close();
    server.stop();
  };
}

/** An EID with its check digits (ISO 7064 mod 97-10). */
function eidNumber(n: number): Eid {
  const number = 890440451184274848000000000000n + BigInt(n);
  return parseEid(`${number * 100n + 98n - ((number * 100n) % 97n)}`);
}

function keyOf(eid: Eid): Uint8Array {
  return hex(createHash('sha256').update(eid).digest('hex').slice(0, 32));
}
