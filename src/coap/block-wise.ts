/**
 * Block-wise transfer, the server's side (RFC 7959): no room but this one knows that bodies come and go in blocks.
 * ```
 *   Block1 n/1 ──▶ RequestBodies ──▶ 2.31                    (section 2.5)
 *   Block1 n/0 ──▶ RequestBodies ──▶ handler ──▶ first block of the answer, the rest in ResponseBodies (section 3.3)
 *   Block2 n>0 ──▶ ResponseBodies ──▶ block n                (section 2.4)
 * ```
 * What belongs together is told by peer and cache key (RFC 7252 section 5.4.2; Request-Tag: RFC 9175 section 3), never
 * by token or message ID: clients change, keep and reuse tokens between blocks as they like.
 */
import { fromUtf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { type Answer, errorAnswer } from './answer.ts';
import { type Block, blockOf, blockOption, sizeOf, szxWithin } from './block.ts';
import { CoapError, Code, type Method } from './codes.ts';
import { type Option, OptionNumber, optionOf, optionsOf, uintOf } from './options.ts';
import type { CoapLimits, CoapParameters } from './parameters.ts';
import type { CoapPeer, CoapRequest, CoapResponse, Handler } from './request.ts';
import { RequestBodies } from './request-bodies.ts';
import {
  blockOfResponse,
  ResponseBodies,
  type ResponseKey,
  stored,
  unblocked,
} from './response-bodies.ts';

export interface BlockWiseOptions<P extends CoapPeer> {
  readonly handle: Handler<P>;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: CoapLimits;
  readonly parameters: CoapParameters;
}

/** One request message, its options reduced to those we know. */
export interface RequestMessage {
  readonly method: Method;
  readonly options: readonly Option[];
  readonly payload: Uint8Array;
}

/** The block options of a request. */
interface Blocks {
  /** Block2: the block of the answer that is asked for, or the size that is preferred. */
  readonly asked: Block | undefined;
  readonly block1: Block | undefined;
}

/** Octets of a message besides its block: header, a token of 8, ETag, format, Max-Age, blocks, sizes, the marker. */
const headroom = 48;

export class BlockWise<P extends CoapPeer> {
  readonly #options: BlockWiseOptions<P>;
  readonly #requests: RequestBodies;
  readonly #responses: ResponseBodies;

  constructor(options: BlockWiseOptions<P>) {
    const { clock, limits } = options;
    this.#options = options;
    this.#requests = new RequestBodies({
      clock,
      limit: limits.requestBody,
      lifetime: limits.bodyLifetime,
      perPeer: limits.bodiesPerPeer,
      octets: limits.bodyOctets,
    });
    this.#responses = new ResponseBodies({
      clock,
      lifetime: limits.answerLifetime,
      perPeer: limits.answersPerPeer,
      octets: limits.answerOctets,
    });
  }

  /** What is held for peers now: bodies and answers, and the octets of both. */
  get held(): { readonly bodies: number; readonly answers: number; readonly octets: number } {
    return {
      bodies: this.#requests.held,
      answers: this.#responses.held,
      octets: this.#requests.octets + this.#responses.octets,
    };
  }

  /** Answers one message. Rejects with CoapError where the request is refused before it gets to the handler. */
  async respond(peer: P, message: RequestMessage): Promise<Answer> {
    const asked = blockOf(message.options, OptionNumber.block2);
    const block1 = blockOf(message.options, OptionNumber.block1);
    const keys = keysOf(message);
    if (asked !== undefined && asked.number > 0) {
      const response = this.#responses.find(peer.id, keys.response);
      if (response !== undefined) {
        return blockOfResponse(response, asked, this.#szx(peer), asksSize(message));
      }
      if (!mayRunAgain(message)) {
        throw new CoapError(Code.requestEntityIncomplete, 'no answer is kept for this request');
      }
    }
    if (block1 === undefined) {
      if (message.payload.length > this.#options.limits.requestBody) {
        throw new CoapError(Code.requestEntityTooLarge, 'body too large', {
          size1: this.#options.limits.requestBody,
        });
      }
      return this.#run(peer, message, message.payload.slice(), { asked, block1 }, keys.response);
    }
    const part = {
      block: block1,
      payload: message.payload,
      size: uintOf(message.options, OptionNumber.size1),
    };
    const collected = this.#requests.collect(peer.id, keys.request, part, this.#szx(peer));
    if (collected.type === 'more') return collected.answer;
    if (collected.type === 'again') return collected.outcome;
    const outcome = this.#run(peer, message, collected.body, { asked, block1 }, keys.response);
    collected.handled(outcome);
    return outcome;
  }

  forget(peer: P): void {
    this.#requests.forget(peer.id);
    this.#responses.forget(peer.id);
  }

  sweep(): void {
    this.#requests.sweep();
    this.#responses.sweep();
  }

  /** Runs the handler; never rejects, so that its outcome can be given again. */
  async #run(
    peer: P,
    message: RequestMessage,
    body: Uint8Array,
    blocks: Blocks,
    key: ResponseKey,
  ): Promise<Answer> {
    this.#responses.abandon(peer.id, key);
    let answer: Answer;
    try {
      const response = await this.#options.handle(requestOf(peer, message, body));
      answer = this.#firstAnswer(peer, message, blocks, key, response);
    } catch (error) {
      answer = errorAnswer(error, this.#options.log);
    }
    if (blocks.block1 === undefined) return answer;
    const echo = blockOption(OptionNumber.block1, { ...blocks.block1, more: false });
    return { ...answer, options: [...answer.options, echo] };
  }

  /** The response whole where it fits one message, else its first block, with the rest kept. */
  #firstAnswer(
    peer: P,
    message: RequestMessage,
    blocks: Blocks,
    key: ResponseKey,
    response: CoapResponse,
  ): Answer {
    const octets = response.body?.length ?? 0;
    if (octets > this.#options.limits.responseBody) {
      throw new Error(`an answer of ${octets} octets is over the limit`);
    }
    const szx = Math.min(this.#szx(peer), blocks.block1?.szx ?? 6, blocks.asked?.szx ?? 6);
    if (blocks.asked === undefined && octets <= sizeOf(szx)) return unblocked(response);
    const whole = stored(response);
    const first = blocks.asked ?? { number: 0, more: false, szx };
    const answer = blockOfResponse(whole, first, szx, asksSize(message));
    if (octets > sizeOf(szx) && !this.#responses.keep(peer.id, key, whole)) {
      throw new Error(`no room to keep an answer of ${octets} octets`);
    }
    return answer;
  }

  /** The largest block size that we want, and that the peer's messages have room for. */
  #szx(peer: P): number {
    const room = peer.maxPayload === undefined ? Infinity : peer.maxPayload - headroom;
    return szxWithin(Math.min(this.#options.parameters.blockSize, room));
  }
}

/**
 * A request for a later block of an answer that is gone may run the handler once more where that changes nothing
 * (RFC 7252 section 5.1), and only with the body that it was run with before.
 */
function mayRunAgain(message: RequestMessage): boolean {
  if (message.method === 'GET') return true;
  return message.method === 'FETCH' && message.payload.length > 0;
}

/** Size2 in a request asks for the answer's size (RFC 7959 section 4). */
function asksSize(message: RequestMessage): boolean {
  return optionOf(message.options, OptionNumber.size2) !== undefined;
}

/** Options that make two requests of one peer and method different: the same resource, asked for in the same way. */
const resourceOptions: readonly number[] = [
  OptionNumber.uriHost,
  OptionNumber.uriPort,
  OptionNumber.uriPath,
  OptionNumber.uriQuery,
  OptionNumber.accept,
];

/**
 * The keys of a request body (RFC 7959 section 2.5) and of its answer. Content-Format counts for the body alone:
 * clients may leave it out when they ask for the answer's later blocks, which carry no body.
 */
function keysOf({ method, options }: RequestMessage): {
  readonly request: string;
  readonly response: ResponseKey;
} {
  const bare = `${method}${keyPart(options, resourceOptions)}`;
  const tags = keyPart(options, [OptionNumber.requestTag]);
  const format = keyPart(options, [OptionNumber.contentFormat]);
  return { request: `${bare}${tags}${format}`, response: { bare, tagged: `${bare}${tags}` } };
}

function keyPart(options: readonly Option[], numbers: readonly number[]): string {
  let key = '';
  for (const { number, value } of options) {
    if (!numbers.includes(number)) continue;
    key += ` ${number}:${value.length}:${Buffer.from(value).toString('latin1')}`;
  }
  return key;
}

function requestOf<P extends CoapPeer>(
  peer: P,
  { method, options }: RequestMessage,
  body: Uint8Array,
): CoapRequest<P> {
  const contentFormat = uintOf(options, OptionNumber.contentFormat);
  const accept = uintOf(options, OptionNumber.accept);
  return {
    peer,
    method,
    path: textsOf(options, OptionNumber.uriPath),
    query: textsOf(options, OptionNumber.uriQuery),
    ...(contentFormat === undefined ? {} : { contentFormat }),
    ...(accept === undefined ? {} : { accept }),
    body,
  };
}

function textsOf(options: readonly Option[], number: number): readonly string[] {
  try {
    return optionsOf(options, number).map(fromUtf8);
  } catch (cause) {
    throw new CoapError(Code.badOption, `option ${number} is not UTF-8`, { cause });
  }
}
