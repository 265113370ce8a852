/**
 * What each kind of handshake costs on the wire, and what the first poll after a day of sleep costs with and without
 * one. Counted at the device's UDP socket.
 */
import type { Address } from '../../src/base/address.ts';
import { fullHandshakes, fullPsk, type WireKind } from './wire-kinds.ts';
import {
  type Row,
  type Wire,
  WireDevice,
  WireServer,
  type WireServerOptions,
} from './wire-server.ts';
import { strangersHandshakes } from './wire-strangers.ts';

export interface WireBenchOptions {
  readonly json?: boolean;
}

interface Handshake {
  readonly name: string;
  readonly without: Wire;
  /** With a connection ID for what the device sends, and none for what it receives. */
  readonly withCid: Wire;
}

const day = 24 * 3_600_000;
const home: Address = { address: '192.0.2.1', port: 40_000 };
/** After the NAT has forgotten the device. */
const otherPort: Address = { ...home, port: 40_001 };
const otherAddress: Address = { address: '198.51.100.2', port: 50_000 };

const cidLength = 8;

/** Devices that have to begin anew after their sleep. */
const slept = ['PSK', 'Certificate, secp256r1'];

export async function benchWire({ json = false }: WireBenchOptions): Promise<void> {
  const handshakes: Handshake[] = [];
  const kinds = fullHandshakes();
  for (const kind of kinds) {
    handshakes.push({
      name: kind.name,
      without: await full(kind, false),
      withCid: await full(kind, true),
    });
  }
  for (const [name, tickets, skipCookie] of [
    ['PSK, resumed by ID', false, false],
    ['PSK, resumed by ID, no cookie', false, true],
    ['PSK, resumed by ticket', true, false],
    ['PSK, resumed by ticket, no cookie', true, true],
  ] as const) {
    const resumed = (cid: boolean) => resume({ tickets, skipCookie, cid });
    handshakes.push({ name, without: await resumed(false), withCid: await resumed(true) });
  }
  const firstPolls = await pollsAfterADay(kinds);
  const strangers = await strangersHandshakes();
  if (json) {
    process.stdout.write(`${JSON.stringify({ handshakes, firstPolls, strangers }, null, 2)}\n`);
  } else print(handshakes, firstPolls, strangers);
}

function serverOf(kind: WireKind, skipCookie: boolean, cid: boolean): WireServerOptions {
  return {
    credentials: kind.server,
    ...(cid ? { connectionIds: { length: cidLength } } : {}),
    resumption: { lifetime: 7 * day, tickets: true, ceiling: 100, skipCookie },
  };
}

function wishesOf({ device }: WireKind, cid: boolean) {
  return { ...device, ...(cid ? { connectionId: { own: new Uint8Array() } } : {}) };
}

/** A device's first handshake. */
async function full(kind: WireKind, cid: boolean): Promise<Wire> {
  const server = await WireServer.start(serverOf(kind, false, cid));
  const device = await WireDevice.at(home, server, wishesOf(kind, cid));
  await device.dtls.connect();
  const wire = { ...device.wire };
  await device.poll(); // it works
  await device.leave();
  await stop(server);
  return wire;
}

/** A device's second handshake, from the same IP address. */
async function resume(how: {
  readonly tickets: boolean;
  readonly skipCookie: boolean;
  readonly cid: boolean;
}): Promise<Wire> {
  const server = await WireServer.start(serverOf(fullPsk, how.skipCookie, how.cid));
  const device = await resuming(server, how.tickets, how.cid, otherPort);
  const wire = { ...device.wire };
  await device.poll();
  await device.leave();
  await stop(server);
  return wire;
}

/** A device that had a connection at home, and has resumed its session from `from`. */
async function resuming(
  server: WireServer,
  tickets: boolean,
  cid: boolean,
  from: Address,
  kind = fullPsk,
): Promise<WireDevice> {
  const wishes = { ...wishesOf(kind, cid), tickets };
  const before = await WireDevice.at(home, server, wishes);
  await before.dtls.connect();
  await before.poll();
  const { session } = before.dtls;
  if (session === undefined) throw new Error('no session to resume');
  await before.leave();
  server.pass(day);
  const device = await WireDevice.at(from, server, { ...wishes, resume: session });
  await device.dtls.connect();
  if (!device.dtls.resumed) throw new Error('the session was not resumed');
  return device;
}

/** The poll of a device that has slept for a day while the NAT forgot it, and what it needs first. */
async function pollsAfterADay(kinds: readonly WireKind[]): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const kind of kinds.filter(({ name }) => slept.includes(name))) {
    const server = await WireServer.start(serverOf(kind, true, false));
    const device = await WireDevice.at(otherAddress, server, wishesOf(kind, false));
    await device.dtls.connect();
    rows.push(await polled(`${kind.name}, full handshake`, device));
    await stop(server);
  }
  for (const [name, tickets, from] of [
    ['resumed by ticket, another IP address', true, otherAddress],
    ['resumed by ID, another IP address', false, otherAddress],
    ['resumed by ticket, another port', true, otherPort],
    ['resumed by ID, another port', false, otherPort],
  ] as const) {
    const server = await WireServer.start(serverOf(fullPsk, true, false));
    rows.push(await polled(name, await resuming(server, tickets, false, from)));
    await stop(server);
  }
  for (const restarts of [false, true]) {
    const server = await WireServer.start(serverOf(fullPsk, true, true));
    const before = await WireDevice.at(home, server, wishesOf(fullPsk, true));
    await before.dtls.connect();
    await before.poll();
    await before.leave();
    const state = before.dtls.sleep();
    server.pass(day);
    if (restarts) await server.restart();
    const device = await WireDevice.at(otherAddress, server, wishesOf(fullPsk, true), state);
    const name = restarts ? 'connection ID, server restarted meanwhile' : 'connection ID';
    rows.push(await polled(name, device));
    await stop(server);
  }
  return rows;
}

async function polled(name: string, device: WireDevice): Promise<Row> {
  await device.poll();
  const { wire } = device;
  await device.leave();
  return { name, ...wire };
}

/** A server that dropped something did not have the conversation that was to be counted. */
async function stop(server: WireServer): Promise<void> {
  const drops = JSON.stringify(server.drops);
  await server.close();
  if (drops !== '{}') throw new Error(`the server dropped: ${drops}`);
}

function print(
  handshakes: readonly Handshake[],
  firstPolls: readonly Row[],
  strangers: readonly Row[],
): void {
  const lines = [
    '| Handshake | Datagrams ↑ | Datagrams ↓ | Octets ↑ | Octets ↓ | with ID ↑ | with ID ↓ | Round trips |',
    '|---|---:|---:|---:|---:|---:|---:|---:|',
    ...handshakes.map(({ name, without, withCid }) => {
      const cids = [withCid.octetsUp, withCid.octetsDown];
      return row(name, [...octetsOf(without), ...cids, without.roundTrips]);
    }),
    '',
    ...headOf('First poll after a day'),
    ...firstPolls.map(plainRow),
    ...(strangers.length === 0 ? [] : ['', ...headOf("Handshake of another's client")]),
    ...strangers.map(plainRow),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function headOf(what: string): readonly string[] {
  const head = `| ${what} | Datagrams ↑ | Datagrams ↓ | Octets ↑ | Octets ↓ | Round trips |`;
  return [head, '|---|---:|---:|---:|---:|---:|'];
}

function plainRow(wire: Row): string {
  return row(wire.name, [...octetsOf(wire), wire.roundTrips]);
}

function octetsOf({ datagramsUp, datagramsDown, octetsUp, octetsDown }: Wire): readonly number[] {
  return [datagramsUp, datagramsDown, octetsUp, octetsDown];
}

function row(name: string, cells: readonly number[]): string {
  return `| ${[name, ...cells].join(' | ')} |`;
}
