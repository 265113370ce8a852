/**
 * How much work of elliptic curves each group of addresses may ask for: a bucket of tokens each. A handshake with ECDHE
 * takes ten times as long as one with a PSK alone, and whoever is at an address of its own can begin as many as it
 * likes: without a bound, one host would take the time of all.
 */
import { BoundedMap } from '../base/bounded-map.ts';
import type { Clock } from '../base/clock.ts';
import { addressGroup } from './ip.ts';
import type { NamedGroup } from './named-groups.ts';

export interface WorkBudgetOptions {
  readonly clock: Clock;
  /** Tokens a second of one group of addresses. */
  readonly perSecond: number;
}

/** What a bucket holds, in seconds of its tokens: a fleet behind one address may come all at once. */
const seconds = 5;
/** Most groups of addresses whose buckets are not full. */
const mostGroups = 10_000;

/** node:crypto takes ten times as long in it as in the others. */
const dear = 'brainpoolP256r1';

interface Bucket {
  tokens: number;
  at: number;
}

export class WorkBudget {
  readonly #options: WorkBudgetOptions;
  readonly #buckets: BoundedMap<string, Bucket>;

  constructor(options: WorkBudgetOptions) {
    const { clock } = options;
    this.#options = options;
    // A bucket that nobody touched for so long is full.
    const lifetime = 1000 * seconds;
    this.#buckets = new BoundedMap({ clock, ceiling: mostGroups, lifetime });
  }

  /** Takes what an agreement in the group costs; false where this address has had its share. */
  take(address: string, { curve }: NamedGroup): boolean {
    const { clock, perSecond } = this.#options;
    const key = addressGroup(address);
    const now = clock.now();
    const full = seconds * perSecond;
    const bucket = this.#buckets.get(key) ?? { tokens: full, at: now };
    const gained = (Math.max(0, now - bucket.at) * perSecond) / 1000;
    const tokens = Math.min(full, bucket.tokens + gained);
    const cost = curve === dear ? 10 : 1;
    const affordable = tokens >= cost;
    this.#buckets.set(key, { tokens: affordable ? tokens - cost : tokens, at: now });
    return affordable;
  }
}
