/** The devices' side over HTTPS: the TCP socket, ESipa on it, and the fleet's word on who a peer is. */
import type { Clock } from './base/clock.ts';
import type { Config } from './config.ts';
import { EsipaHttps, type HttpCaller, httpRefusal } from './esipa/https.ts';
import { type HttpsPeer, HttpsServer } from './https-server.ts';
import type { Identity } from './identity.ts';
import type { Logging } from './logging.ts';
import type { Eim } from './procedures/eim.ts';

export interface HttpsSideOptions {
  readonly config: Config;
  readonly identity: Identity;
  readonly eim: Eim;
  readonly clock: Clock;
  readonly logging: Logging;
  /** Told how each part is let go of, in the order in which they came up. */
  opened(close: () => unknown): void;
}

/** The least that a connection may be silent while an answer is due, in milliseconds. */
const leastSilence = 120_000;

/** Listens for devices over HTTPS; undefined where that is not enabled. Throws HttpsServerError. */
export async function startHttpsSide(options: HttpsSideOptions): Promise<HttpsServer | undefined> {
  const { config, identity, eim, clock, logging } = options;
  const { https, es9 } = config;
  if (!https.enabled) return undefined;
  const { devices } = eim;
  const log = logging.room('https');
  if (!https.tls) {
    log.warn('https.tls is off: whoever is on the way reads and changes what devices send and get');
  }
  if (!config.dtls.allowAnonymous && https.clientAuthentication !== 'required') {
    log.warn(
      'dtls.allowAnonymous is false, and over HTTPS devices that prove nothing may connect',
      {
        set: 'https.clientAuthentication',
      },
    );
  }
  const esipa = new EsipaHttps({ eim, reportKept: config.esipa.reportKept });
  const server = await HttpsServer.listen({
    host: https.host,
    port: https.port,
    ...(https.tls
      ? {
          tls: {
            identities: [identity.tls, ...identity.otherTls],
            clientAuthentication: https.clientAuthentication,
            check: (offer) => devices.checkClient(offer),
          },
        }
      : {}),
    limits: {
      body: https.bodyLimit,
      headers: https.headerLimit,
      connections: https.connections,
      connectionsPerAddress: https.connectionsPerAddress,
      handshakesPerAddress: https.handshakesPerAddress,
      requestsPerConnection: https.requestsPerConnection,
    },
    times: {
      request: https.requestTimeout,
      idle: https.idleTimeout,
      silence: Math.max(leastSilence, 2 * (es9.connectTimeout + es9.answerTimeout)),
      grace: config.stop.within,
    },
    handler: {
      refusal: (head) => esipa.refusal(head),
      answer: (head, body, peer) => esipa.answer(head, body, callerOf(peer)),
      refused: httpRefusal,
    },
    clock,
    log,
  });
  options.opened(() => server.close());
  options.opened(
    devices.onGone((name, why) => {
      const count = server.end((one) => one.name === name);
      if (count > 0) log.info('connections ended', { device: name, why, connections: count });
    }),
  );
  return server;
}

/**
 * A peer as a caller. One that proves nothing has a connection for each request at times: what it sends again is known
 * by where it comes from.
 */
function callerOf({ id: peerId, address, identity }: HttpsPeer): HttpCaller {
  return identity === undefined
    ? { caller: { peerId }, owner: `address ${address}` }
    : { caller: { peerId, identity }, owner: `${identity.kind} ${identity.name}` };
}
