/**
 * Where the revocation lists of CIs come from (euicc.crls): files, and https URLs, whose answers are kept in the store,
 * so that a restart without the network knows what was known before.
 *
 * ```
 *   crl!<hash of the URL>    the list as it was fetched last
 * ```
 */
import { createHash } from 'node:crypto';
import type { Clock } from './base/clock.ts';
import type { Log } from './base/log.ts';
import { Es9TransportError } from './es9/errors.ts';
import type { Https } from './es9/https.ts';
import { parseSmdpAddress, SmdpAddressError } from './messages/smdp-address.ts';
import { put, remove, type Store, table } from './store/store.ts';
import { ChainError } from './trust/chain-error.ts';
import type { Revocations } from './trust/revocations.ts';

interface Fetched {
  readonly url: string;
  readonly list: Uint8Array;
}

const lists = table<Fetched>('crl');

export interface CrlFeedOptions {
  /** Files, and URLs that begin with `https:`. */
  readonly sources: readonly string[];
  readonly revocations: Revocations;
  /** The octets of a file. */
  readonly read: (path: string) => Uint8Array;
  readonly https: Pick<Https, 'get'>;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

export class CrlFeed {
  readonly #options: CrlFeedOptions;

  constructor(options: CrlFeedOptions) {
    this.#options = options;
  }

  /** Takes what is at hand: files, and what was fetched before. Forgets what is configured no more. */
  async restore(): Promise<void> {
    const { sources, store } = this.#options;
    for (const [key, { url, list }] of await store.list(lists)) {
      if (sources.includes(url)) this.#take(url, () => list);
      else await store.commit([remove(lists, key)]);
    }
    for (const source of sources) if (!isUrl(source)) this.#takeFile(source);
  }

  /** Reads every source again. What cannot be read is logged, and what was held stays. */
  async refresh(): Promise<void> {
    const { sources, revocations, clock, log } = this.#options;
    for (const source of sources) {
      if (isUrl(source)) await this.#ask(source);
      else this.#takeFile(source);
    }
    for (const { source, nextUpdate } of revocations.held()) {
      if (nextUpdate >= clock.now()) continue;
      const due = new Date(nextUpdate).toISOString();
      log.warn('a revocation list is stale: its CI should have given another one by now', {
        source,
        due,
      });
    }
  }

  #takeFile(path: string): void {
    this.#take(path, () => this.#options.read(path));
  }

  async #ask(url: string): Promise<void> {
    const { https, store, log } = this.#options;
    let list: Uint8Array;
    try {
      list = await fetched(https, url);
    } catch (error) {
      if (!(error instanceof Es9TransportError || error instanceof SmdpAddressError)) throw error;
      log.warn('a revocation list cannot be read', { source: url, why: error.message });
      return;
    }
    if (this.#take(url, () => list)) await store.commit([put(lists, keyOf(url), { url, list })]);
  }

  /** Whether it was taken. */
  #take(source: string, read: () => Uint8Array): boolean {
    const { revocations, log } = this.#options;
    try {
      if (revocations.take(source, read())) return true;
      log.warn('a revocation list is older than the one before, which stays', { source });
    } catch (error) {
      const isFile = error instanceof Error && 'code' in error && !(error instanceof ChainError);
      if (!(error instanceof ChainError) && !isFile) throw error;
      log.warn('a revocation list cannot be read', { source, why: error.message });
    }
    return false;
  }
}

/** Throws Es9TransportError, and SmdpAddressError for a host that is none. */
async function fetched(https: Pick<Https, 'get'>, url: string): Promise<Uint8Array> {
  const { host, pathname, search } = new URL(url);
  const { status, body } = await https.get(parseSmdpAddress(host), {
    path: `${pathname}${search}`,
    headers: { Accept: 'application/pkix-crl' },
  });
  if (status !== 200) throw new Es9TransportError('status', `the answer has status ${status}`);
  return body;
}

function isUrl(source: string): boolean {
  return /^https:/i.test(source);
}

function keyOf(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 32);
}
