/**
 * A CoAP client towards one server: whole requests in, whole responses out, block-wise where they are large
 * (RFC 7252, RFC 7959, RFC 9177, RFC 9175). One request is under way at a time; others wait in their order.
 */
import { utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Serial } from '../base/serial.ts';
import { blockOption, szxWithin } from './block.ts';
import { type BlockTransferOptions, begin, transferInBlocks } from './client-blocks.ts';
import { ClientExchange, CoapClientError, type CoapClientStatistics } from './client-exchange.ts';
import { QuickTransfer, unsupported } from './client-q-block.ts';
import { CoapError, isResponse, type Method, MethodCode } from './codes.ts';
import { Link } from './link.ts';
import type { Message } from './message.ts';
import { type Option, OptionNumber, uintOf, uintOption } from './options.ts';
import type { Outbox } from './outbox.ts';
import { type CoapParameters, defaultLimits, defaultParameters } from './parameters.ts';
import type { CoapResponse } from './request.ts';
import { Transfer } from './transfer.ts';

export interface CoapClientOptions {
  readonly send: (message: Uint8Array) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where they differ from defaultParameters. */
  readonly parameters?: Partial<CoapParameters>;
  /** Octets of a response's body (default as for a server's). */
  readonly responseBody?: number;
  /** Bodies go by Q-Block where the server knows it (default false). */
  readonly quick?: boolean;
  /** Where requests leave on a connection that has one already: see ClientExchangeOptions. */
  readonly outbox?: Outbox;
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
  /**
   * Where the request's progress is kept: given again with the same request after one that was rejected, it goes on
   * from there. Empty again once there is a response.
   */
  readonly transfer?: Transfer;
}

export class CoapClient {
  readonly #options: CoapClientOptions;
  readonly #exchange: ClientExchange;
  readonly #parameters: CoapParameters;
  readonly #limit: number;
  readonly #link: Link;
  readonly #serial = new Serial();
  #requestTag: number;
  /** Whether bodies go by Q-Block; once the server has shown whether it knows it, that. */
  #quick: 'no' | 'perhaps' | 'yes';

  constructor(options: CoapClientOptions) {
    this.#options = options;
    this.#parameters = { ...defaultParameters, ...options.parameters };
    this.#limit = options.responseBody ?? defaultLimits.responseBody;
    this.#link = new Link(this.#parameters);
    this.#exchange = new ClientExchange({
      ...options,
      parameters: this.#parameters,
      roundTrip: this.#link.roundTrip,
    });
    this.#quick = options.quick === true ? 'perhaps' : 'no';
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
    const transfer = request.transfer ?? new Transfer();
    const preferred = blockOption(OptionNumber.block2, { number: 0, more: false, szx });
    const options: BlockTransferOptions = {
      exchange: this.#exchange,
      code: MethodCode[request.method],
      options: optionsOfRequest(request),
      body: request.body ?? new Uint8Array(),
      szx,
      preference: request.blockSize === undefined ? [] : [preferred],
      transfer,
      newRequestTag: () => this.#nextRequestTag(),
      limit: this.#limit,
    };
    try {
      const response = await this.#run(options);
      transfer.reset();
      return responseOf(response);
    } catch (error) {
      if (!(error instanceof CoapError)) throw error;
      throw new CoapClientError('malformed', error.message, { cause: error }); // a reserved block size
    }
  }

  /** By Q-Block where that is wanted and known, else by Block. What one has begun it goes on with. */
  async #run(options: BlockTransferOptions): Promise<Message> {
    const { transfer } = options;
    const { clock, random } = this.#options;
    const begun = transfer.download !== undefined || transfer.uploaded > 0;
    if (begun || (this.#quick === 'no' && transfer.quickDownload === undefined)) {
      return transferInBlocks(options);
    }
    const response = await new QuickTransfer({
      ...options,
      clock,
      random,
      parameters: this.#parameters,
      link: this.#link,
      known: this.#quick === 'yes' || transfer.quickDownload !== undefined,
    }).run();
    if (response !== unsupported) {
      this.#quick = 'yes';
      return begin(options, response);
    }
    this.#quick = 'no';
    transfer.reset();
    return transferInBlocks(options);
  }

  /** A tag of its own for each body (RFC 9175 section 3.4). */
  #nextRequestTag(): Option {
    this.#requestTag = (this.#requestTag + 1) % 2 ** 16;
    const value = Uint8Array.of(this.#requestTag >> 8, this.#requestTag & 0xff);
    return { number: OptionNumber.requestTag, value };
  }
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

function responseOf(message: Message): CoapResponse {
  if (!isResponse(message.code)) throw new CoapClientError('malformed', `code ${message.code}`);
  const contentFormat = uintOf(message.options, OptionNumber.contentFormat);
  const maxAge = uintOf(message.options, OptionNumber.maxAge);
  return {
    code: message.code,
    body: message.payload,
    ...(contentFormat === undefined ? {} : { contentFormat }),
    ...(maxAge === undefined ? {} : { maxAge }),
  };
}
