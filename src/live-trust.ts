/** Whom this eIM believes, now: roots, revocation lists and pins may be read again while it runs. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Clock } from './base/clock.ts';
import type { Log } from './base/log.ts';
import { type Config, ConfigError } from './config.ts';
import { CrlFeed } from './crls.ts';
import { deviceNames } from './dtls-options.ts';
import type { Https } from './es9/https.ts';
import { es9Options } from './es9-options.ts';
import type { Devices } from './fleet/devices.ts';
import { pemFiles } from './pem-files.ts';
import type { ReloadPart } from './reload.ts';
import type { Store } from './store/store.ts';
import { Revocations } from './trust/revocations.ts';
import { Roots } from './trust/roots.ts';

/** Whom to believe of eUICCs. */
export interface EuiccTrust extends ReloadPart {
  readonly roots: Roots;
  readonly revocations: Revocations;
  /** The files of the roots. */
  readonly files: readonly string[];
  /** Reads every revocation list again. */
  refresh(): Promise<void>;
}

export interface EuiccTrustOptions {
  readonly config: Config;
  readonly https: Pick<Https, 'get'>;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** Throws ConfigError for roots that cannot be read; revocation lists that cannot be are logged. */
export async function euiccTrust(options: EuiccTrustOptions): Promise<EuiccTrust> {
  const load = async ({ euicc }: Config, before?: Revocations) => {
    const roots = Roots.of(pemFiles('euicc.roots', euicc.roots));
    const { crls: sources, crlGrace: grace, staleCrl: stale } = euicc;
    const revocations = new Revocations({ sources, roots, grace, stale });
    if (before !== undefined) revocations.takeOver(before);
    const { https, store, clock, log } = options;
    const read = (path: string) => new Uint8Array(readFileSync(path));
    const feed = new CrlFeed({ sources, revocations, read, https, store, clock, log });
    await feed.restore();
    return { roots, revocations, feed, files: euicc.roots };
  };
  let live = await load(options.config);
  return {
    get roots() {
      return live.roots;
    },
    get revocations() {
      return live.revocations;
    },
    get files() {
      return live.files;
    },
    refresh: () => live.feed.refresh(),
    name: 'trust in eUICCs',
    keys: ['euicc.roots', 'euicc.crls', 'euicc.crlGrace', 'euicc.staleCrl'],
    async prepare(config) {
      const next = await load(config, live.revocations);
      return () => {
        live = next;
        next.feed.refresh().catch((error: unknown) => {
          options.log.error('revocation lists cannot be read', { why: String(error) });
        });
      };
    },
  };
}

/** Whom to believe of SM-DP+s and SM-DSs, and where they are. */
export interface Es9Trust extends ReloadPart {
  /** Reads roots and CRLs again; takes them where they changed. */
  refresh(): Promise<void>;
}

export function es9Trust(config: Config, https: Https, log: Log): Es9Trust {
  let taken = { config, print: printOf(es9Options(config)) };
  const read = (next: Config): (() => void) => {
    const options = es9Options(next);
    const print = printOf(options);
    return () => {
      if (print !== taken.print) https.renew(options);
      taken = { config: next, print };
    };
  };
  return {
    name: 'trust in SM-DP+s, and where they are',
    keys: ['es9.roots', 'es9.crls', 'es9.hosts'],
    prepare: read,
    async refresh() {
      try {
        read(taken.config)();
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        log.error('not read again: what was before stays', { part: 'es9', why: error.message });
      }
    },
  };
}

function printOf(options: ReturnType<typeof es9Options>): string {
  const text = JSON.stringify(options, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
  );
  return createHash('sha256').update(text).digest('hex');
}

/** How certificates of devices lead to their names. */
export function deviceTrust(devices: Devices): ReloadPart {
  return {
    name: 'trust in device certificates',
    keys: ['dtls.clientAnchors', 'dtls.clientName', 'dtls.clientNamePattern'],
    prepare(config) {
      const nameOf = deviceNames(config);
      return () => devices.nameBy(nameOf);
    },
  };
}
