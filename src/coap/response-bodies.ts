/** Response bodies that leave in blocks (RFC 7959 section 2.4): kept whole, handed out a block at a time. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { Serial } from '../base/serial.ts';
import type { AnswerSnapshot, BodyStore } from './body-store.ts';
import type { CoapLimits } from './parameters.ts';
import type { QBlockAnswer } from './q-block-answer.ts';
import { type CoapPeer, ownerOf } from './request.ts';
import type { RequestKeys } from './request-key.ts';
import { Shelf } from './shelf.ts';
import type { StoredResponse } from './stored-response.ts';

export interface ResponseBodiesOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: CoapLimits;
  readonly store: BodyStore | undefined;
}

/** An answer in blocks, and how far its peer is. */
export interface Kept {
  readonly keys: Pick<RequestKeys, 'tagged' | 'bare' | 'loose'>;
  readonly response: StoredResponse;
  /** Offset of the block that was handed out last. */
  served?: number;
  /** Where the peer takes it by Q-Block2. */
  quick?: QBlockAnswer;
}

export class ResponseBodies {
  readonly #options: ResponseBodiesOptions;
  readonly #shelf: Shelf<Kept>;
  /** Changes of one owner's stored answers happen in their order. */
  readonly #serial = new Serial();

  constructor(options: ResponseBodiesOptions) {
    const { clock, limits } = options;
    this.#options = options;
    this.#shelf = new Shelf({
      clock,
      lifetime: limits.answerLifetime,
      perPeer: limits.answersPerPeer,
      perIdentity: limits.answersPerIdentity,
      octets: limits.answerOctets,
      gone: (kept) => kept.quick?.stop(),
    });
  }

  get held(): number {
    return this.#shelf.size;
  }

  get octets(): number {
    return this.#shelf.octets;
  }

  /**
   * Keeps a response until it is replaced, expires or must make room; undefined where it is larger than all the room.
   * Resolves when it would outlive this process, too.
   */
  async keep(
    peer: CoapPeer,
    { tagged, bare, loose }: RequestKeys,
    response: StoredResponse,
  ): Promise<Kept | undefined> {
    const kept: Kept = { keys: { tagged, bare, loose }, response };
    if (!this.#shelf.put(peer, tagged, kept, response.body.length)) return undefined;
    const { clock, limits } = this.#options;
    const expires = clock.now() + limits.storedLifetime;
    await this.#stored(peer, (store, owner) =>
      store.put(owner, { ...response, key: tagged, bare, loose, expires }),
    );
    return kept;
  }

  /** The answer that a later block is asked of, from memory or else from the store. */
  async find(peer: CoapPeer, keys: RequestKeys): Promise<Kept | undefined> {
    const held = this.#inMemory(peer, keys);
    if (held !== undefined || this.#options.store === undefined) return held;
    await this.#load(peer);
    return this.#inMemory(peer, keys);
  }

  /** Whether there may be answers of the peer's owner in memory. */
  has(peer: CoapPeer): boolean {
    return this.#shelf.has(peer);
  }

  /** A request that will be answered anew is here. */
  abandon(peer: CoapPeer, { tagged }: RequestKeys): void {
    if (this.#shelf.get(peer, tagged) === undefined) return;
    this.#shelf.delete(peer, tagged);
    void this.#stored(peer, (store, owner) => store.delete(owner, tagged));
  }

  forget(peer: CoapPeer): void {
    this.#shelf.forget(peer);
  }

  sweep(): void {
    this.#shelf.sweep();
  }

  close(): void {
    this.#shelf.clear();
  }

  /**
   * By request and Request-Tags; clients that leave out the tags, or the Uri-Path, when they ask get the only answer
   * that fits otherwise.
   */
  #inMemory(peer: CoapPeer, { tagged, bare, loose, nameless }: RequestKeys): Kept | undefined {
    return (
      this.#shelf.get(peer, tagged) ??
      this.#shelf.find(peer, ({ keys }) => keys.tagged === tagged) ??
      (tagged === bare ? this.#shelf.find(peer, ({ keys }) => keys.bare === bare) : undefined) ??
      (nameless ? this.#shelf.find(peer, ({ keys }) => keys.loose === loose) : undefined)
    );
  }

  async #load(peer: CoapPeer): Promise<void> {
    const now = this.#options.clock.now();
    let found: readonly AnswerSnapshot[] = [];
    await this.#stored(peer, async (store, owner) => {
      found = await store.of(owner);
    });
    for (const { key, bare, loose, code, options, body, expires } of found) {
      const isKey = ({ keys }: Kept) => keys.tagged === key;
      if (expires <= now || this.#shelf.find(peer, isKey) !== undefined) continue;
      const kept = { keys: { tagged: key, bare, loose }, response: { code, options, body } };
      this.#shelf.put(peer, key, kept, body.length);
    }
  }

  /** Does something with the store, after all that was done before; a failure is logged, and no more. */
  async #stored(
    peer: CoapPeer,
    work: (store: BodyStore, owner: string) => Promise<void>,
  ): Promise<void> {
    const { store, log } = this.#options;
    if (store === undefined || peer.identity === undefined) return;
    const owner = ownerOf(peer);
    try {
      await this.#serial.run(owner, () => work(store, owner));
    } catch (error) {
      log.error('answers are not stored', { owner, error: String(error) });
    }
  }
}
