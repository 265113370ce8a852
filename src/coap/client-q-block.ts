/**
 * Q-Block1 and Q-Block2, the client's side (RFC 9177), for one request.
 * ```
 *   CON request, Q-Block2 0/1      ──▶   small bodies
 *   CON block 0, NON blocks …,     ──▶   large ones; block 0 is a CON only until the server is known to know RFC 9177
 *   CON last block, or last of those asked for again: the server then confirms that it has them, and its answer
 *                                  ◀──   4.02 to a CON: the server does not know these options
 *                                  ◀──   2.31: next set · 4.08 with a list: those again
 *   NON Q-Block2 10/1, or a list   ──▶
 *                                  ◀──   the response, in blocks under any of the tokens
 * ```
 */
import type { Cancel, Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { type Block, blockOption, sizeOf } from './block.ts';
import {
  type ClientExchange,
  CoapClientError,
  type Listener,
  type Watch,
} from './client-exchange.ts';
import { CoapError, Code } from './codes.ts';
import type { Link } from './link.ts';
import type { Message } from './message.ts';
import { type Option, OptionNumber, uintOf, uintOption } from './options.ts';
import type { CoapParameters } from './parameters.ts';
import { blocksOf, countOf, decodeMissing, missingBlocksFormat } from './q-block.ts';
import { QBlockSender } from './q-block-sender.ts';
import { QuickDownload } from './quick-download.ts';
import type { Transfer } from './transfer.ts';

export interface QuickTransferOptions {
  readonly exchange: ClientExchange;
  readonly clock: Clock;
  readonly random: Random;
  readonly parameters: CoapParameters;
  readonly link: Link;
  readonly code: string;
  /** Of the request, the Request-Tag and block options left out. */
  readonly options: readonly Option[];
  readonly body: Uint8Array;
  readonly szx: number;
  readonly transfer: Transfer;
  readonly newRequestTag: () => Option;
  /** Octets of a response's body. */
  readonly limit: number;
  /** The server has shown that it knows RFC 9177. */
  readonly known: boolean;
}

/** The server knows no Q-Block: the request was not worked on. */
export const unsupported = Symbol('Q-Block is not supported');

export class QuickTransfer {
  readonly #options: QuickTransferOptions;
  readonly #watches = new Set<Watch>();
  readonly #sender: QBlockSender | undefined;
  #settle:
    | {
        readonly resolve: (response: Message | typeof unsupported) => void;
        readonly reject: (error: Error) => void;
      }
    | undefined;
  #known: boolean;
  /** Blocks that the server has confirmed. */
  readonly #acknowledged = new Set<number>();
  #probe: Cancel | undefined;
  #silence: Cancel | undefined;

  constructor(options: QuickTransferOptions) {
    const { body, szx } = options;
    this.#options = options;
    this.#known = options.known;
    if (body.length <= sizeOf(szx)) return;
    const count = countOf(body.length, szx);
    const send = (number: number) => this.#sendBlock(number, number === count - 1);
    this.#sender = new QBlockSender({ ...options, count, send });
  }

  /**
   * The response, its payload the whole body, or one that goes on in blocks of RFC 7959; `unsupported` where nothing
   * was done. Rejects with CoapClientError.
   */
  run(): Promise<Message | typeof unsupported> {
    return new Promise((resolve, reject) => {
      const end =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          this.#close();
          settle(value);
        };
      this.#settle = { resolve: end(resolve), reject: end(reject) };
      this.#start();
    });
  }

  #start(): void {
    const { transfer, body, szx } = this.#options;
    if (transfer.quickDownload !== undefined) {
      this.#waitAnew();
      transfer.quickDownload.takeUp(this.#asking());
      return;
    }
    if (this.#sender === undefined) {
      const wanted = blockOption(OptionNumber.qBlock2, { number: 0, more: true, szx });
      this.#send('CON', [wanted], body, () => this.#waitAnew());
      return;
    }
    transfer.requestTag ??= this.#options.newRequestTag();
    if (this.#known) {
      this.#waitAnew();
      this.#sender.start(transfer.quickUploaded);
    } else this.#sendBlock(0, true, () => this.#begin());
  }

  /** The server has taken block 0: it knows RFC 9177, and gets the rest. */
  #begin(): void {
    this.#known = true;
    if (this.#sender?.next === 0)
      this.#sender.start(Math.max(1, this.#options.transfer.quickUploaded));
  }

  #sendBlock(number: number, confirm: boolean, acknowledged?: () => void): void {
    const { body, szx } = this.#options;
    const size = sizeOf(szx);
    const end = Math.min((number + 1) * size, body.length);
    const options = [
      blockOption(OptionNumber.qBlock1, { number, more: end < body.length, szx }),
      uintOption(OptionNumber.size1, body.length),
    ];
    const payload = body.subarray(number * size, end);
    const type = confirm && this.#options.exchange.idle ? 'CON' : 'NON';
    this.#send(type, options, payload, () => {
      if (!this.#acknowledged.has(number)) this.#waitAnew();
      this.#acknowledged.add(number);
      acknowledged?.();
    });
    this.#probeLater();
  }

  /** Blocks and their answer may all be lost: the last block, once more, finds out. */
  #probeLater(): void {
    const { clock, parameters, body, szx } = this.#options;
    this.#probe?.();
    const wait = parameters.separateTimeout / 3;
    this.#probe = clock.after(wait, () => this.#sendBlock(countOf(body.length, szx) - 1, true));
  }

  #send(
    type: 'CON' | 'NON',
    options: readonly Option[],
    payload: Uint8Array,
    acknowledged?: () => void,
  ): void {
    const { exchange, code, transfer } = this.#options;
    const tag = transfer.requestTag === undefined ? [] : [transfer.requestTag];
    const listener: Listener = {
      receive: (response) => this.#receive(response),
      failed: (error) => this.#failed(error),
      ...(acknowledged === undefined ? {} : { acknowledged }),
    };
    const request = {
      type,
      code,
      options: [...this.#options.options, ...tag, ...options],
      payload,
    };
    this.#watches.add(exchange.request(request, listener));
  }

  /** A block has no response of its own: what counts is that nothing at all is heard for so long. */
  #failed(error: CoapClientError): void {
    if (error.kind !== 'no response') this.#settle?.reject(error);
  }

  #waitAnew(): void {
    const { clock, parameters } = this.#options;
    this.#silence?.();
    this.#silence = clock.after(parameters.separateTimeout, () => {
      this.#settle?.reject(new CoapClientError('no response', 'the server is silent'));
    });
  }

  #receive(response: Message): void {
    this.#waitAnew();
    try {
      this.#take(response);
    } catch (error) {
      if (error instanceof CoapClientError) this.#settle?.reject(error);
      else if (error instanceof CoapError) {
        this.#settle?.reject(new CoapClientError('malformed', error.message, { cause: error }));
      } else throw error;
    }
  }

  #take(response: Message): void {
    const { code, options, payload } = response;
    if (code === Code.badOption && !this.#known) {
      this.#settle?.resolve(unsupported);
      return;
    }
    this.#known = true;
    const { qBlock1, qBlock2 } = blocksOf(options);
    const format = uintOf(options, OptionNumber.contentFormat);
    const [block] = qBlock2;
    if (code === Code.continue) this.#continue(qBlock1);
    else if (code === Code.requestEntityIncomplete && format === missingBlocksFormat) {
      this.#resend(decodeMissing(payload));
    } else if (block !== undefined) this.#takeBlock(response, block);
    else this.#settle?.resolve(response);
  }

  #continue(block: Block | undefined): void {
    if (block === undefined) return;
    const { transfer } = this.#options;
    const next = block.number + 1;
    transfer.quickUploaded = Math.max(transfer.quickUploaded, next);
    this.#begin();
    this.#sender?.continued(next);
  }

  #resend(missing: readonly number[] | undefined): void {
    const { body, szx, parameters } = this.#options;
    const count = countOf(body.length, szx);
    const numbers = missing?.filter((number) => number < count).slice(0, parameters.maxPayloads);
    const last = numbers?.at(-1);
    this.#begin();
    this.#sender?.resend(numbers ?? [], (number) => this.#sendBlock(number, number === last));
  }

  #takeBlock(response: Message, block: Block): void {
    const { transfer, limit, clock, parameters, link } = this.#options;
    this.#sender?.stop();
    this.#probe?.();
    let download = transfer.quickDownload;
    if (download === undefined) {
      download = new QuickDownload(response, block, limit, clock, parameters, link.roundTrip);
      transfer.quickDownload = download;
      download.begin(this.#asking());
    }
    const body = download.add(response, block);
    if (body !== undefined) this.#settle?.resolve({ ...download.first, payload: body });
  }

  #asking() {
    return {
      ask: (blocks: readonly Block[]) =>
        this.#send(
          'NON',
          blocks.map((block) => blockOption(OptionNumber.qBlock2, block)),
          new Uint8Array(),
        ),
      failed: (error: CoapClientError) => this.#settle?.reject(error),
    };
  }

  #close(): void {
    this.#settle = undefined;
    this.#probe?.();
    this.#silence?.();
    this.#sender?.stop();
    this.#options.transfer.quickDownload?.pause();
    for (const watch of this.#watches) watch.close();
  }
}
