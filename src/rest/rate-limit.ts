/** How often somebody may ask: a bucket for each, that fills at a steady rate. */
import { BoundedMap } from '../base/bounded-map.ts';
import type { Clock } from '../base/clock.ts';

export interface RateLimitOptions {
  readonly clock: Clock;
  /** Requests for each second, in the long run. */
  readonly rate: number;
  /** Requests at once, after a rest. */
  readonly burst: number;
}

interface Bucket {
  left: number;
  at: number;
}

/** Callers that are remembered; those beyond, unused for longest, begin anew. */
const ceiling = 10_000;

export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #buckets: BoundedMap<string, Bucket>;

  constructor(options: RateLimitOptions) {
    this.#options = options;
    // Whoever is forgotten would be full again by then.
    const lifetime = Math.ceil((1000 * options.burst) / options.rate) + 1000;
    this.#buckets = new BoundedMap({ clock: options.clock, ceiling, lifetime });
  }

  /** Takes one; gives the seconds to wait where there is none, and 0 where there was. */
  take(caller: string): number {
    const bucket = this.#bucket(caller);
    if (bucket.left < 1) return Math.ceil((1 - bucket.left) / this.#options.rate);
    bucket.left--;
    return 0;
  }

  /** The seconds to wait for one; nothing is taken. */
  wait(caller: string): number {
    const { left } = this.#bucket(caller);
    return left < 1 ? Math.ceil((1 - left) / this.#options.rate) : 0;
  }

  #bucket(caller: string): Bucket {
    const { clock, rate, burst } = this.#options;
    const now = clock.now();
    const known = this.#buckets.get(caller);
    const bucket = known ?? { left: burst, at: now };
    // A clock that was set back fills nothing.
    const gone = Math.max(0, now - bucket.at);
    bucket.left = Math.min(burst, bucket.left + (gone * rate) / 1000);
    bucket.at = now;
    if (known === undefined) this.#buckets.set(caller, bucket);
    return bucket;
  }
}
