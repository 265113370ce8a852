/**
 * Block-wise transfer, the server's side (RFC 7959, RFC 9177): no room but this one knows that bodies come and go in
 * blocks.
 * ```
 *   Block1 n/1    ──▶ RequestBodies  ──▶ 2.31                (RFC 7959 section 2.5)
 *   Block1 n/0    ──▶ RequestBodies  ──▶ handler ──▶ first block, the rest in ResponseBodies (section 3.3)
 *   Block2 n>0    ──▶ ResponseBodies ──▶ block n             (section 2.4)
 *   Q-Block1 n    ──▶ QBlockRequests ──▶ nothing, 2.31, 4.08, or handler (RFC 9177 section 4.3)
 *   Q-Block2 n>0  ──▶ ResponseBodies ──▶ QBlockAnswer ──▶ the blocks asked for, or the next set (section 4.4)
 * ```
 * What belongs together is told by peer and request-key.ts.
 */
import { fromUtf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { type Answer, errorAnswer } from './answer.ts';
import { type Block, blockOption, offsetOf, sizeOf, szxWithin } from './block.ts';
import type { BodyStore } from './body-store.ts';
import { CoapError, Code, type Method } from './codes.ts';
import type { Link, Links } from './link.ts';
import { type Option, OptionNumber, optionOf, uintOf } from './options.ts';
import type { CoapLimits, CoapParameters } from './parameters.ts';
import { type BlockOptions, blocksOf } from './q-block.ts';
import { QBlockAnswer } from './q-block-answer.ts';
import { QBlockRequests } from './q-block-requests.ts';
import { RepeatedRequests, type RepeatRules } from './repeats.ts';
import type { Reply } from './reply.ts';
import type { CoapPeer, CoapRequest, CoapResponse, Handler, Soon } from './request.ts';
import { type Collected, RequestBodies } from './request-bodies.ts';
import { keysOf } from './request-key.ts';
import { type Kept, ResponseBodies } from './response-bodies.ts';
import {
  blockOfResponse,
  quickError,
  type StoredResponse,
  stored,
  unblocked,
} from './stored-response.ts';

export interface BlockWiseOptions<P extends CoapPeer> {
  readonly handle: Handler<P>;
  readonly repeats: RepeatRules<P> | undefined;
  readonly store: BodyStore | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: CoapLimits;
  readonly parameters: CoapParameters;
  readonly links: Links;
}

/** One request message, its options reduced to those we know. */
export interface RequestMessage<P extends CoapPeer> {
  readonly peer: P;
  readonly method: Method;
  readonly options: readonly Option[];
  readonly payload: Uint8Array;
  readonly reply: Reply;
}

/** What is held for peers. */
export interface Held {
  readonly bodies: number;
  readonly answers: number;
  readonly repeats: number;
  readonly octets: number;
}

/** Octets of a message besides its block: header, a token of 8, ETag, format, Max-Age, blocks, sizes, the marker. */
export const headroom = 48;

export class BlockWise<P extends CoapPeer> {
  readonly #options: BlockWiseOptions<P>;
  readonly #requests: RequestBodies;
  readonly #quickRequests: QBlockRequests;
  readonly #responses: ResponseBodies;
  readonly #repeats: RepeatedRequests<P>;

  constructor(options: BlockWiseOptions<P>) {
    this.#options = options;
    this.#requests = new RequestBodies(options.clock, options.limits);
    this.#quickRequests = new QBlockRequests(options);
    this.#responses = new ResponseBodies(options);
    this.#repeats = new RepeatedRequests({ ...options, rules: options.repeats });
  }

  get held(): Held {
    const bodies = [this.#requests, this.#quickRequests];
    return {
      bodies: bodies.reduce((sum, { held }) => sum + held, 0),
      answers: this.#responses.held,
      repeats: this.#repeats.held,
      octets: [...bodies, this.#responses, this.#repeats].reduce(
        (sum, { octets }) => sum + octets,
        0,
      ),
    };
  }

  /**
   * Answers one message; undefined where nothing is to be said now. Throws CoapError, or rejects with it, where the
   * request is refused before it gets to the handler.
   */
  respond(message: RequestMessage<P>): Soon<Answer | undefined> {
    const blocks = blocksOf(message.options);
    return asksForMore(message, blocks)
      ? this.#respondWithMore(message, blocks)
      : this.#respondAnew(message, blocks);
  }

  async #respondWithMore(
    message: RequestMessage<P>,
    blocks: BlockOptions,
  ): Promise<Answer | undefined> {
    const keys = keysOf(message.method, message.options);
    const kept = await this.#responses.find(message.peer, keys);
    if (kept !== undefined && (blocks.block2 !== undefined || isPartOf(kept, blocks))) {
      return this.#more(message, blocks, kept);
    }
    if (isLater(blocks) && !mayRunAgain(message)) {
      throw new CoapError(Code.requestEntityIncomplete, 'no answer is kept for this request');
    }
    return this.#respondAnew(message, blocks);
  }

  #respondAnew(message: RequestMessage<P>, blocks: BlockOptions): Soon<Answer | undefined> {
    const collected = this.#collect(message, blocks);
    if (collected.type === 'waits') return undefined;
    if (collected.type === 'more') return collected.answer;
    if (collected.type === 'again') return collected.outcome;
    const outcome = this.#run(message, collected, blocks);
    // What is given again is the first block alone: it must not hold the whole answer.
    collected.handled?.(Promise.resolve(outcome).then(({ sent: _, ...answer }) => answer));
    return outcome;
  }

  forget(peer: P): void {
    for (const holder of this.#holders) holder.forget(peer);
  }

  sweep(): void {
    for (const holder of this.#holders) holder.sweep();
  }

  /** Sends nothing more of its own accord. */
  close(): void {
    this.#quickRequests.close();
    this.#responses.close();
  }

  get #holders() {
    return [this.#requests, this.#quickRequests, this.#responses, this.#repeats];
  }

  #collect(message: RequestMessage<P>, blocks: BlockOptions): Collected {
    const { peer, method, options, payload } = message;
    const { block1, qBlock1 } = blocks;
    if (qBlock1 !== undefined) {
      const room = sizeOf(this.#szx(peer));
      const part = { ...message, block: qBlock1, room };
      return this.#quickRequests.collect(peer, keysOf(method, options).body, part);
    }
    if (block1 !== undefined) {
      const part = { block: block1, options, payload };
      return this.#requests.collect(peer, keysOf(method, options), part, this.#szx(peer));
    }
    const size1 = this.#options.limits.requestBody;
    if (payload.length > size1) {
      throw new CoapError(Code.requestEntityTooLarge, 'body too large', { size1 });
    }
    return { type: 'whole', options, body: payload };
  }

  /** Blocks of an answer that is here. */
  #more(message: RequestMessage<P>, blocks: BlockOptions, kept: Kept): Answer | undefined {
    const { peer, reply } = message;
    const { block2 } = blocks;
    if (block2 !== undefined) {
      this.#learn(kept, block2, this.#options.links.of(peer));
      return blockOfResponse(kept.response, block2, this.#szx(peer), asksSize(message));
    }
    const szx = this.#szx(peer);
    const [first] = blocks.qBlock2;
    const quick =
      kept.quick !== undefined && first?.szx === kept.quick.szx
        ? kept.quick
        : this.#quickAnswer(message, kept, Math.min(szx, first?.szx ?? szx));
    if (first?.szx !== quick.szx) throw new CoapError(Code.badRequest, 'block size changed');
    return quick.more(blocks.qBlock2, reply);
  }

  /** A block that is asked for again has not arrived; another one says that the one before has. */
  #learn(kept: Kept, asked: Block, link: Link): void {
    const offset = offsetOf(asked);
    const size = sizeOf(Math.min(asked.szx, link.szx));
    if (kept.served === offset) link.lost(size + headroom);
    else link.passed(size + headroom);
    kept.served = offset;
  }

  /** Runs the handler; neither throws nor rejects, so that its outcome can be given again. */
  #run(
    message: RequestMessage<P>,
    whole: Extract<Collected, { type: 'whole' }>,
    blocks: BlockOptions,
  ): Soon<Answer> {
    const { peer, method } = message;
    const { body, options } = whole;
    if (this.#responses.has(peer)) this.#responses.abandon(peer, keysOf(method, options));
    try {
      const request = new WholeRequest(peer, method, options, body);
      const response = this.#repeats.answer(request, options);
      if (!(response instanceof Promise)) {
        const octets = response.body?.length ?? 0;
        if (octets <= leastBlock && isPlain(blocks)) return unblocked(response);
      }
      return this.#firstAnswer(message, whole, blocks, response).then(
        (answer) => withBlock1(answer, blocks),
        (error: unknown) => this.#failed(error, blocks),
      );
    } catch (error) {
      return this.#failed(error, blocks);
    }
  }

  /** The answer that says what the handler ended with. */
  #failed(error: unknown, blocks: BlockOptions): Answer {
    const answer = errorAnswer(error, this.#options.log);
    const [asked] = blocks.qBlock2;
    return withBlock1(asked === undefined ? answer : quickError(answer, asked.szx), blocks);
  }

  /** The response whole where it fits one message, else its first block, with the rest kept. */
  async #firstAnswer(
    message: RequestMessage<P>,
    { options }: Extract<Collected, { type: 'whole' }>,
    blocks: BlockOptions,
    coming: Soon<CoapResponse>,
  ): Promise<Answer> {
    const { peer, method, reply } = message;
    const response = await coming;
    const octets = response.body?.length ?? 0;
    if (octets > this.#options.limits.responseBody) {
      throw new Error(`an answer of ${octets} octets is over the limit`);
    }
    const { block1, block2, qBlock1, qBlock2 } = blocks;
    const [asked] = qBlock2;
    const szx = Math.min(
      this.#szx(peer),
      ...[block1, block2, qBlock1, asked].map((block) => block?.szx ?? 6),
    );
    const fits = octets <= sizeOf(szx);
    if (fits && block2 === undefined && asked === undefined) return unblocked(response);
    const whole = stored(response);
    if (fits && asked !== undefined) return this.#quickAnswerOf(whole, message, szx).first(true);
    const first = block2 ?? { number: 0, more: false, szx };
    // Refused before it is kept, where the peer asks for what is not there.
    const answer = blockOfResponse(whole, first, szx, asksSize(message));
    if (fits) return answer;
    const kept = await this.#responses.keep(peer, keysOf(method, options), whole);
    if (kept === undefined) throw new Error(`no room to keep an answer of ${octets} octets`);
    if (qBlock1 === undefined && asked === undefined) return answer;
    const quick = this.#quickAnswer(message, kept, szx);
    if (!isLater(blocks)) return quick.first(asked !== undefined && !asked.more);
    return quick.more(qBlock2, reply) ?? quick.first(true);
  }

  #quickAnswer(message: RequestMessage<P>, kept: Kept, szx: number): QBlockAnswer {
    kept.quick?.stop();
    kept.quick = this.#quickAnswerOf(kept.response, message, szx);
    return kept.quick;
  }

  #quickAnswerOf(
    response: StoredResponse,
    { peer, reply }: RequestMessage<P>,
    szx: number,
  ): QBlockAnswer {
    const link = this.#options.links.of(peer);
    return new QBlockAnswer({ ...this.#options, link, response, szx, reply });
  }

  /** The largest block size that we want, that the peer's messages have room for, and that arrives. */
  #szx(peer: P): number {
    const room = peer.maxPayload === undefined ? Infinity : peer.maxPayload - headroom;
    const most = szxWithin(Math.min(this.#options.parameters.blockSize, room));
    return Math.min(most, this.#options.links.of(peer).szx);
  }
}

/** Octets of the smallest block: what is no longer fits any message. */
const leastBlock = sizeOf(0);

/** Whether a message has nothing to do with blocks. */
function isPlain({ block1, block2, qBlock1, qBlock2 }: BlockOptions): boolean {
  return (
    block1 === undefined && block2 === undefined && qBlock1 === undefined && qBlock2.length === 0
  );
}

/** The answer to the last block of a request says which one that was. */
function withBlock1(answer: Answer, { block1 }: BlockOptions): Answer {
  if (block1 === undefined) return answer;
  const echo = blockOption(OptionNumber.block1, { ...block1, more: false });
  return { ...answer, options: [...answer.options, echo] };
}

/** Whether a message may be about an answer that was given before. */
function asksForMore({ payload }: { readonly payload: Uint8Array }, blocks: BlockOptions): boolean {
  const { qBlock1, qBlock2 } = blocks;
  if (isLater(blocks)) return true;
  // Block 0 alone, again; a request of the body from its start has M set, and may have a payload.
  const [first] = qBlock2;
  return first?.more === false && qBlock1 === undefined && payload.length === 0;
}

/** Whether a message asks for a block that only an earlier request can have made. */
function isLater({ block2, qBlock2 }: BlockOptions): boolean {
  return (block2?.number ?? 0) > 0 || qBlock2.some(({ number }) => number > 0);
}

/** Block 0 of Q-Block2 is asked for again only of an answer that is on its way by Q-Block2. */
function isPartOf(kept: Kept, blocks: BlockOptions): boolean {
  return isLater(blocks) || kept.quick !== undefined;
}

/**
 * A request for a later block of an answer that is gone may run the handler once more where that changes nothing
 * (RFC 7252 section 5.1), and only with the body that it was run with before.
 */
function mayRunAgain(message: { readonly method: Method; readonly payload: Uint8Array }): boolean {
  if (message.method === 'GET') return true;
  return message.method === 'FETCH' && message.payload.length > 0;
}

/** Size2 in a request asks for the answer's size (RFC 7959 section 4). */
function asksSize({ options }: { readonly options: readonly Option[] }): boolean {
  return optionOf(options, OptionNumber.size2) !== undefined;
}

/** A request as its handler sees it: an object of a class has room for what it may have or not. */
class WholeRequest<P extends CoapPeer> implements CoapRequest<P> {
  readonly peer: P;
  readonly method: Method;
  readonly path: readonly string[];
  readonly query: readonly string[];
  readonly contentFormat?: number;
  readonly accept?: number;
  readonly body: Uint8Array;

  constructor(peer: P, method: Method, options: readonly Option[], body: Uint8Array) {
    const contentFormat = uintOf(options, OptionNumber.contentFormat);
    const accept = uintOf(options, OptionNumber.accept);
    this.peer = peer;
    this.method = method;
    this.path = textsOf(options, OptionNumber.uriPath);
    this.query = textsOf(options, OptionNumber.uriQuery);
    if (contentFormat !== undefined) this.contentFormat = contentFormat;
    if (accept !== undefined) this.accept = accept;
    this.body = body;
  }
}

const noTexts: readonly string[] = [];

function textsOf(options: readonly Option[], number: number): readonly string[] {
  const start = options.findIndex((option) => option.number === number);
  if (start < 0) return noTexts;
  let end = start + 1;
  while (options[end]?.number === number) end++; // a message's options are ordered
  try {
    return options.slice(start, end).map(textOf);
  } catch (cause) {
    throw new CoapError(Code.badOption, `option ${number} is not UTF-8`, { cause });
  }
}

/** Characters that are put together in less time than a decoder takes to begin. */
const fewCharacters = 12;

/** Throws BytesError where it is not UTF-8. */
function textOf({ value }: Option): string {
  if (value.length > fewCharacters) return fromUtf8(value);
  let text = '';
  for (let at = 0; at < value.length; at++) {
    const octet = value[at] ?? 0;
    if (octet > 0x7f) return fromUtf8(value); // not ASCII
    text += String.fromCharCode(octet);
  }
  return text;
}
