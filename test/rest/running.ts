/** An operator's side over a store in memory, listening on a free loopback port, with the rooms behind it at hand. */

import { systemClock } from '../../src/base/clock.ts';
import type { ConnectionFacts } from '../../src/base/connection-facts.ts';
import type { TlsTrust } from '../../src/base/introduction.ts';
import { silentLog } from '../../src/base/log.ts';
import { Metrics } from '../../src/base/metrics.ts';
import { Devices } from '../../src/fleet/devices.ts';
import { Euiccs } from '../../src/fleet/euiccs.ts';
import { Quirks } from '../../src/fleet/quirks.ts';
import { parseEid } from '../../src/messages/ids.ts';
import type { Order, Outcome } from '../../src/orders/order.ts';
import { Orders } from '../../src/orders/orders.ts';
import type {
  Desk,
  Info,
  Notification,
  Notifications,
  PeerConnections,
} from '../../src/rest/desk.ts';
import { type RestOptions, type RestServer, startRest } from '../../src/rest/server.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { EimSigner } from '../../src/trust/eim-signer.ts';
import { loadLabPki } from '../../tools/lab/pki/lab-pki.ts';
import { testBox } from '../support/box.ts';
import { seededRandom } from '../support/seeded.ts';

/** EID of the facts sheet's vectors; its check digits fit. */
export const eid = parseEid('89044045118427484800000000011628');
/** Another; made up, with check digits that fit. */
export const otherEid = parseEid('89033023427000000000000000000123');
/** The key that the eIM signs with, as its EimConfigurationData has it. */
export const ownKey = EimSigner.of(loadLabPki().eimSign.key).publicKeyInfo;
export const activationCode = '1$smdp.example.com:8443$TS48V1-A';
/** The ICCID of the facts sheet, as in EF.ICCID and as printed. */
export const efIccid = '989444999999990920F3';
export const iccid = '8949449999999990023';

export const info: Info = {
  version: '0.1.0',
  hostname: 'testhost',
  started: Date.UTC(2026, 0, 1),
  eimId: 'eIM-test',
  eimFqdn: 'eim.example.com',
  coaps: { host: '127.0.0.1', port: 5684 },
  eimConfigurationData: Uint8Array.of(0x30, 0x00),
  addInitialEimRequest: Uint8Array.of(0xbf, 0x57, 0x02, 0xa0, 0x00),
  eimCertificate: '-----BEGIN CERTIFICATE-----\neim\n-----END CERTIFICATE-----\n',
  tlsCertificate: '-----BEGIN CERTIFICATE-----\ntls\n-----END CERTIFICATE-----\n',
  rootCiCertificates: ['-----BEGIN CERTIFICATE-----\nci\n-----END CERTIFICATE-----\n'],
  counterValue: 1,
  consumerEuicc: false,
  drops: { 'dtls: bad record': 3 },
  warnings: ['es9.insecure: nothing is checked'],
};

/** Connections as the DTLS room would have them. */
export function knownConnections(): PeerConnections {
  const known = new Map(
    [1, 2, 3].map((n): [string, ConnectionFacts] => [
      `6D6A5C1E0F3B9A27C4D8E00${n}`,
      {
        id: `6D6A5C1E0F3B9A27C4D8E00${n}`,
        state: n === 1 ? 'asleep' : 'awake',
        address: { address: '192.0.2.1', port: 40_000 + n },
        credential: n === 3 ? { type: 'anonymous' } : { type: 'psk', identity: `dev${n}` },
        suite: 'TLS_PSK_WITH_AES_128_CCM_8',
        ...(n === 3 ? {} : { cid: `0${n}85D1AC0FFEE00${n}`, peerCid: 'BEEF' }),
        began: Date.UTC(2026, 0, n),
        lastContact: Date.UTC(2026, 1, n),
        moves: n,
        datagramsIn: 10 * n,
        datagramsOut: 9 * n,
        octetsIn: 1000 * n,
        octetsOut: 900 * n,
        drops: n === 2 ? { 'record received before': 4 } : {},
      },
    ]),
  );
  return {
    holds: { handshakes: 4, awake: 2, asleep: 1, sessions: 5 },
    connections: () => known.values(),
    connection: (id) => known.get(id),
    end: (match) => [...known.values()].filter((one) => match(one) && known.delete(one.id)).length,
  };
}

/** Notifications as the procedures would have them: the first waits, the second was refused. */
export function keptNotifications(): Notifications {
  const received = Date.UTC(2026, 0, 1);
  const one = (seqNumber: number, rest: Partial<Notification>): Notification => ({
    id: `${eid}-${seqNumber}-smdp.example.com`,
    eid,
    seqNumber,
    operation: 'notificationEnable',
    iccid: efIccid,
    address: 'smdp.example.com',
    announcedAddress: 'smdp.example.com',
    state: 'waiting',
    received,
    tries: 0,
    pendingNotification: Uint8Array.of(0x30, 0),
    ...rest,
  });
  const lastTry = received + 60_000;
  const tried = { tries: 2, lastTry, nextTry: lastTry + 240_000, reason: 'HTTP status 503' };
  const no = 'the SM-DP+ refuses it: 8.10.1/3.9 unknown';
  const all = [
    one(4, tried),
    one(5, { state: 'refused', tries: 1, lastTry, reason: no }),
    one(6, {}),
  ];
  const known = new Map(all.map((notification) => [notification.id, notification]));
  return {
    list: async ({ eid: of, state, after, limit }) =>
      [...known.values()]
        .filter((it) => (of === undefined || it.eid === of) && (state ?? it.state) === it.state)
        .filter(({ id }) => after === undefined || id > after)
        .slice(0, limit),
    get: async (id) => known.get(id),
    // The SM-DP+ takes what it has not refused.
    retry: async (id) => {
      if (known.get(id)?.state === 'waiting') known.delete(id);
      return known.get(id);
    },
    drop: async (id) => known.delete(id),
  };
}

export interface Running {
  readonly url: string;
  readonly desk: Desk & { readonly orders: Orders; readonly quirks: Quirks };
  readonly rest: RestServer;
  close(): Promise<void>;
}

/** The rooms below, as some other test has them, with the rest of the desk made up. */
export function deskOf<Rooms extends Omit<Desk, keyof ReturnType<typeof madeUp>>>(rooms: Rooms) {
  return { ...madeUp(), ...rooms };
}

const madeUp = () => ({
  dtls: knownConnections(),
  notifications: keptNotifications(),
  running: {
    readiness: async () => ({
      ready: true,
      checks: { store: 'ok', coaps: 'ok', stopping: 'ok' },
    }),
    reload: async () => ({ at: 0, applied: ['log'], kept: [], restart: [] }),
  },
  metrics: new Metrics(),
  packageLimit: 4096,
  signingKeys: [ownKey],
  // Another octet where the key is to be trusted: enough to tell the two apart.
  info: (trust?: TlsTrust) =>
    trust === 'key' ? { ...info, eimConfigurationData: Uint8Array.of(0x30, 0x01) } : info,
});

export function serveRest(desk: Desk, options: Partial<RestOptions> = {}): Promise<RestServer> {
  return startRest(desk, {
    host: '127.0.0.1',
    port: 0,
    behindProxy: false,
    requestRate: 10_000,
    requestBurst: 10_000,
    keysKept: 60_000,
    bodyLimit: 65_536,
    waitLimit: 10_000,
    waiters: 4,
    grace: 10_000,
    ...options,
  });
}

export async function run(
  options: Partial<RestOptions> = {},
  store: Store = new MemoryStore(),
): Promise<Running> {
  const common = { store, clock: systemClock, log: silentLog() };
  const desk = deskOf({
    store,
    orders: new Orders({ ...common, random: seededRandom(1), box: testBox() }),
    euiccs: new Euiccs(common),
    quirks: new Quirks(common),
    devices: await Devices.open({ ...common, box: testBox() }),
    metrics: new Metrics(),
    clock: systemClock,
    random: seededRandom(2),
    log: common.log,
  });
  const rest = await serveRest(desk, options);
  return { url: rest.url, desk, rest, close: () => rest.close() };
}

/** The device fetches an order. */
export function fetched({ desk }: Running, order: { readonly id: string }): Promise<Order> {
  const now = desk.clock.now();
  return desk.orders.fetched(order.id, {
    eimTransactionId: desk.random(16),
    eimPackage: Uint8Array.of(0xbf, 0x54, 0x00),
    first: now,
    last: now,
    deliveries: 1,
  });
}

/** The device brings an order's result. */
export function finished(
  { desk }: Running,
  order: { readonly id: string },
  outcome: Outcome,
  success = true,
): Promise<Order> {
  const reason = success ? '' : 'the SM-DP+ refused: 8.2.6/3.8';
  return desk.orders.finish(order.id, { success, outcome: [outcome], reason });
}
