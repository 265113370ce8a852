/**
 * One life of the server of connections.ts. `fill` makes connections through whole handshakes and waits to be killed;
 * `answer` opens the same store and answers the first record of one of them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Address } from '../../src/base/address.ts';
import type { Clock } from '../../src/base/clock.ts';
import { built } from './built.ts';

const [, , what, folder = '', text = '0'] = process.argv;
const count = Number(text);
const secret = `${folder}.device`;

const { LevelStore } = await built<typeof import('../../src/store/level.ts')>('store/level.js');
const { DtlsServer } = await built<typeof import('../../src/dtls/server.ts')>('dtls/server.js');
const { DtlsClient } = await built<typeof import('../../src/dtls/client.ts')>('dtls/client.js');
const { silentLog } = await built<typeof import('../../src/base/log.ts')>('base/log.js');
const { systemRandom } = await built<typeof import('../../src/base/random.ts')>('base/random.js');
const { systemClock } = await built<typeof import('../../src/base/clock.ts')>('base/clock.js');
const { openConnectionStore } =
  await built<typeof import('../../src/dtls-store.ts')>('dtls-store.js');
const { SecretBox } =
  await built<typeof import('../../src/base/secret-box.ts')>('base/secret-box.js');

const psk = new Uint8Array(16).fill(7);
const settle = () => new Promise((resolve) => setImmediate(resolve));
const memory = (): number => {
  for (let i = 0; i < 4; i++) globalThis.gc?.();
  const { heapUsed, arrayBuffers, external } = process.memoryUsage();
  return heapUsed + Math.max(arrayBuffers, external);
};

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
const clients = new Map<string, InstanceType<typeof DtlsClient>>();
let delivered: (() => void) | undefined;
const server = new DtlsServer({
  credentials: { psk: () => [psk] },
  clock,
  random: systemRandom,
  log: silentLog(),
  connectionIds: { length: 8 },
  kept,
  times: { park: 25 * 60_000 }, // later than they are all there
  limits: { connections: 2 * count, awake: 2 * count, halfOpenPerAddress: 10_000 },
  deliver: (peer, data) => {
    peer.send(data);
    delivered?.();
  },
  send: (datagram, { address, port }) => clients.get(`${address}|${port}`)?.receive(datagram),
});

/** A device with an EID for its name, and a client that it forgets once it has connected. */
function device(n: number, at: Address, slept?: Uint8Array) {
  const client = new DtlsClient(
    {
      credential: {
        type: 'psk',
        identity: `${89044045118427484800000000000000n + BigInt(n)}`,
        key: psk,
      },
      suites: ['TLS_PSK_WITH_AES_128_CCM_8'],
      connectionId: { own: new Uint8Array() },
      clock: systemClock,
      random: systemRandom,
      log: silentLog(),
      send: (datagram) => server.receive(datagram, at),
      deliver: () => {},
    },
    slept,
  );
  clients.set(`${at.address}|${at.port}`, client);
  return client;
}

if (what === 'fill') {
  const empty = memory();
  for (let n = 0; n < count; n++) {
    const at = { address: `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, port: 40_000 };
    const client = device(n, at);
    await client.connect();
    client.send(new Uint8Array(20));
    await settle();
    if (n === 0) writeFileSync(secret, client.sleep());
    clients.clear();
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const awake = memory();
  const { awake: many } = server.holds;
  ahead += 29 * 60_000;
  for (const alarm of [...alarms]) {
    alarms.delete(alarm);
    alarm();
  }
  server.receive(new Uint8Array(1), { address: '10.0.0.0', port: 1 });
  await settle();
  const { asleep, asleepOctets } = server.holds;
  if (many !== count || asleep !== count) throw new Error(`${many} awake, ${asleep} asleep`);
  const sleeping = memory();
  say({
    'awake, octets of memory each': Math.round((awake - empty) / count),
    'asleep, octets of memory each': Math.round((sleeping - empty) / count),
    'asleep, octets of the slabs each': Math.round(asleepOctets / count),
  });
} else {
  const opened = performance.now();
  await server.ready();
  const ready = performance.now();
  const answered = new Promise<void>((resolve) => {
    delivered = resolve;
  });
  device(0, { address: '198.51.100.1', port: 1 }, readFileSync(secret)).send(new Uint8Array(20));
  await answered;
  const done = performance.now();
  const swept = performance.now();
  const left = await server.sweepStore();
  const sweptFor = performance.now() - swept;
  await store.scrub();
  say({
    'opening the store after the kill, ms': Math.round(opened - begin),
    'then until the first answer, ms': Math.round((done - ready) * 10) / 10,
    'found in the store': left,
    'looking through all of it, ms (behind the work)': Math.round(sweptFor),
  });
}

function say(figures: Readonly<Record<string, number>>): void {
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  setInterval(() => {}, 1 << 30); // until it is killed
}
