/** Response bodies that leave in blocks (RFC 7959 section 2.4): kept whole, handed out a block at a time. */
import { createHash } from 'node:crypto';
import type { Answer } from './answer.ts';
import { type Block, blockOption, offsetOf, sizeOf } from './block.ts';
import { CoapError, Code } from './codes.ts';
import { type Option, OptionNumber, uintOption } from './options.ts';
import type { CoapResponse } from './request.ts';
import { Shelf, type ShelfOptions } from './shelf.ts';

/** A whole response, with the options that each of its blocks carries. */
export interface StoredResponse {
  readonly code: Code;
  /** ETag, Content-Format, Max-Age. */
  readonly options: readonly Option[];
  readonly body: Uint8Array;
}

/** Which of a peer's answers is meant: by its request without and with its Request-Tags. */
export interface ResponseKey {
  readonly bare: string;
  readonly tagged: string;
}

interface Kept {
  readonly bare: string;
  readonly response: StoredResponse;
}

export class ResponseBodies {
  readonly #shelf: Shelf<Kept>;

  constructor(options: ShelfOptions) {
    this.#shelf = new Shelf(options);
  }

  get held(): number {
    return this.#shelf.size;
  }

  get octets(): number {
    return this.#shelf.octets;
  }

  /** Keeps a response until it is replaced, expires or must make room; false where it is larger than all the room. */
  keep(peer: string, key: ResponseKey, response: StoredResponse): boolean {
    return this.#shelf.put(peer, key.tagged, { bare: key.bare, response }, response.body.length);
  }

  /**
   * The response that a later block is asked of. Clients that leave out the Request-Tag when they ask get the only
   * response that fits their request otherwise.
   */
  find(peer: string, key: ResponseKey): StoredResponse | undefined {
    const exact = this.#shelf.get(peer, key.tagged);
    if (exact !== undefined) return exact.response;
    if (key.tagged !== key.bare) return undefined;
    const [only, another] = this.#shelf.of(peer).filter(([, kept]) => kept.bare === key.bare);
    if (only === undefined || another !== undefined) return undefined;
    return this.#shelf.get(peer, only[0])?.response;
  }

  /** A request that will be answered anew is here. */
  abandon(peer: string, key: ResponseKey): void {
    this.#shelf.delete(peer, key.tagged);
  }

  forget(peer: string): void {
    this.#shelf.forget(peer);
  }

  sweep(): void {
    this.#shelf.sweep();
  }
}

/** Octets of an ETag: enough to tell one answer from the next, few enough to travel in each block. */
const etagOctets = 4;

/**
 * A handler's response as it is kept. The ETag is of the body and its format, so that a response made again after it
 * was forgotten goes on where the peer stopped.
 */
export function stored(response: CoapResponse): StoredResponse {
  const body = response.body ?? new Uint8Array();
  const hash = createHash('sha256').update(`${response.contentFormat} `).update(body).digest();
  const etag = new Uint8Array(hash.subarray(0, etagOctets));
  return {
    code: response.code,
    options: [{ number: OptionNumber.etag, value: etag }, ...optionsOfResponse(response)],
    body,
  };
}

/** A response that needs no blocks. */
export function unblocked(response: CoapResponse): Answer {
  return {
    code: response.code,
    options: optionsOfResponse(response),
    payload: response.body ?? new Uint8Array(),
  };
}

function optionsOfResponse({ contentFormat, maxAge }: CoapResponse): readonly Option[] {
  const options: Option[] = [];
  if (contentFormat !== undefined) {
    options.push(uintOption(OptionNumber.contentFormat, contentFormat));
  }
  if (maxAge !== undefined) options.push(uintOption(OptionNumber.maxAge, maxAge));
  return options;
}

/**
 * The block of a response that `asked` names, in blocks of `asked`'s size or of `szx` where that is smaller. Throws
 * CoapError 4.00 beyond the end.
 */
export function blockOfResponse(
  response: StoredResponse,
  asked: Block,
  szx: number,
  tellSize: boolean,
): Answer {
  const offset = offsetOf(asked);
  const { body } = response;
  if (offset > 0 && offset >= body.length) {
    throw new CoapError(Code.badRequest, `block at ${offset} of ${body.length} octets`);
  }
  const given = Math.min(asked.szx, szx);
  const end = Math.min(offset + sizeOf(given), body.length);
  const block = { number: offset / sizeOf(given), more: end < body.length, szx: given };
  return {
    code: response.code,
    options: [
      ...response.options,
      blockOption(OptionNumber.block2, block),
      ...(offset === 0 || tellSize ? [uintOption(OptionNumber.size2, body.length)] : []),
    ],
    payload: body.subarray(offset, end),
  };
}
