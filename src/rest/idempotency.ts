/**
 * Idempotency-Key: an order that is posted twice under the same key is placed once. The key is kept in the same commit
 * as its order, so that no crash lies between the two.
 */
import { createHash } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { Serial } from '../base/serial.ts';
import type { Order } from '../orders/order.ts';
import { type Change, put, remove, type Store, table } from '../store/store.ts';
import { ApiError, badInput } from './api/errors.ts';

const rows = table<KeptKey>('rest-key');

interface KeptKey {
  readonly order: string;
  /** SHA-256 of what was posted, in hex. */
  readonly posted: string;
  readonly at: number;
}

/** Rows read at a time. */
const page = 256;

const header = 'Idempotency-Key';

export interface KeyOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Milliseconds that a key is known for. */
  readonly kept: number;
}

/** A key as a request gives it. */
export interface GivenKey {
  /** Whose: keys of others do not meet. */
  readonly caller: string;
  readonly key: string;
  /** Of a batch under one key: whose place this is. */
  readonly place?: number;
  /** The body, as it was posted. */
  readonly posted: unknown;
}

export class IdempotencyKeys {
  readonly #options: KeyOptions;
  readonly #serial = new Serial();

  constructor(options: KeyOptions) {
    this.#options = options;
  }

  /**
   * The id of the order that this key made before; else `work` makes one, with the changes that it is given. Throws
   * ApiError 422 where the key was given to another order.
   */
  async once(
    { caller, key, place, posted }: GivenKey,
    work: (also: (order: Order) => readonly Change[]) => Promise<Order>,
  ): Promise<{ readonly before: string } | { readonly order: Order }> {
    const { store, clock, kept } = this.#options;
    // No key that is given has a space: those of a batch meet no other.
    const row = `${caller}/${checked(key)}${place === undefined ? '' : ` ${place}`}`;
    const hash = digestOf(posted);
    return this.#serial.run(row, async () => {
      const known = await store.get(rows, row);
      if (known === undefined || known.at + kept <= clock.now()) {
        return {
          order: await work(({ id }) => [
            put(rows, row, { order: id, posted: hash, at: clock.now() }),
          ]),
        };
      }
      if (known.posted === hash) return { before: known.order };
      throw new ApiError(
        422,
        'keyReused',
        'this key was given to another order: make a new key for each order',
        header,
      );
    });
  }

  /** Forgets the keys that are past their time; gives how many. */
  async sweep(): Promise<number> {
    const { store, clock, kept } = this.#options;
    const end = clock.now() - kept;
    let count = 0;
    let after: string | undefined;
    for (;;) {
      const list = await store.list(rows, { limit: page, ...(after && { after }) });
      const old = list.filter(([, { at }]) => at <= end);
      await store.commit(old.map(([key]) => remove(rows, key)));
      count += old.length;
      if (list.length < page) return count;
      after = list.at(-1)?.[0];
    }
  }
}

/** Throws ApiError 400. */
function checked(key: string): string {
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw badInput(header, 'must be of 1 to 255 visible ASCII characters, such as a UUID');
}

/**
 * A confirmation code has no part in it: its hash would be as good as the code. Nor has the key that an entry of a batch
 * holds: the same order may come alone with the same key.
 */
function digestOf(posted: unknown): string {
  const text = JSON.stringify(posted, (name, value: unknown) => {
    if (name === 'confirmationCode') return '';
    return name === 'idempotencyKey' ? undefined : value;
  });
  return toHex(createHash('sha256').update(text).digest());
}
