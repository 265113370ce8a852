/**
 * Ties the rooms together, bottom up; listens; lets go in the other order.
 *
 * ```
 *   socket ─datagram▶ dtls ─data▶ coap ─request▶ esipa ─message▶ procedures ─▶ orders, fleet, es9
 *                                                      rest ─────────────────▶ orders, fleet
 * ```
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { BoundedMap } from './base/bounded-map.ts';
import { systemClock } from './base/clock.ts';
import { systemRandom } from './base/random.ts';
import { Serial } from './base/serial.ts';
import { sweepCoapStore } from './coap-store.ts';
import type { Config } from './config.ts';
import { CrlFeed } from './crls.ts';
import { startDevicesSide } from './devices-side.ts';
import { deviceNames } from './dtls-options.ts';
import { Es9Client } from './es9/client.ts';
import { Https } from './es9/https.ts';
import { es9Options } from './es9-options.ts';
import { Devices } from './fleet/devices.ts';
import { Euiccs } from './fleet/euiccs.ts';
import { Quirks } from './fleet/quirks.ts';
import { startHttpsSide } from './https-side.ts';
import { type IntroductionChange, loadIdentity, read, type TlsTrust } from './identity.ts';
import { type Logging, startLogging } from './logging.ts';
import type { Eid } from './messages/ids.ts';
import { resealCodes } from './orders/confirmation-codes.ts';
import { Orders } from './orders/orders.ts';
import { pemFiles } from './pem-files.ts';
import type { Eim } from './procedures/eim.ts';
import { deliverNotifications } from './procedures/notification-delivery.ts';
import { NotificationDesk } from './procedures/notification-desk.ts';
import { sweepTransactions } from './procedures/transactions.ts';
import { every } from './recurring.ts';
import { startRest } from './rest/server.ts';
import { openSecrets } from './secrets.ts';
import { LevelStore } from './store/level.ts';
import { Revocations } from './trust/revocations.ts';
import { Roots } from './trust/roots.ts';
import { weaknesses } from './weaknesses.ts';

/** A running eIM. */
export interface Service {
  /** Where devices are listened for, as bound. */
  readonly coaps: { readonly host: string; readonly port: number };
  /** The same over HTTPS, where that is enabled. */
  readonly https?: { readonly host: string; readonly port: number };
  /** The operator's side. */
  readonly rest: { readonly url: string };
  close(): Promise<void>;
}

/** Peers whose last polled EID is remembered, and for how long, in milliseconds. */
const polls = { ceiling: 100_000, lifetime: 24 * 3600 * 1000 };
const day = 24 * 3600 * 1000;

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
    await resealCodes(store, box);
    const orders = new Orders({
      store,
      box,
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
    const { dtls, address: coaps } = await startDevicesSide({
      config,
      identity,
      eim,
      box,
      clock,
      random,
      logging,
      opened: (close) => opened.push(close),
    });
    const httpsSide = await startHttpsSide({
      config,
      identity,
      eim,
      clock,
      logging,
      opened: (close) => opened.push(close),
    });
    const esipaHttps = httpsSide && { https: { ...httpsSide.address, tls: config.https.tls } };
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
    log.info('ready', {
      coaps: `${coaps.host}:${coaps.port}`,
      ...(httpsSide && { https: `${httpsSide.address.host}:${httpsSide.address.port}` }),
      rest: rest.url,
    });
    return { coaps, ...esipaHttps, rest: { url: rest.url }, close };

    function info(trust?: TlsTrust, change?: IntroductionChange) {
      return {
        version: packageVersion(),
        hostname: hostname(),
        started,
        eimId: config.eim.id,
        eimFqdn: identity.fqdn,
        coaps,
        ...esipaHttps,
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

function revocationsOf({ euicc }: Config, roots: Roots): Revocations {
  const { crls: sources, crlGrace: grace, staleCrl: stale } = euicc;
  return new Revocations({ sources, roots, grace, stale });
}

/** The version of package.json, which stands above src and dist alike. */
function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
