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
import { type Cancel, systemClock } from './base/clock.ts';
import type { IntroductionChange, TlsTrust } from './base/introduction.ts';
import { systemRandom } from './base/random.ts';
import type { ReloadReport } from './base/running-facts.ts';
import { Serial } from './base/serial.ts';
import { sweepCoapStore } from './coap-store.ts';
import { type Config, ConfigError } from './config.ts';
import { startDevicesSide } from './devices-side.ts';
import { deviceNames } from './dtls-options.ts';
import { Es9Client } from './es9/client.ts';
import { Https } from './es9/https.ts';
import { es9Options } from './es9-options.ts';
import { Es11Client } from './es11/client.ts';
import { Devices } from './fleet/devices.ts';
import { Euiccs } from './fleet/euiccs.ts';
import { Quirks } from './fleet/quirks.ts';
import { Health } from './health.ts';
import { startHttpsSide } from './https-side.ts';
import { read } from './identity.ts';
import { liveIdentity } from './live-identity.ts';
import { deviceTrust, es9Trust, euiccTrust } from './live-trust.ts';
import { type Logging, startLogging } from './logging.ts';
import type { Eid } from './messages/ids.ts';
import { resealCodes } from './orders/confirmation-codes.ts';
import { Orders } from './orders/orders.ts';
import type { Eim } from './procedures/eim.ts';
import { deliverNotifications } from './procedures/notification-delivery.ts';
import { NotificationDesk } from './procedures/notification-desk.ts';
import { SmdsSchedule } from './procedures/smds-schedule.ts';
import { sweepTransactions } from './procedures/transactions.ts';
import { every } from './recurring.ts';
import { type ReloadPart, Reloads } from './reload.ts';
import { RestError, type RestServer, startRest } from './rest/server.ts';
import { restOptions, restTls } from './rest-options.ts';
import { openSecrets } from './secrets.ts';
import { ServiceMetrics } from './service-metrics.ts';
import { LevelStore } from './store/level.ts';
import { WatchedStore } from './store/watched.ts';
import { weaknesses } from './weaknesses.ts';

/** A running eIM. */
export interface Service {
  /** Where devices are listened for, as bound. */
  readonly coaps: { readonly host: string; readonly port: number };
  /** The same over HTTPS, where that is enabled. */
  readonly https?: { readonly host: string; readonly port: number };
  /** The operator's side. */
  readonly rest: { readonly url: string };
  /** Reads certificates, trust and the like again. */
  reload(): Promise<ReloadReport>;
  /** Finishes what is under way, for stop.within at most, then lets go of all; a disk that hangs is not waited for. */
  close(): Promise<void>;
}

/** Peers whose last polled EID is remembered, and for how long, in milliseconds. */
const polls = { ceiling: 100_000, lifetime: 24 * 3600 * 1000, sameUse: 60_000 };
const day = 24 * 3600 * 1000;
/** How long a stop waits for the disk once nobody is answered any more, in milliseconds: what was acknowledged is on it. */
const lastWrites = 5000;

/** Starts an eIM; throws what cannot be opened, with what to do. `again` reads the configuration anew. */
export async function serve(
  config: Config,
  logging: Logging = loggingOf(config),
  again: () => Config = () => config,
): Promise<Service> {
  const log = logging.room('eim');
  const started = systemClock.now();
  const clock = systemClock;
  const random = systemRandom;
  const opened: (() => unknown)[] = [];
  const letGo = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const one of opened.splice(0).reverse()) {
      // One that fails keeps none of the others: the store, and what holds a socket.
      try {
        await one();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };
  try {
    const reloads = new Reloads({ config, again, clock, log });
    const identity = liveIdentity({ config, clock, random, log });
    reloads.add(logPart(logging));
    reloads.add(identity);
    if (config.euicc.roots.length === 0) {
      log.warn('euicc.roots is empty: no eUICC can be proven; name the CI certificates to trust');
    }
    if (config.es9.roots.length === 0 && !config.es9.insecure) {
      log.warn(
        'es9.roots is empty: SM-DP+s are believed only by a ca of es9.hosts; name their roots',
      );
    }
    if (config.eim.fqdn === undefined) {
      const told = identity.now.fqdn;
      log.warn("eim.fqdn is not set: eUICCs are told this machine's name; set it", { told });
    }
    const watch = new ServiceMetrics(packageVersion());
    const store = new WatchedStore({
      store: await LevelStore.open(join(config.dataFolder, 'store')),
      clock,
      elapsed: () => performance.now(),
      watcher: watch.commit,
    });
    opened.push(() => store.close());
    const health = new Health({ store, clock, log });
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
    const asked = [config.dtls, ...(config.https.enabled ? [config.https] : [])].some(
      (one) => one.clientAuthentication !== 'none',
    );
    if (devices.anyPins && !asked) {
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
    reloads.add(deviceTrust(devices));
    await watch.orders(orders);
    watch.running(
      () => identity.now,
      () => reloads.last,
    );
    const https = new Https({ ...es9Options(config), clock, log: logging.room('es9') });
    opened.push(() => https.close());
    const outward = watch.outward(https);
    const es9 = es9Trust(config, https, log);
    reloads.add(es9);
    const believed = await euiccTrust({
      config,
      https: outward,
      store,
      clock,
      log: logging.room('crls'),
    });
    reloads.add(believed);
    const eim: Eim = {
      id: config.eim.id,
      store,
      orders,
      euiccs,
      devices,
      quirks,
      es9: new Es9Client({ connect: outward, requester: config.eim.id, log: logging.room('es9') }),
      es11: new Es11Client({
        connect: outward,
        requester: config.eim.id,
        log: logging.room('es9'),
      }),
      signer: identity.now.signer,
      otherSigners: identity.now.otherSigners,
      get roots() {
        return believed.roots;
      },
      get revocations() {
        return believed.revocations;
      },
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
      ...(config.smds.every === undefined
        ? {}
        : {
            smdsSchedule: new SmdsSchedule({
              store,
              clock,
              orders,
              every: config.smds.every,
              ...(config.smds.address === undefined ? {} : { address: config.smds.address }),
              eids: config.smds.eids,
            }),
          }),
      polls: new BoundedMap<string, Eid>({ clock, ...polls }),
      serial: new Serial(),
      timed: watch.timed,
    };
    opened.push(orders.keepSwept());
    opened.push(every(config.euicc.crlRefresh, () => believed.refresh(), log));
    opened.push(every(config.es9.crlRefresh, () => es9.refresh(), log));
    opened.push(every(config.es9.notificationRetry, () => deliverNotifications(eim), log));
    opened.push(every(day, () => sweepTransactions(eim), log));
    opened.push(every(day, () => sweepCoapStore(store, clock.now()), log));
    const {
      dtls,
      coap,
      address: coaps,
    } = await startDevicesSide({
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
      identity: identity.now,
      eim,
      clock,
      logging,
      opened: (close) => opened.push(close),
    });
    if (httpsSide !== undefined) watch.https(httpsSide);
    const esipaHttps = httpsSide && { https: { ...httpsSide.address, tls: config.https.tls } };
    const rest = await startRest(
      {
        orders,
        store,
        euiccs,
        quirks,
        devices,
        dtls,
        notifications: new NotificationDesk(eim),
        running: { readiness: () => health.readiness(), reload: () => reloads.reload() },
        metrics: watch.metrics,
        packageLimit: config.orders.packageLimit,
        signingKeys: [eim.signer, ...eim.otherSigners].map((one) => one.publicKeyInfo),
        clock,
        random,
        log: logging.room('rest'),
        info,
      },
      restOptions(config),
    );
    opened.push(() => rest.close());
    identity.onChange((certificates) => httpsSide?.setSecureContext(certificates));
    reloads.add(restPart(rest));
    health.listens(true);
    log.info('ready', {
      coaps: `${coaps.host}:${coaps.port}`,
      ...(httpsSide && { https: `${httpsSide.address.host}:${httpsSide.address.port}` }),
      rest: rest.url,
    });
    return {
      coaps,
      ...esipaHttps,
      rest: { url: rest.url },
      reload: () => reloads.reload(),
      async close() {
        health.stops();
        health.listens(false);
        // What is under way is answered while all that it takes is still there.
        const done = Promise.all([coap.quiet(), httpsSide?.close(), rest.close()]);
        if (!(await within(config.stop.within, done))) {
          log.warn('stopped before all was answered', { waited: config.stop.within });
        }
        if (!(await within(lastWrites, letGo()))) {
          log.warn('stopped before all was written: the disk does not answer', {
            waited: lastWrites,
          });
        }
      },
    };

    function info(trust?: TlsTrust, change?: IntroductionChange) {
      return {
        version: packageVersion(),
        hostname: hostname(),
        started,
        eimId: config.eim.id,
        eimFqdn: identity.now.fqdn,
        coaps,
        ...esipaHttps,
        ...identity.now.introduction(trust, change),
        eimCertificate: identity.now.signingPem,
        tlsCertificate: identity.now.tlsPem,
        rootCiCertificates: believed.files.map((path) => read('euicc.roots', path)),
        counterValue: config.euicc.counterStart,
        consumerEuicc: config.euicc.consumerEuicc,
        drops: logging.drops.all(),
        warnings: weaknesses(config),
      };
    }
  } catch (error) {
    await letGo().catch((why: unknown) => {
      log.error('not closed as it should be', { why: String(why) });
    });
    throw error;
  }
}

/** The log as configured; what is configured as a secret never stands there. */
function loggingOf({ log, rest, secret }: Config): Logging {
  return startLogging(
    log,
    [rest.token, secret.key].filter((text) => text !== undefined),
  );
}

function logPart(logging: Logging): ReloadPart {
  return {
    name: 'log',
    keys: ['log'],
    prepare:
      ({ log }) =>
      () =>
        logging.set?.(log),
  };
}

function restPart(server: RestServer): ReloadPart {
  return {
    name: 'certificate of the REST side',
    keys: ['rest.certificate', 'rest.key'],
    prepare({ rest }) {
      const tls = restTls(rest);
      if (tls === undefined) return () => {};
      // It takes effect as it is checked: there is no way back, and none is needed.
      try {
        server.showCertificate(tls);
      } catch (cause) {
        if (!(cause instanceof RestError)) throw cause;
        throw new ConfigError(cause.message, { cause });
      }
      return () => {};
    },
  };
}

/** Whether it was done within so many milliseconds. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  let stop: Cancel = () => {};
  const late = new Promise<false>((resolve) => {
    stop = systemClock.after(milliseconds, () => resolve(false));
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    stop();
  }
}

/** The version of package.json, which stands above src and dist alike. */
function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
