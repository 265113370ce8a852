/**
 * One life of the server of connections.ts, set as `eim serve` sets it. `fill` makes connections through whole
 * handshakes, measures, and waits to be killed. `answer` opens the same store, answers the first record of one device
 * that was connected before the kill, then those of many, and waits to be killed again.
 *
 *   child fill|answer FOLDER COUNT        FOLDER.devices: what some of the devices live on
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Address } from '../../src/base/address.ts';
import { base64, fromBase64, fromUtf8, utf8 } from '../../src/base/bytes.ts';
import type { Clock } from '../../src/base/clock.ts';
import { Drops, makeLog, silentLog } from '../../src/base/log.ts';
import { built } from './built.ts';

const [, , what, folder = '', text = '0'] = process.argv;
const count = Number(text);
const devices = `${folder}.devices`;

/** Devices that are heard of again after the kill. */
const returning = Math.min(count, 1000);
/** Devices that connect, or come back, at a time. */
const atATime = 64;

const { LevelStore } = await built<typeof import('../../src/store/level.ts')>('store/level.js');
const { DtlsServer } = await built<typeof import('../../src/dtls/server.ts')>('dtls/server.js');
const { DtlsClient } = await built<typeof import('../../src/dtls/client.ts')>('dtls/client.js');
const { systemRandom } = await built<typeof import('../../src/base/random.ts')>('base/random.js');
const { systemClock } = await built<typeof import('../../src/base/clock.ts')>('base/clock.js');
const { openConnectionStore } =
  await built<typeof import('../../src/dtls-store.ts')>('dtls-store.js');
const { SecretBox } =
  await built<typeof import('../../src/base/secret-box.ts')>('base/secret-box.js');

const hour = 3_600_000;
const psk = new Uint8Array(16).fill(7);
/** As long as a GetEimPackage that finds nothing. */
const poll = new Uint8Array(24).fill(1);

/** The system's clock, which can be put forward; its alarms are run by hand. */
const alarms = new Set<() => void>();
let ahead = 0;
const clock: Clock = {
  now: () => systemClock.now() + ahead,
  after(_milliseconds, alarm) {
    alarms.add(alarm);
    return () => alarms.delete(alarm);
  },
};

const begin = performance.now();
const store = await LevelStore.open(folder);
const box = new SecretBox({ key: new Uint8Array(32).fill(3), random: systemRandom });
const kept = await openConnectionStore(store, box, systemRandom);
const drops = new Drops();
const clients = new Map<string, InstanceType<typeof DtlsClient>>();
const server = new DtlsServer({
  credentials: { psk: () => [psk] },
  clock,
  random: systemRandom,
  log: makeLog('dtls', () => {}, drops),
  connectionIds: { length: 8 },
  resumption: { lifetime: 24 * hour, tickets: true, ceiling: 100_000, skipCookie: true },
  kept,
  times: { park: 25 * 60_000 }, // later than they are all there
  limits: { connections: 2 * count + 1, awake: 2 * count + 1, halfOpenPerAddress: 10_000 },
  deliver: (peer, data) => peer.send(data),
  send: (datagram, { address, port }) => clients.get(`${address}|${port}`)?.receive(datagram),
});

/** A device with an EID for its name, which polls once and is forgotten; gives what it lives on. */
async function polls(n: number, from: Address, slept?: Uint8Array): Promise<Uint8Array> {
  // A socket gives addresses that are texts of their own.
  const at = { address: fromUtf8(utf8(from.address)), port: from.port };
  const name = `${at.address}|${at.port}`;
  let heard: (data: Uint8Array) => void = () => {};
  const answered = new Promise<Uint8Array>((resolve) => {
    heard = resolve;
  });
  const client = new DtlsClient(
    {
      credential: { type: 'psk', identity: String(firstEid + BigInt(n)), key: psk },
      suites: ['TLS_PSK_WITH_AES_128_CCM_8'],
      connectionId: { own: new Uint8Array() },
      clock: systemClock,
      random: systemRandom,
      log: silentLog(),
      send: (datagram) => server.receive(datagram, at),
      deliver: (data) => heard(data.slice()),
    },
    slept,
  );
  clients.set(name, client);
  if (slept === undefined) await client.connect();
  client.send(poll);
  if (!Buffer.from(await answered).equals(poll)) throw new Error('another answer');
  clients.delete(name);
  return client.sleep();
}

const firstEid = 89044045118427484800000000000000n;

/** Does it for each number up to `many`, some at a time. */
async function each(many: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < many) await work(next++);
  };
  await Promise.all(Array.from({ length: atATime }, lane));
}

function place(n: number, network = 10): Address {
  return { address: `${network}.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, port: 40_000 };
}

if (what === 'fill') await fill();
else await answer();

async function fill(): Promise<void> {
  const slept: string[] = [];
  const empty = await memory();
  await each(count, async (n) => {
    const state = await polls(n, place(n));
    if (n < returning) slept[n] = base64(state);
  });
  const awake = await memory();
  const { awake: many } = server.holds;
  ahead += 29 * 60_000;
  for (const alarm of [...alarms]) {
    alarms.delete(alarm);
    alarm();
  }
  server.receive(new Uint8Array(1), { address: '10.0.0.0', port: 1 });
  // Each is written whole before it sleeps.
  for (let tries = 0; server.holds.asleep < count && tries < 600; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const asleep = await memory();
  const { asleep: parked, sessions } = server.holds;
  if (many !== count || parked !== count) throw new Error(`${many} awake, ${parked} asleep`);
  writeFileSync(devices, JSON.stringify(slept));
  say({
    awake: (awake.octets - empty.octets) / count,
    asleep: (asleep.octets - empty.octets) / count,
    awakeRss: (awake.rss - empty.rss) / count,
    sessions,
  });
}

async function answer(): Promise<void> {
  const slept: string[] = JSON.parse(readFileSync(devices, 'utf8'));
  const states = slept.map(fromBase64);
  const comesBack = async (n: number): Promise<void> => {
    states[n] = await polls(n, place(n, 11), states[n]);
  };
  const opened = performance.now();
  await server.ready();
  await comesBack(0);
  const first = performance.now();
  await each(states.length, comesBack);
  const all = performance.now();
  const found = await server.sweepStore();
  const read = performance.now();
  await store.scrub();
  const { awake, handshakes } = server.holds;
  const dropped = JSON.stringify(drops.all());
  if (awake !== states.length || handshakes > 0 || dropped !== '{}') {
    throw new Error(`${awake} awake, ${handshakes} handshakes, dropped: ${dropped}`);
  }
  writeFileSync(devices, JSON.stringify(states.map(base64)));
  say({
    opening: opened - begin,
    first: first - begin,
    each: (all - first) / states.length,
    reading: read - all,
    found,
  });
}

/** Octets in use, after garbage collection: the heap, and all that is outside of it but known to it. */
async function memory() {
  for (let i = 0; i < 6; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    globalThis.gc?.();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { octets: heapUsed + external, rss };
}

function say(figures: Readonly<Record<string, number>>): void {
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  setInterval(() => {}, 1 << 30); // until it is killed
}
