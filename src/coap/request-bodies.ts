/** Request bodies that arrive in blocks (RFC 7959 section 2.5, 2.9): each is put together once and handled once. */
import { equal, Writer } from '../base/bytes.ts';
import type { Answer } from './answer.ts';
import { type Block, blockOption, offsetOf, sizeOf } from './block.ts';
import { CoapError, Code } from './codes.ts';
import { OptionNumber } from './options.ts';
import { Shelf, type ShelfOptions } from './shelf.ts';

/** One block of a request body, as it came. */
export interface BodyBlock {
  readonly block: Block;
  readonly payload: Uint8Array;
  /** Size1: octets of the whole body, as the peer says. */
  readonly size?: number | undefined;
}

/** What a block leads to. */
export type Collected =
  /** Go on. */
  | { readonly type: 'more'; readonly answer: Answer }
  /** The body is whole; whoever handles it gives the coming answer to `handled`. */
  | {
      readonly type: 'whole';
      readonly body: Uint8Array;
      readonly handled: (outcome: Promise<Answer>) => void;
    }
  /** The last block of a body that is handled already, sent again under a new message ID. */
  | { readonly type: 'again'; readonly outcome: Promise<Answer> };

/** The block accepted last, to know it when it comes again. */
interface Last {
  readonly block: Block;
  readonly payload: Uint8Array;
}

type Body =
  | {
      readonly at: 'collecting';
      readonly writer: Writer;
      readonly received: number;
      readonly last: Last;
    }
  | { readonly at: 'handled'; readonly outcome: Promise<Answer>; readonly last: Last };

export class RequestBodies {
  readonly #shelf: Shelf<Body>;
  readonly #limit: number;

  /** `limit`: octets of one body. */
  constructor(options: ShelfOptions & { readonly limit: number }) {
    this.#shelf = new Shelf(options);
    this.#limit = options.limit;
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
  collect(peer: string, key: string, part: BodyBlock, szx: number): Collected {
    const { block, payload } = part;
    checkLength(block, payload);
    if ((part.size ?? 0) > this.#limit) throw this.#tooLarge(peer, key);
    const before = block.number === 0 ? undefined : this.#shelf.get(peer, key);
    if (before !== undefined && isAgain(before.last, part)) {
      if (before.at === 'handled') return { type: 'again', outcome: before.outcome };
      return { type: 'more', answer: goOn(block, szx) };
    }
    const received = before?.at === 'collecting' ? before.received : 0;
    if (offsetOf(block) !== received) {
      if (before?.at === 'collecting') this.#shelf.delete(peer, key);
      throw new CoapError(
        Code.requestEntityIncomplete,
        `block at ${offsetOf(block)}, due ${received}`,
      );
    }
    if (received + payload.length > this.#limit) throw this.#tooLarge(peer, key);
    const writer = before?.at === 'collecting' ? before.writer : new Writer(payload.length);
    writer.bytes(payload);
    const last = { block, payload: payload.slice() };
    if (block.more) {
      const body: Body = { at: 'collecting', writer, received: received + payload.length, last };
      if (!this.#shelf.put(peer, key, body, body.received)) throw this.#tooLarge(peer, key);
      return { type: 'more', answer: goOn(block, szx) };
    }
    this.#shelf.delete(peer, key);
    return {
      type: 'whole',
      body: writer.done(),
      handled: (outcome) => {
        if (block.number === 0) return; // block 0 again is a new request
        this.#shelf.put(peer, key, { at: 'handled', outcome, last }, last.payload.length);
      },
    };
  }

  forget(peer: string): void {
    this.#shelf.forget(peer);
  }

  sweep(): void {
    this.#shelf.sweep();
  }

  #tooLarge(peer: string, key: string): CoapError {
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

function isAgain(last: Last, part: BodyBlock): boolean {
  const { number, more, szx } = last.block;
  return (
    number === part.block.number &&
    more === part.block.more &&
    szx === part.block.szx &&
    equal(last.payload, part.payload)
  );
}

/** 2.31 Continue; a smaller size than the block's holds from the next block on (RFC 7959 section 2.5, 2.9.1). */
function goOn(block: Block, szx: number): Answer {
  const wanted = { number: block.number, more: true, szx: Math.min(block.szx, szx) };
  return {
    code: Code.continue,
    options: [blockOption(OptionNumber.block1, wanted)],
    payload: new Uint8Array(),
  };
}
