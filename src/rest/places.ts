/** Places of requests that stay open: so many in all, and so many of one token, so that none takes those of all others. */
import { ApiError } from './api/errors.ts';
import { anyone, type Caller } from './route.ts';

/** As rest.waiters and rest.waitersPerToken have it. */
export interface Bounds {
  /** In all. */
  readonly waiters: number;
  /** Of one token; absent: a quarter. */
  readonly waitersPerToken?: number | undefined;
}

/** For people. */
interface Words {
  /** What takes them: `streams are open`. */
  readonly taken: string;
  /** What to do for one more. */
  readonly advice: string;
}

/** Of requests that wait for an order to change. */
export function waitPlaces(bounds: Bounds): Places {
  return new Places(bounds, { taken: 'requests wait', advice: 'ask without wait' });
}

/** Of streams of events. */
export function streamPlaces(bounds: Bounds): Places {
  return new Places(bounds, { taken: 'streams are open', advice: 'close some' });
}

/** Seconds after which there may be one again. */
const retryAfter = 10;

export class Places {
  readonly #bounds: { readonly waiters: number; readonly waitersPerToken: number };
  readonly #words: Words;
  readonly #ofToken = new Map<Caller['id'], number>();
  #inAll = 0;

  constructor({ waiters, waitersPerToken = Math.ceil(waiters / 4) }: Bounds, words: Words) {
    this.#bounds = { waiters, waitersPerToken };
    this.#words = words;
  }

  /**
   * Takes one; what it gives lets go of it, once. Where no token is asked for, nobody can be told from anybody, and the
   * bound in all holds alone. Throws ApiError 429 where the token has all that are its own, 503 where there is none left.
   */
  take({ id }: Pick<Caller, 'id'>): () => void {
    const { waiters, waitersPerToken } = this.#bounds;
    const { taken, advice } = this.#words;
    const own = this.#ofToken.get(id) ?? 0;
    if (id !== anyone && own >= waitersPerToken) {
      const complaint = `${own} ${taken} with this token already: ${advice}, or raise rest.waitersPerToken`;
      throw new ApiError(429, 'tooManyRequests', complaint, undefined, retryAfter);
    }
    if (this.#inAll >= waiters) {
      const complaint = `${waiters} ${taken} already: ${advice}, or raise rest.waiters`;
      throw new ApiError(503, 'busy', complaint, undefined, retryAfter);
    }
    this.#inAll++;
    this.#ofToken.set(id, own + 1);
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#inAll--;
      const left = (this.#ofToken.get(id) ?? 1) - 1;
      if (left === 0) this.#ofToken.delete(id);
      else this.#ofToken.set(id, left);
    };
  }
}
