/** A response that comes in blocks of Block2, in order (RFC 7959 section 2.4). */
import { concat, equal } from '../base/bytes.ts';
import { type Block, offsetOf, sizeOf } from './block.ts';
import { CoapClientError } from './client-exchange.ts';
import type { Message } from './message.ts';
import { OptionNumber, optionOf } from './options.ts';

export class Download {
  readonly first: Message;
  readonly #parts: Uint8Array[] = [];
  #received = 0;
  #szx: number;

  constructor(first: Message, szx: number) {
    this.first = first;
    this.#szx = szx;
  }

  get received(): number {
    return this.#received;
  }

  /** The next block to ask for, in the size that the server chose. */
  get next(): Block {
    return { number: this.#received / sizeOf(this.#szx), more: false, szx: this.#szx };
  }

  /** Takes the next block; throws CoapClientError where it is another, or of another answer. */
  add(message: Message, block: Block | undefined): void {
    checkBlock(block, this.#received, message.payload);
    checkSame(this.first, message);
    this.#parts.push(message.payload);
    this.#received += message.payload.length;
    this.#szx = block.szx;
  }

  body(): Uint8Array {
    return concat(...this.#parts);
  }
}

function checkBlock(
  block: Block | undefined,
  received: number,
  payload: Uint8Array,
): asserts block is Block {
  if (block === undefined) {
    throw new CoapClientError('malformed', 'a block without Block2');
  }
  if (offsetOf(block) !== received) {
    throw new CoapClientError('malformed', `block at ${offsetOf(block)}, due ${received}`);
  }
  const size = sizeOf(block.szx);
  if (block.more ? payload.length !== size : payload.length > size) {
    throw new CoapClientError('malformed', `${payload.length} octets in a block of ${size}`);
  }
}

/** Blocks of one representation carry one ETag (RFC 7959 section 2.4, RFC 9177 section 4.4). */
export function checkSame(first: Message, message: Message): void {
  const due = optionOf(first.options, OptionNumber.etag) ?? new Uint8Array();
  const found = optionOf(message.options, OptionNumber.etag) ?? new Uint8Array();
  if (!equal(due, found)) throw new CoapClientError('changed', 'the ETag changed between blocks');
}
