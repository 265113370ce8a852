/**
 * One answer on its way by Q-Block2 (RFC 9177 section 4.4). The first block answers the request; the others follow it
 * as NONs under the same token, at the pace of q-block-sender.ts; blocks that are asked for again answer that request.
 */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Answer } from './answer.ts';
import type { Block } from './block.ts';
import { CoapError, Code } from './codes.ts';
import type { Link } from './link.ts';
import type { CoapParameters } from './parameters.ts';
import { askedNumbers, countOf } from './q-block.ts';
import { QBlockSender } from './q-block-sender.ts';
import type { Reply } from './reply.ts';
import { quickBlockOf, type StoredResponse } from './stored-response.ts';

export interface QBlockAnswerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly parameters: CoapParameters;
  readonly link: Link;
  readonly response: StoredResponse;
  readonly szx: number;
  readonly reply: Reply;
}

export class QBlockAnswer {
  readonly szx: number;
  readonly #options: QBlockAnswerOptions;
  readonly #count: number;
  readonly #sender: QBlockSender;

  constructor(options: QBlockAnswerOptions) {
    const { response, szx, reply } = options;
    this.szx = szx;
    this.#options = options;
    this.#count = countOf(response.body.length, szx);
    this.#sender = new QBlockSender({
      ...options,
      count: this.#count,
      send: (number) => reply.send(this.#block(number), () => this.stop()),
    });
  }

  /** The first block; the rest of the body follows it, unless the peer asked for this block alone. */
  first(alone: boolean): Answer {
    const block = this.#block(0);
    if (alone || this.#count === 1) return block;
    return { ...block, sent: () => this.#sender.start(1) };
  }

  /** What a request for more of it gets at once; undefined where the next set is under way as it is. */
  more(asked: readonly Block[], reply: Reply): Answer | undefined {
    const { maxPayloads } = this.#options.parameters;
    const [only, another] = asked;
    if (only === undefined || only.number >= this.#count) {
      throw new CoapError(Code.badRequest, `block ${only?.number} of ${this.#count}`);
    }
    if (another === undefined && only.more && only.number % maxPayloads === 0) {
      this.#sender.continued(only.number);
      return undefined;
    }
    const numbers = askedNumbers(asked, this.#count, maxPayloads);
    const [first] = numbers;
    if (first === undefined) return undefined;
    const send = (number: number) => {
      if (number !== first) reply.send(this.#block(number));
    };
    return { ...this.#block(first), sent: () => this.#sender.resend(numbers, send) };
  }

  /** Sends nothing more of its own accord. */
  stop(): void {
    this.#sender.stop();
  }

  #block(number: number): Answer {
    return quickBlockOf(this.#options.response, number, this.szx);
  }
}
