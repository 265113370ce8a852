/**
 * A CoAP client towards one server: whole requests in, whole responses out, block-wise where they are large
 * (RFC 7252, RFC 7959, Request-Tag of RFC 9175). One request is under way at a time; others wait in their order.
 */
import { concat, equal, utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Serial } from '../base/serial.ts';
import { type Block, blockOf, blockOption, offsetOf, sizeOf, szxWithin } from './block.ts';
import { ClientExchange, CoapClientError, type CoapClientStatistics } from './client-exchange.ts';
import { CoapError, Code, isResponse, type Method, MethodCode } from './codes.ts';
import type { Message } from './message.ts';
import { type Option, OptionNumber, optionOf, uintOf, uintOption } from './options.ts';
import { type CoapParameters, defaultLimits, defaultParameters } from './parameters.ts';
import type { CoapResponse } from './request.ts';

export interface CoapClientOptions {
  readonly send: (message: Uint8Array) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where they differ from defaultParameters. */
  readonly parameters?: Partial<CoapParameters>;
  /** Octets of a response's body (default as for a server's). */
  readonly responseBody?: number;
}

export interface ClientRequest {
  readonly method: Method;
  /** Uri-Path, a segment an element. */
  readonly path: readonly string[];
  /** Uri-Query, an argument an element. */
  readonly query?: readonly string[];
  readonly contentFormat?: number;
  readonly accept?: number;
  readonly body?: Uint8Array;
  /** Octets of a block, both ways: 16 to 1,024, a power of 2; where given, the server is told before it answers. */
  readonly blockSize?: number;
}

export class CoapClient {
  readonly #exchange: ClientExchange;
  readonly #parameters: CoapParameters;
  readonly #responseBody: number;
  readonly #serial = new Serial();
  #requestTag: number;

  constructor(options: CoapClientOptions) {
    this.#parameters = { ...defaultParameters, ...options.parameters };
    this.#responseBody = options.responseBody ?? defaultLimits.responseBody;
    this.#exchange = new ClientExchange({ ...options, parameters: this.#parameters });
    const [high = 0, low = 0] = options.random(2);
    this.#requestTag = high * 256 + low;
  }

  get statistics(): CoapClientStatistics {
    return this.#exchange.statistics;
  }

  /** Takes one message of the server. Throws nothing for what the bytes hold. */
  receive(message: Uint8Array): void {
    this.#exchange.receive(message);
  }

  /**
   * Resolves with the whole response, which may be an error response. Rejects with CoapClientError where there is
   * none, or none to be believed.
   */
  request(request: ClientRequest): Promise<CoapResponse> {
    return this.#serial.run('', () => this.#transfer(request));
  }

  /** Rejects what is under way and all that waits; sends nothing more. */
  close(): void {
    this.#exchange.close();
  }

  async #transfer(request: ClientRequest): Promise<CoapResponse> {
    const szx = szxWithin(request.blockSize ?? this.#parameters.blockSize);
    const body = request.body ?? new Uint8Array();
    const code = MethodCode[request.method];
    const preference =
      request.blockSize === undefined
        ? []
        : [blockOption(OptionNumber.block2, { number: 0, more: false, szx })];
    try {
      if (body.length <= sizeOf(szx)) {
        const options = optionsOfRequest(request);
        const first = await this.#exchange.exchange(code, [...options, ...preference], body);
        return await this.#collect(code, options, first);
      }
      const options = [...optionsOfRequest(request), this.#nextRequestTag()];
      const first = await this.#sendBody(code, options, preference, body, szx);
      return await this.#collect(code, options, first);
    } catch (error) {
      if (!(error instanceof CoapError)) throw error;
      throw new CoapClientError('malformed', error.message, { cause: error }); // a reserved block size
    }
  }

  /** Block1 (RFC 7959 section 2.5): the response to the last block, or to the block where the server had enough. */
  async #sendBody(
    code: string,
    options: readonly Option[],
    preference: readonly Option[],
    body: Uint8Array,
    largestSzx: number,
  ): Promise<Message> {
    let szx = largestSzx;
    let offset = 0;
    for (;;) {
      const end = Math.min(offset + sizeOf(szx), body.length);
      const block = { number: offset / sizeOf(szx), more: end < body.length, szx };
      const response = await this.#exchange.exchange(
        code,
        [
          ...options,
          blockOption(OptionNumber.block1, block),
          ...(offset === 0 ? [uintOption(OptionNumber.size1, body.length)] : []),
          ...(block.more ? [] : preference),
        ],
        body.subarray(offset, end),
      );
      if (!block.more) return response;
      const told = blockOf(response.options, OptionNumber.block1);
      const smaller = smallerSzx(response, told, block);
      if (smaller !== undefined) {
        szx = smaller;
        continue;
      }
      if (response.code !== Code.continue) return response;
      if (told?.number !== block.number) {
        throw new CoapClientError('malformed', `2.31 does not name block ${block.number}`);
      }
      offset = end;
      szx = Math.min(szx, told.szx);
    }
  }

  /** Block2 (RFC 7959 section 2.4): asks for the rest in the size that the server chose. */
  async #collect(code: string, options: readonly Option[], first: Message): Promise<CoapResponse> {
    let block = blockOf(first.options, OptionNumber.block2);
    if (block === undefined) return responseOf(first, first.payload);
    const parts: Uint8Array[] = [];
    let received = 0;
    let message = first;
    for (;;) {
      checkBlock(block, received, message.payload);
      parts.push(message.payload.slice());
      received += message.payload.length;
      if (received > this.#responseBody) {
        throw new CoapClientError('too large', `a response over ${this.#responseBody} octets`);
      }
      if (!block.more) return responseOf(first, concat(...parts));
      const ask: Block = { number: received / sizeOf(block.szx), more: false, szx: block.szx };
      message = await this.#exchange.exchange(
        code,
        [...options, blockOption(OptionNumber.block2, ask)],
        new Uint8Array(),
      );
      if (message.code !== first.code) return responseOf(message, message.payload);
      checkSame(first, message);
      block = blockOf(message.options, OptionNumber.block2);
    }
  }

  /** A tag of its own for each body (RFC 9175 section 3.4). */
  #nextRequestTag(): Option {
    this.#requestTag = (this.#requestTag + 1) % 2 ** 16;
    const value = Uint8Array.of(this.#requestTag >> 8, this.#requestTag & 0xff);
    return { number: OptionNumber.requestTag, value };
  }
}

/** 4.13 to the first block, with a smaller size: not the body is too large but the block (RFC 7959 section 2.9.3). */
function smallerSzx(response: Message, told: Block | undefined, sent: Block): number | undefined {
  if (response.code !== Code.requestEntityTooLarge || sent.number !== 0) return undefined;
  return told !== undefined && told.szx < sent.szx ? told.szx : undefined;
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

/** Blocks of one representation carry one ETag (RFC 7959 section 2.4). */
function checkSame(first: Message, message: Message): void {
  const due = optionOf(first.options, OptionNumber.etag) ?? new Uint8Array();
  const found = optionOf(message.options, OptionNumber.etag) ?? new Uint8Array();
  if (!equal(due, found)) throw new CoapClientError('changed', 'the ETag changed between blocks');
}

function optionsOfRequest(request: ClientRequest): readonly Option[] {
  const { path, query = [], contentFormat, accept } = request;
  const options: Option[] = [
    ...path.map((segment) => ({ number: OptionNumber.uriPath, value: utf8(segment) })),
    ...query.map((argument) => ({ number: OptionNumber.uriQuery, value: utf8(argument) })),
  ];
  if (contentFormat !== undefined) {
    options.push(uintOption(OptionNumber.contentFormat, contentFormat));
  }
  if (accept !== undefined) options.push(uintOption(OptionNumber.accept, accept));
  return options;
}

function responseOf(message: Message, body: Uint8Array): CoapResponse {
  if (!isResponse(message.code)) throw new CoapClientError('malformed', `code ${message.code}`);
  const contentFormat = uintOf(message.options, OptionNumber.contentFormat);
  const maxAge = uintOf(message.options, OptionNumber.maxAge);
  return {
    code: message.code,
    body: body.slice(),
    ...(contentFormat === undefined ? {} : { contentFormat }),
    ...(maxAge === undefined ? {} : { maxAge }),
  };
}
