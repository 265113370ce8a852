/**
 * Ties the rooms together, bottom up; listens; lets go in the other order.
 *
 * ```
 *   socket ─datagram▶ dtls ─data▶ coap ─request▶ esipa ─message▶ procedures ─▶ orders, fleet, es9
 *                                                      rest ─────────────────▶ orders, fleet
 * ```
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { BoundedMap } from './base/bounded-map.ts';
import { hex, toHex } from './base/bytes.ts';
import { type Cancel, systemClock } from './base/clock.ts';
import type { Log } from './base/log.ts';
import { systemRandom } from './base/random.ts';
import { Serial } from './base/serial.ts';
import { CoapServer } from './coap/server.ts';
import { type CoapDevice, coapDevice, identityOf } from './coap-device.ts';
import { coapOptions } from './coap-options.ts';
import { coapStore, sweepCoapStore } from './coap-store.ts';
import { type Config, ConfigError } from './config.ts';
import { CrlFeed } from './crls.ts';
import { AlertDescription, HandshakeError } from './dtls/alert.ts';
import type { DtlsCredentials, ShownCertificate } from './dtls/credentials.ts';
import { DtlsServer, type DtlsServerOptions } from './dtls/server.ts';
import { suiteProfiles } from './dtls/suite-profiles.ts';
import { forgetConnections, openConnectionStore } from './dtls-store.ts';
import { Es9Client } from './es9/client.ts';
import { Https, type HttpsOptions } from './es9/https.ts';
import { pemCrls } from './es9/pem.ts';
import { handleEsipa } from './esipa/coap.ts';
import { esipaRepeats } from './esipa/repeats.ts';
import { type ChainName, Devices } from './fleet/devices.ts';
import { Euiccs } from './fleet/euiccs.ts';
import { type Refusal, refused } from './fleet/offers.ts';
import { Quirks } from './fleet/quirks.ts';
import {
  certificates,
  type Identity,
  type IntroductionChange,
  loadIdentity,
  read,
  type TlsTrust,
} from './identity.ts';
import { type Logging, startLogging } from './logging.ts';
import type { Eid } from './messages/ids.ts';
import { Orders } from './orders/orders.ts';
import { Outward, type OutwardPeer, type OutwardTarget } from './outward.ts';
import type { Eim } from './procedures/eim.ts';
import { deliverNotifications } from './procedures/notification-delivery.ts';
import { NotificationDesk } from './procedures/notification-desk.ts';
import { Pushes } from './procedures/pushes.ts';
import { sweepTransactions } from './procedures/transactions.ts';
import { type ReachOptions, routesTo } from './reach.ts';
import { startRest } from './rest/server.ts';
import { openSecrets } from './secrets.ts';
import { LevelStore } from './store/level.ts';
import { DeviceAnchors, DeviceChainError, type NameRule } from './trust/device-chain.ts';
import { Revocations } from './trust/revocations.ts';
import { Roots } from './trust/roots.ts';
import { listenUdp, type UdpSocket } from './udp.ts';

/** A running eIM. */
export interface Service {
  /** Where devices are listened for, as bound. */
  readonly coaps: { readonly host: string; readonly port: number };
  /** The operator's side. */
  readonly rest: { readonly url: string };
  close(): Promise<void>;
}

/** Peers whose last polled EID is remembered, and for how long, in milliseconds. */
const polls = { ceiling: 100_000, lifetime: 24 * 3600 * 1000 };
const hour = 3600 * 1000;
const day = 24 * hour;

/** Starts an eIM; throws what cannot be opened, with what to do. */
export async function serve(
  config: Config,
  logging: Logging = startLogging(config.log.level),
): Promise<Service> {
  const log = logging.room('eim');
  const started = systemClock.now();
  const clock = systemClock;
  const random = systemRandom;
  const opened: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const one of opened.splice(0).reverse()) await one();
  };
  try {
    const identity = loadIdentity({ config, clock, random, log });
    const euiccRoots = pemFiles('euicc.roots', config.euicc.roots);
    if (euiccRoots.length === 0) {
      log.warn('euicc.roots is empty: no eUICC can be proven; name the CI certificates to trust');
    }
    if (config.es9.roots.length === 0 && !config.es9.insecure) {
      log.warn(
        'es9.roots is empty: SM-DP+s are believed only by a ca of es9.hosts; name their roots',
      );
    }
    if (config.eim.fqdn === undefined) {
      const told = identity.fqdn;
      log.warn("eim.fqdn is not set: eUICCs are told this machine's name; set it", { told });
    }
    const store = await LevelStore.open(join(config.dataFolder, 'store'));
    opened.push(() => store.close());
    const euiccs = new Euiccs({
      store,
      clock,
      log: logging.room('fleet'),
      defaults: {
        associationToken: config.euicc.associationToken,
        counterValue: config.euicc.counterStart,
        consumerEuicc: config.euicc.consumerEuicc,
      },
    });
    opened.push(() => euiccs.close());
    const quirks = new Quirks({ store, clock, log: logging.room('fleet') });
    opened.push(() => quirks.flush());
    const box = await openSecrets({ config, store, random, log });
    const nameOf = deviceNames(config);
    const devices = await Devices.open({
      store,
      clock,
      log: logging.room('fleet'),
      box,
      ...(nameOf === undefined ? {} : { nameOf }),
    });
    if (devices.anyPins && config.dtls.clientAuthentication === 'none') {
      log.warn(
        'devices with certificates or public keys cannot prove them: set dtls.clientAuthentication',
      );
    }
    const orders = new Orders({
      store,
      clock,
      random,
      log: logging.room('orders'),
      settings: config.orders,
    });
    const roots = Roots.of(euiccRoots);
    const revocations = revocationsOf(config, roots);
    const https = new Https({ ...es9Options(config), clock, log: logging.room('es9') });
    opened.push(() => https.close());
    const crls = new CrlFeed({
      sources: config.euicc.crls,
      revocations,
      read: (path) => new Uint8Array(readFileSync(path)),
      https,
      store,
      clock,
      log: logging.room('crls'),
    });
    await crls.restore();
    const eim: Eim = {
      id: config.eim.id,
      store,
      orders,
      euiccs,
      devices,
      quirks,
      es9: new Es9Client({ connect: https, requester: config.eim.id, log: logging.room('es9') }),
      signer: identity.signer,
      otherSigners: identity.otherSigners,
      roots,
      revocations,
      clock,
      random,
      log: logging.room('esipa'),
      settings: {
        unknownEid: config.esipa.unknownEid,
        boundEidsOpen: config.esipa.boundEidsOpen,
        maxDeliveries: config.orders.maxDeliveries,
        strict: config.messages.strict,
        notifications: {
          retry: config.es9.notificationRetry,
          retryLimit: config.es9.notificationRetryLimit,
          lifetime: config.es9.notificationLifetime,
        },
        ownQuestions: config.orders.ownQuestions,
      },
      polls: new BoundedMap<string, Eid>({ clock, ...polls }),
      serial: new Serial(),
    };
    opened.push(orders.keepSwept());
    if (revocations.any) opened.push(every(config.euicc.crlRefresh, () => crls.refresh(), log));
    opened.push(every(config.es9.notificationRetry, () => deliverNotifications(eim), log));
    opened.push(every(day, () => sweepTransactions(eim), log));

    opened.push(every(day, () => sweepCoapStore(store, clock.now()), log));
    const coap = new CoapServer<CoapDevice>({
      handle: (request) => handleEsipa(eim, config.esipa, request.peer.caller, request),
      clock,
      random,
      log: logging.room('coap'),
      store: coapStore(store),
      repeats: esipaRepeats(config.esipa.reportKept),
      ...coapOptions(config),
    });
    opened.push(() => coap.close());
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
        else coap.receive(coapDevice(peer), data);
      },
      closed: (peer) => coap.forget(coapDevice(peer)),
      admits: (credential, since) => {
        const proved = identityOf(credential);
        return proved === undefined ? config.dtls.allowAnonymous : devices.stands(proved, since);
      },
      send: (datagram, to) => socket?.send(datagram, to),
    });
    opened.push(() => dtls.close());
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
    opened.push(() => outward.close());
    const reach: ReachOptions<CoapDevice> = {
      devices,
      own: identity.tls,
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
    opened.push(pushes.start());
    if (config.dtls.persist) opened.push(every(hour, () => sweepConnections(dtls, log), log));
    opened.push(
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
    const { address } = socket;
    opened.push(() => socket?.close());
    const coaps = { host: address.address, port: address.port };
    const rest = await startRest(
      {
        orders,
        euiccs,
        quirks,
        devices,
        dtls,
        notifications: new NotificationDesk(eim),
        packageLimit: config.orders.packageLimit,
        signingKeys: [identity.signer, ...identity.otherSigners].map((one) => one.publicKeyInfo),
        clock,
        random,
        log: logging.room('rest'),
        info,
      },
      config.rest,
    );
    opened.push(() => rest.close());
    log.info('ready', { coaps: `${coaps.host}:${coaps.port}`, rest: rest.url });
    return { coaps, rest: { url: rest.url }, close };

    function info(trust?: TlsTrust, change?: IntroductionChange) {
      return {
        version: packageVersion(),
        hostname: hostname(),
        started,
        eimId: config.eim.id,
        eimFqdn: identity.fqdn,
        coaps,
        ...identity.introduction(trust, change),
        eimCertificate: identity.signingPem,
        tlsCertificate: identity.tlsPem,
        rootCiCertificates: config.euicc.roots.map((path) => read('euicc.roots', path)),
        counterValue: config.euicc.counterStart,
        consumerEuicc: config.euicc.consumerEuicc,
        drops: logging.drops.all(),
        warnings: weaknesses(config),
      };
    }
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the DTLS server shows and whom it takes. */
function dtlsCredentials(
  { dtls }: Config,
  identity: Identity,
  devices: Devices,
  log: Log,
): DtlsCredentials {
  // Without anonymous peers, a certificate is shown only to devices that show one themselves.
  const asked = dtls.clientAuthentication !== 'none';
  const mode = asked && !dtls.allowAnonymous ? 'required' : dtls.clientAuthentication;
  const shown = asked || dtls.allowAnonymous;
  return {
    psk: (pskIdentity) => devices.pskOf(pskIdentity),
    pskUsed(name, key) {
      if (!devices.hasPsk(name, key)) {
        throw new HandshakeError(AlertDescription.decryptError, 'the PSK is good no more');
      }
      devices.pskUsed(name, key).catch((error: unknown) => {
        log.error('the old PSK of a device is not dropped yet', {
          device: name,
          why: String(error),
        });
      });
    },
    ...(dtls.pskHint === undefined ? {} : { pskHint: dtls.pskHint }),
    ...(shown ? { certificates: [identity.tls, ...identity.otherTls] } : {}),
    clientAuthentication: { mode, check: (offer) => nameOfClient(devices, offer) },
  };
}

/** Connection IDs and sessions to resume: what a DTLS connection has beyond its address. */
function lastingOptions({ dtls }: Config): Pick<DtlsServerOptions, 'connectionIds' | 'resumption'> {
  const connectionIds = {
    length: dtls.cidLength,
    prefix: hex(dtls.cidPrefix),
    drafts: dtls.draftConnectionIds,
  };
  const resumption = {
    lifetime: dtls.resumeFor,
    ceiling: dtls.sessions,
    tickets: dtls.tickets,
    skipCookie: dtls.cookielessResumption,
  };
  return {
    ...(dtls.cidLength > 0 ? { connectionIds } : {}),
    ...(dtls.resumeFor > 0 ? { resumption } : {}),
  };
}

/** Writes secrets in the form of the NSS key log, which Wireshark reads. */
function keyLogTo(path: string, log: Log): (clientRandom: Uint8Array, master: Uint8Array) => void {
  log.warn('dtls.keyLog is set: the secrets of ALL connections are written to a file', { path });
  const write = (line: string) => appendFileSync(path, `${line}\n`, { mode: 0o600 });
  try {
    write('# coap-eim: whoever reads this reads all that devices send and get');
  } catch (cause) {
    throw new ConfigError(`dtls.keyLog: ${causeText(cause)}`, { cause });
  }
  return (clientRandom, master) => {
    try {
      write(`CLIENT_RANDOM ${toHex(clientRandom).toLowerCase()} ${toHex(master).toLowerCase()}`);
      log.warn('the secret of a connection was written to the key log', { path });
    } catch (error) {
      // A full disk, say: no reason to refuse the device.
      log.error('the key log cannot be written', { path, why: causeText(error) });
    }
  };
}

function causeText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function sweepConnections(dtls: DtlsServer, log: Log): Promise<void> {
  const kept = await dtls.sweepStore();
  log.debug('connections and sessions in the store', { kept });
}

/** The name of the device whose certificate or key this is. Throws HandshakeError. */
function nameOfClient(devices: Devices, offer: ShownCertificate): string {
  const verdict = devices.checkClient(offer);
  if ('identity' in verdict) return verdict.identity.name;
  throw new HandshakeError(AlertDescription[alerts[verdict.refused]], verdict.why);
}

const alerts = {
  malformed: 'badCertificate',
  expired: 'certificateExpired',
  revoked: 'certificateRevoked',
  unknownCa: 'unknownCa',
  unknown: 'certificateUnknown',
} as const satisfies { readonly [R in Refusal]: keyof typeof AlertDescription };

/** How a certificate below a configured anchor names its device; undefined where there are no anchors. */
function deviceNames({
  dtls,
}: Config): ((chain: readonly Uint8Array[], now: number) => ChainName) | undefined {
  if (dtls.clientAnchors.length === 0) return undefined;
  const anchors = DeviceAnchors.of(pemFiles('dtls.clientAnchors', dtls.clientAnchors));
  const { clientName: place, clientNamePattern: pattern } = dtls;
  const rule: NameRule = { place, ...(pattern === undefined ? {} : { pattern }) };
  return (chain, now) => {
    try {
      return { name: anchors.nameOf(chain, rule, now) };
    } catch (error) {
      if (!(error instanceof DeviceChainError)) throw error;
      const { code, message } = error;
      const plain = code === 'invalid' ? 'malformed' : code === 'name' ? 'unknown' : code;
      return refused(plain, message);
    }
  };
}

/** A connection of ours to a device, as CoAP sees it. */
function outwardDevice(
  { name, credential: { type: kind } }: OutwardTarget,
  { id, maxPayload, send }: OutwardPeer,
): CoapDevice {
  const caller = { peerId: id, identity: { kind, name } };
  return { id, identity: name, maxPayload, caller, send };
}

function es9Options({ es9 }: Config): Omit<HttpsOptions, 'clock' | 'log'> {
  return {
    roots: pemFiles('es9.roots', es9.roots),
    crls: crlFiles('es9.crls', es9.crls),
    insecure: es9.insecure,
    hosts: Object.fromEntries(
      Object.entries(es9.hosts).map(([name, { address, port, ca, crls, publicRoots, pins }]) => [
        name.toLowerCase(),
        {
          ...(address === undefined ? {} : { address }),
          ...(port === undefined ? {} : { port }),
          ...(ca === undefined ? {} : { ca: pemFiles(`es9.hosts.${name}.ca`, [ca]) }),
          ...(crls === undefined ? {} : { crls: crlFiles(`es9.hosts.${name}.crls`, crls) }),
          ...(publicRoots === undefined ? {} : { publicRoots }),
          ...(pins === undefined ? {} : { pins }),
        },
      ]),
    ),
    connectTimeout: es9.connectTimeout,
    answerTimeout: es9.answerTimeout,
    bodyLimit: es9.bodyLimit,
  };
}

function revocationsOf({ euicc }: Config, roots: Roots): Revocations {
  const { crls: sources, crlGrace: grace, staleCrl: stale } = euicc;
  return new Revocations({ sources, roots, grace, stale });
}

/** What this configuration switches off that would keep others out: `eim serve` and `eim info` say it, for people. */
export function weaknesses({ es9 }: Config): readonly string[] {
  const insecure =
    'es9.insecure: TLS certificates of SM-DP+s and SM-DSs are not checked; this is for a lab alone';
  return es9.insecure ? [insecure] : [];
}

/** The CRLs in these files, DER or PEM. */
function crlFiles(setting: string, paths: readonly string[]): readonly Uint8Array[] {
  return paths.map((path) => {
    try {
      const bytes = new Uint8Array(readFileSync(path));
      pemCrls(bytes);
      return bytes;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ConfigError(`${setting}: ${path}: ${why}`, { cause });
    }
  });
}

/** The certificates in these PEM files, DER. */
function pemFiles(setting: string, paths: readonly string[]): readonly Uint8Array[] {
  return paths.flatMap((path) => {
    const found = certificates(setting, read(setting, path));
    if (found.length === 0) throw new ConfigError(`${setting}: ${path} holds no certificate`);
    return found;
  });
}

/** Runs `work` now and again every so many milliseconds, one run at a time, until cancelled. */
function every(milliseconds: number, work: () => Promise<void>, log: Log): Cancel {
  let stop: Cancel = () => {};
  let stopped = false;
  const turn = async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      log.error('work that recurs failed', { why: String(error) });
    }
    if (!stopped) stop = systemClock.after(milliseconds, () => void turn());
  };
  void turn();
  return () => {
    stopped = true;
    stop();
  };
}

/** The version of package.json, which stands above src and dist alike. */
function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
