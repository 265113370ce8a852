/** Request bodies that arrive in blocks (RFC 7959 section 2.5, 2.9): each is put together once and handled once. */
import { equal, Writer } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Answer } from './answer.ts';
import { type Block, blockOption, offsetOf, sizeOf } from './block.ts';
import { CoapError, Code } from './codes.ts';
import { type Option, OptionNumber, ownOptions, uintOf } from './options.ts';
import type { CoapLimits } from './parameters.ts';
import type { CoapPeer } from './request.ts';
import type { RequestKeys } from './request-key.ts';
import { Shelf } from './shelf.ts';

/** One block of a request body, as it came. */
export interface BodyBlock {
  readonly block: Block;
  readonly options: readonly Option[];
  readonly payload: Uint8Array;
}

/** What a block leads to. */
export type Collected =
  /** Go on. */
  | { readonly type: 'more'; readonly answer: Answer }
  /** Nothing is to be said now (RFC 9177 section 4.3). */
  | { readonly type: 'waits' }
  /** The body is whole; whoever handles it gives the coming answer to `handled`, where that is wanted. */
  | {
      readonly type: 'whole';
      /** Of the first block: later ones may leave out what they like. */
      readonly options: readonly Option[];
      readonly body: Uint8Array;
      readonly handled?: (outcome: Promise<Answer>) => void;
    }
  /** A block of a body that is handled already, sent again under a new message ID. */
  | { readonly type: 'again'; readonly outcome: Promise<Answer> };

/** The block accepted last, to know it when it comes again. */
interface Last {
  readonly block: Block;
  readonly payload: Uint8Array;
}

type Body = { readonly loose: string; readonly last: Last } & (
  | {
      readonly at: 'collecting';
      readonly options: readonly Option[];
      readonly writer: Writer;
      readonly received: number;
    }
  | { readonly at: 'handled'; readonly outcome: Promise<Answer> }
);

export class RequestBodies {
  readonly #shelf: Shelf<Body>;
  readonly #limit: number;

  constructor(clock: Clock, limits: CoapLimits) {
    this.#shelf = new Shelf({
      clock,
      lifetime: limits.bodyLifetime,
      perPeer: limits.bodiesPerPeer,
      perIdentity: limits.bodiesPerPeer,
      octets: limits.bodyOctets,
    });
    this.#limit = limits.requestBody;
  }

  get held(): number {
    return this.#shelf.size;
  }

  get octets(): number {
    return this.#shelf.octets;
  }

  /**
   * Takes a block. `szx` is the largest block size that we want. Throws CoapError: 4.00 for a block whose length is
   * not its size, 4.08 for one that does not follow, 4.13 for a body that is too large.
   */
  collect(peer: CoapPeer, keys: RequestKeys, part: BodyBlock, szx: number): Collected {
    const { block, payload } = part;
    checkLength(block, payload);
    const before = block.number === 0 ? undefined : this.#find(peer, keys, part);
    const key = before?.key ?? keys.body;
    const body = before?.body;
    if ((uintOf(part.options, OptionNumber.size1) ?? 0) > this.#limit) {
      throw this.#tooLarge(peer, key);
    }
    if (body !== undefined && isAgain(body, part)) {
      if (body.at === 'handled') return { type: 'again', outcome: body.outcome };
      return { type: 'more', answer: goOn(block, szx) };
    }
    const collecting = body?.at === 'collecting' ? body : undefined;
    const received = collecting?.received ?? 0;
    if (offsetOf(block) !== received) {
      throw new CoapError(
        Code.requestEntityIncomplete,
        `block at ${offsetOf(block)}, due ${received}`,
      );
    }
    if (received + payload.length > this.#limit) throw this.#tooLarge(peer, key);
    const writer = collecting?.writer ?? new Writer(payload.length);
    writer.bytes(payload);
    const last = { block, payload };
    const { loose } = keys;
    const options = collecting?.options ?? ownOptions(part.options);
    if (block.more) {
      const next = received + payload.length;
      const body: Body = { at: 'collecting', loose, options, writer, received: next, last };
      if (!this.#shelf.put(peer, key, body, next)) throw this.#tooLarge(peer, key);
      return { type: 'more', answer: goOn(block, szx) };
    }
    this.#shelf.delete(peer, key);
    return {
      type: 'whole',
      options,
      body: writer.done(),
      handled: (outcome) => {
        if (block.number === 0) return; // block 0 again is a new request
        this.#shelf.put(peer, key, { at: 'handled', loose, outcome, last }, last.payload.length);
      },
    };
  }

  forget(peer: CoapPeer): void {
    this.#shelf.forget(peer);
  }

  sweep(): void {
    this.#shelf.sweep();
  }

  /**
   * The body that a later block belongs to: the connection's own, or one of the peer's other connections where the
   * block is the next of it. A block that leaves out its Uri-Path belongs to the only body that it could.
   */
  #find(
    peer: CoapPeer,
    keys: RequestKeys,
    part: BodyBlock,
  ): { readonly key: string; readonly body: Body } | undefined {
    const own = this.#shelf.get(peer, keys.body);
    if (own !== undefined) return { key: keys.body, body: own };
    let key = keys.body;
    const fits = (body: Body): boolean =>
      isAgain(body, part) || (body.at === 'collecting' && body.received === offsetOf(part.block));
    const body = this.#shelf.find(peer, (other, otherKey) => {
      const named = otherKey === keys.body || (keys.nameless && other.loose === keys.loose);
      if (!named || !fits(other)) return false;
      key = otherKey;
      return true;
    });
    return body && { key, body };
  }

  #tooLarge(peer: CoapPeer, key: string): CoapError {
    this.#shelf.delete(peer, key);
    return new CoapError(Code.requestEntityTooLarge, `body over ${this.#limit} octets`, {
      size1: this.#limit,
    });
  }
}

/** A block before the last is exactly as long as its size (RFC 7959 section 2.2); the last one is no longer. */
function checkLength(block: Block, payload: Uint8Array): void {
  const size = sizeOf(block.szx);
  if (block.more ? payload.length === size : payload.length <= size) return;
  throw new CoapError(Code.badRequest, `${payload.length} octets in a block of ${size}`);
}

/** Whether the very octets of a block are here already: of the last one, or of one before it. */
function isAgain(body: Body, { block, payload }: BodyBlock): boolean {
  const { last } = body;
  if (
    last.block.number === block.number &&
    last.block.more === block.more &&
    last.block.szx === block.szx
  ) {
    return equal(last.payload, payload);
  }
  if (body.at !== 'collecting' || !block.more) return false;
  const offset = offsetOf(block);
  if (offset + payload.length > body.received) return false;
  return equal(body.writer.done().subarray(offset, offset + payload.length), payload);
}

/** 2.31 Continue; a smaller size than the block's holds from the next block on (RFC 7959 section 2.5, 2.9.1). */
function goOn(block: Block, szx: number): Answer {
  const wanted = { number: block.number, more: true, szx: Math.min(block.szx, szx) };
  return {
    code: Code.continue,
    options: [blockOption(OptionNumber.block1, wanted)],
    payload: new Uint8Array(),
    goesOn: true,
  };
}
