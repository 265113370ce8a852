/**
 * The eIM that the examples of the API are of: the rooms behind the routes as they are in any eIM, over a store in
 * memory, with a clock that is turned by hand and no chance at all. Nothing of it reaches a device or a disk.
 */
import { createHash, createPublicKey } from 'node:crypto';
import { concat, hex, toHex, utf8 } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import type { ConnectionFacts } from '../../base/connection-facts.ts';
import { makeLog } from '../../base/log.ts';
import { Metrics } from '../../base/metrics.ts';
import type { Random } from '../../base/random.ts';
import { SecretBox, secretKeyLength } from '../../base/secret-box.ts';
import { Devices } from '../../fleet/devices.ts';
import { Euiccs } from '../../fleet/euiccs.ts';
import { Quirks } from '../../fleet/quirks.ts';
import { EimConfigurationData, EimIdType, generateAssociationToken } from '../../messages/eco.ts';
import { AddInitialEimRequest } from '../../messages/es10.ts';
import { parseEid, parseIccid } from '../../messages/ids.ts';
import { Orders } from '../../orders/orders.ts';
import { MemoryStore } from '../../store/memory.ts';
import type { Desk, Info, Notification } from '../desk.ts';

/** Made up; their check digits fit. */
export const eid = parseEid('89044045118427484800000000011628');
export const otherEid = parseEid('89033023427000000000000000000123');
export const efIccid = parseIccid('989444999999990920F3');
export const smdp = 'smdp.example.com';

/** The generator of P-256 (SEC 2, 2.4.2), as a key: nobody has the private one to it but all. */
const generator = hex(
  '04 6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296' +
    '4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5',
);
const publicKeyInfo = concat(
  hex('3059 3013 06072A8648CE3D0201 06082A8648CE3D030107 034200'),
  generator,
);

export interface ExampleEim {
  readonly desk: Desk;
  readonly orders: Orders;
  readonly euiccs: Euiccs;
  readonly quirks: Quirks;
  /** The clock goes on by so many seconds. */
  pass(seconds: number): void;
  /** A stop begins. */
  stop(): void;
}

export async function exampleEim(version: string): Promise<ExampleEim> {
  let now = Date.UTC(2027, 0, 31, 12);
  let stopping = false;
  const clock: Clock = { now: () => now, after: () => () => {} };
  const random = foreseeable();
  const log = makeLog('examples', () => {});
  const store = new MemoryStore();
  const box = new SecretBox({ key: new Uint8Array(secretKeyLength), random });
  const common = { store, clock, log };
  const orders = new Orders({ ...common, random, box });
  const euiccs = new Euiccs(common);
  const quirks = new Quirks(common);
  const connections = new Map([[connection.id, connection]]);
  const notifications = new Map([[notification.id, notification]]);
  const desk: Desk = {
    ...{ store, clock, log, random, orders, euiccs, quirks },
    devices: await Devices.open({ ...common, box }),
    dtls: {
      holds: { handshakes: 0, awake: 1, asleep: 0, sessions: 1 },
      connections: () => connections.values(),
      connection: (id) => connections.get(id),
      end: (match) => [...connections.values()].filter(match).length,
    },
    notifications: {
      list: async () => [...notifications.values()],
      get: async (id) => notifications.get(id),
      retry: async (id) => notifications.get(id),
      drop: async (id) => notifications.has(id),
    },
    running: {
      readiness: async () => ({
        ready: !stopping,
        checks: { store: 'ok', coaps: 'ok', stopping: stopping ? 'a stop has begun' : 'ok' },
      }),
      reload: async () => ({
        at: now,
        applied: ['trust in SM-DP+s', 'log level'],
        kept: [{ part: 'certificate of the REST API', why: 'rest.certificate: no such file' }],
        restart: ['coap.port'],
      }),
    },
    metrics: new Metrics(),
    packageLimit: 4096,
    signingKeys: [publicKeyInfo],
    info: () => infoOf(version),
  };
  return {
    desk,
    orders,
    euiccs,
    quirks,
    pass: (seconds) => {
      now += 1000 * seconds;
    },
    stop: () => {
      stopping = true;
    },
  };
}

/** The same octets each time. */
function foreseeable(): Random {
  let draws = 0;
  return (length) => {
    draws++;
    const text = utf8(`example ${draws}`);
    return new Uint8Array(createHash('shake256', { outputLength: length }).update(text).digest());
  };
}

function infoOf(version: string): Info {
  const told: EimConfigurationData = {
    eimId: 'eim.example.com',
    eimFqdn: 'eim.example.com:5684',
    eimIdType: EimIdType.eimIdTypeFqdn,
    counterValue: 1,
    associationToken: generateAssociationToken,
    eimPublicKeyData: { type: 'eimPublicKey', value: publicKeyInfo },
    trustedPublicKeyDataTls: { type: 'trustedEimPkTls', value: publicKeyInfo },
    eimSupportedProtocol: ['eimRetrieveCoaps'],
    indirectProfileDownload: true,
  };
  return {
    version,
    hostname: 'eim-1',
    started: Date.UTC(2027, 0, 30, 8),
    eimId: 'eim.example.com',
    eimFqdn: 'eim.example.com:5684',
    coaps: { host: '0.0.0.0', port: 5684 },
    eimConfigurationData: EimConfigurationData.encode(told),
    addInitialEimRequest: AddInitialEimRequest.encode({ eimConfigurationDataList: [told] }),
    eimCertificate: createPublicKey({
      key: Buffer.from(publicKeyInfo),
      format: 'der',
      type: 'spki',
    })
      .export({ format: 'pem', type: 'spki' })
      .toString(),
    tlsCertificate: shortened,
    rootCiCertificates: [shortened],
    counterValue: 1,
    consumerEuicc: false,
    drops: { 'dtls: bad record': 3 },
    warnings: [],
  };
}

/** A certificate would be a screen of base64. */
const shortened = '-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n';

const connection: ConnectionFacts = {
  id: '6D6A5C1E0F3B9A27C4D8E001',
  state: 'awake',
  address: { address: '192.0.2.7', port: 40_112 },
  credential: { type: 'psk', identity: 'meter-17' },
  suite: 'TLS_PSK_WITH_AES_128_CCM_8',
  cid: '0185D1AC0FFEE001',
  began: Date.UTC(2027, 0, 31, 11, 58),
  lastContact: Date.UTC(2027, 0, 31, 11, 59, 30),
  moves: 1,
  datagramsIn: 41,
  datagramsOut: 39,
  octetsIn: 5120,
  octetsOut: 18_204,
  drops: { 'record received before': 2 },
};

const notification: Notification = {
  id: `${eid}-4-${smdp}`,
  eid,
  seqNumber: 4,
  operation: 'notificationEnable',
  iccid: efIccid,
  address: smdp,
  announcedAddress: smdp,
  state: 'waiting',
  received: Date.UTC(2027, 0, 31, 11),
  tries: 2,
  lastTry: Date.UTC(2027, 0, 31, 11, 5),
  nextTry: Date.UTC(2027, 0, 31, 12, 5),
  reason: 'HTTP status 503',
  pendingNotification: hex('3000'),
};

/** The eUICC's key, as PATCH takes it. */
export const euiccPoint = toHex(generator);
