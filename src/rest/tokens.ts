/**
 * The tokens of the REST API besides `rest.token`. A token is its id and 32 octets of chance; kept is the SHA-256 of
 * the whole, which is enough for what cannot be guessed:
 *
 * ```
 *   eim_<id, 12 hex digits>_<43 characters of base64url>
 * ```
 *
 * All are in memory, so that a request is let in without a look at the disk.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { put, remove, type Store, table } from '../store/store.ts';
import { ApiError } from './api/errors.ts';
import type { Role } from './api/tokens.ts';

const rows = table<TokenRecord>('rest-token');

/** A token without its secret; times in milliseconds since 1970. */
export interface TokenRecord {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the token. */
  readonly hash: Uint8Array;
  readonly added: number;
  readonly expires?: number;
  readonly lastUsed?: number;
}

export interface NewToken {
  readonly name: string;
  readonly role: Role;
  readonly expires?: number;
}

export interface TokensOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Most tokens; one more is refused. */
const most = 1000;
/** Milliseconds between two notes of a token's use. */
const noteEvery = 60_000;

export class Tokens {
  readonly #options: TokensOptions;
  readonly #byId: Map<string, TokenRecord>;

  private constructor(options: TokensOptions, known: Iterable<TokenRecord>) {
    this.#options = options;
    this.#byId = new Map([...known].map((token) => [token.id, token]));
  }

  static async open(options: TokensOptions): Promise<Tokens> {
    const found = await options.store.list(rows);
    return new Tokens(
      options,
      found.map(([, token]) => token),
    );
  }

  /** Whether there is a token that may change who is trusted, and is not past its time. */
  get anyAdmin(): boolean {
    return this.list().some((token) => token.role === 'admin' && !this.isExpired(token));
  }

  /** In the order of their ids. */
  list(): readonly TokenRecord[] {
    return [...this.#byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  isExpired({ expires }: Pick<TokenRecord, 'expires'>): boolean {
    return expires !== undefined && expires <= this.#options.clock.now();
  }

  /** Makes one; `secret` is nowhere else. Throws ApiError where there are too many, or its end is over already. */
  async add(wanted: NewToken): Promise<{ readonly token: TokenRecord; readonly secret: string }> {
    const { store, clock, random, log } = this.#options;
    if (this.#byId.size >= most) {
      const complaint = `there are ${most} tokens: delete those that are of no use`;
      throw new ApiError(409, 'conflict', complaint);
    }
    if (this.isExpired(wanted)) {
      throw new ApiError(400, 'badInput', 'must lie in the future', 'expires');
    }
    const id = toHex(random(6)).toLowerCase();
    const secret = `eim_${id}_${Buffer.from(random(32)).toString('base64url')}`;
    const token: TokenRecord = { id, hash: digest(secret), added: clock.now(), ...wanted };
    await store.commit([put(rows, id, token)]);
    this.#byId.set(id, token);
    log.info('token added', { id, role: token.role });
    return { token, secret };
  }

  /** From now on it is not taken; false where there is none. */
  async remove(id: string): Promise<boolean> {
    if (!this.#byId.has(id)) return false;
    await this.#options.store.commit([remove(rows, id)]);
    this.#byId.delete(id);
    this.#options.log.info('token deleted', { id });
    return true;
  }

  /** Whether a token with this id would be taken. */
  stands(id: string): boolean {
    const token = this.#byId.get(id);
    return token !== undefined && !this.isExpired(token);
  }

  /** The token that this is, which was used now; undefined where it is none, or past its time. */
  used(secret: string): TokenRecord | undefined {
    const [, id = ''] = /^eim_([0-9a-f]{12})_/.exec(secret) ?? [];
    const token = this.#byId.get(id);
    if (token === undefined || !timingSafeEqual(token.hash, digest(secret))) return undefined;
    if (this.isExpired(token)) return undefined;
    const now = this.#options.clock.now();
    if (now - (token.lastUsed ?? 0) >= noteEvery) this.#note({ ...token, lastUsed: now });
    return token;
  }

  /** A use that is not noted costs nobody anything. */
  #note(token: TokenRecord): void {
    const { store, log } = this.#options;
    this.#byId.set(token.id, token);
    store.commit([put(rows, token.id, token)]).catch((error: unknown) => {
      log.error('the use of a token is not noted', { id: token.id, why: String(error) });
    });
  }
}

/** SHA-256. */
export function digest(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}
