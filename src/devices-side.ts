/**
 * The devices' side: one UDP socket, DTLS on it, CoAP in that, ESipa in that; and the connections that the eIM opens
 * itself to push orders.
 */
import type { Clock } from './base/clock.ts';
import type { Log } from './base/log.ts';
import type { Random } from './base/random.ts';
import type { SecretBox } from './base/secret-box.ts';
import { CoapServer } from './coap/server.ts';
import { type CoapDevice, coapDevice, identityOf } from './coap-device.ts';
import { coapOptions } from './coap-options.ts';
import { coapStore } from './coap-store.ts';
import type { Config } from './config.ts';
import { DtlsServer } from './dtls/server.ts';
import { suiteProfiles } from './dtls/suite-profiles.ts';
import { dtlsCredentials, keyLogTo, lastingOptions } from './dtls-options.ts';
import { forgetConnections, openConnectionStore } from './dtls-store.ts';
import { handleEsipa } from './esipa/coap.ts';
import { esipaRepeats } from './esipa/repeats.ts';
import type { LiveIdentity } from './live-identity.ts';
import type { Logging } from './logging.ts';
import { Outward, type OutwardPeer, type OutwardTarget } from './outward.ts';
import type { Eim } from './procedures/eim.ts';
import { Pushes } from './procedures/pushes.ts';
import { type ReachOptions, routesTo } from './reach.ts';
import { every } from './recurring.ts';
import { listenUdp, type UdpSocket } from './udp.ts';

export interface DevicesSideOptions {
  readonly config: Config;
  readonly identity: Pick<LiveIdentity, 'now' | 'certificates'>;
  readonly eim: Eim;
  /** Of the secrets in the store. */
  readonly box: SecretBox;
  readonly clock: Clock;
  readonly random: Random;
  readonly logging: Logging;
  /** Told how each part is let go of, in the order in which they came up. */
  opened(close: () => unknown): void;
}

export interface DevicesSide {
  readonly dtls: DtlsServer;
  readonly coap: CoapServer<CoapDevice>;
  /** Where devices are listened for, as bound. */
  readonly address: { readonly host: string; readonly port: number };
}

const hour = 3600 * 1000;

/** Listens for devices. Throws UdpError, ConfigError, StoreError. */
export async function startDevicesSide(options: DevicesSideOptions): Promise<DevicesSide> {
  const { config, identity, eim, box, clock, random, logging } = options;
  const { store, devices } = eim;
  const log = logging.room('eim');
  const coap = new CoapServer<CoapDevice>({
    handle: (request) => handleEsipa(eim, config.esipa, request.peer.caller, request),
    clock,
    random,
    log: logging.room('coap'),
    store: coapStore(store, box, config.coap.answersPerDevice),
    repeats: esipaRepeats(config.esipa.reportKept),
    ...coapOptions(config),
  });
  options.opened(() => coap.close());
  let socket: UdpSocket | undefined;
  if (!config.dtls.persist) await forgetConnections(store);
  const dtls = new DtlsServer({
    credentials: dtlsCredentials(config, identity, devices, log),
    suites: config.dtls.suites ?? suiteProfiles[config.dtls.profile],
    groups: config.dtls.groups,
    clock,
    random,
    log: logging.room('dtls'),
    mtu: config.dtls.mtu,
    limits: {
      halfOpen: config.dtls.handshakes,
      halfOpenPerAddress: config.dtls.handshakesPerAddress,
      ecdhePerAddress: config.dtls.ecdhePerAddress,
      strangersPerAddress: config.dtls.strangersPerAddress,
      connections: config.dtls.connections,
      awake: config.dtls.awake,
    },
    times: {
      handshake: config.dtls.handshakeTimeout,
      park: config.dtls.parkAfter,
      idle: config.dtls.idleLifetime,
    },
    ...lastingOptions(config),
    ...(config.dtls.persist ? { kept: await openConnectionStore(store, box, random) } : {}),
    ...(config.dtls.keyLog === undefined ? {} : { keyLog: keyLogTo(config.dtls.keyLog, log) }),
    deliver: (peer, data) => {
      const proved = identityOf(peer.credential);
      // Revoked while its handshake was under way.
      if (proved !== undefined && !devices.stands(proved)) peer.close();
      else coap.receive(coapDevice(peer, proved), data);
    },
    closed: (peer) => coap.forget(coapDevice(peer)),
    admits: (credential, since) => {
      const proved = identityOf(credential);
      return proved === undefined ? config.dtls.allowAnonymous : devices.stands(proved, since);
    },
    send: (datagram, to) => socket?.send(datagram, to),
  });
  options.opened(() => dtls.close());
  await dtls.ready();
  const outward = new Outward({
    clock,
    random,
    log: logging.room('outward'),
    suites: config.dtls.suites ?? suiteProfiles[config.dtls.profile],
    mtu: config.dtls.mtu,
    handshake: config.push.silence,
    most: 4 * config.push.atOnce,
    deliver: (target, peer, data) => coap.receive(outwardDevice(target, peer), data),
    closed: (target, peer) => coap.forget(outwardDevice(target, peer)),
  });
  options.opened(() => outward.close());
  const reach: ReachOptions<CoapDevice> = {
    devices,
    get own() {
      return identity.now.tls;
    },
    recall: async (handle) => {
      const peer = await dtls.recall(handle);
      return peer && coapDevice(peer);
    },
    connect: async (target) => outwardDevice(target, await outward.open(target)),
    ask: (device, request) => coap.request(device, request, config.push),
    settings: { path: config.push.path, contentFormat: config.esipa.contentFormats[0] },
  };
  const { atOnce, waiting } = config.push;
  const pushes = new Pushes({
    eim,
    atOnce,
    waiting,
    routes: (euicc) => routesTo(reach, euicc),
  });
  if (config.dtls.persist) options.opened(every(hour, () => sweepConnections(dtls, log), log));
  options.opened(
    devices.onGone((name, why) => {
      const count = dtls.end(({ credential }) => identityOf(credential)?.name === name);
      outward.end(name);
      if (count > 0) log.info('connections ended', { device: name, why, connections: count });
    }),
  );
  socket = await listenUdp({
    host: config.coaps.host,
    port: config.coaps.port,
    log: logging.room('udp'),
    receiveBuffer: 4 * 1024 * 1024,
    receive: (datagram, from) => dtls.receive(datagram, from),
  });
  options.opened(() => socket?.close());
  // Not sooner: what was due before the start leaves at once, and is answered.
  options.opened(pushes.start());
  const { address, port } = socket.address;
  return { dtls, coap, address: { host: address, port } };
}

/** A connection of ours to a device, as CoAP sees it. */
function outwardDevice(
  { name, credential: { type: kind } }: OutwardTarget,
  { id, maxPayload, send }: OutwardPeer,
): CoapDevice {
  const caller = { peerId: id, identity: { kind, name } };
  return { id, identity: name, maxPayload, caller, send };
}

async function sweepConnections(dtls: DtlsServer, log: Log): Promise<void> {
  const kept = await dtls.sweepStore();
  log.debug('connections and sessions in the store', { kept });
}
