/** Request bodies that arrive by Q-Block1 (RFC 9177 section 4.3): NON blocks in any order, put together and handled once. */
import type { Clock } from '../base/clock.ts';
import type { Answer } from './answer.ts';
import { type Block, blockOption } from './block.ts';
import { CoapError, Code } from './codes.ts';
import type { Links } from './link.ts';
import { type Option, OptionNumber, optionOf, ownOptions, uintOf, uintOption } from './options.ts';
import type { CoapLimits, CoapParameters } from './parameters.ts';
import { encodeMissing, missingBlocksFormat } from './q-block.ts';
import { QBlockReceiver } from './q-block-receiver.ts';
import type { Reply } from './reply.ts';
import type { CoapPeer } from './request.ts';
import type { Collected } from './request-bodies.ts';
import { Shelf } from './shelf.ts';

export interface QBlockRequestsOptions {
  readonly clock: Clock;
  readonly parameters: CoapParameters;
  readonly limits: CoapLimits;
  readonly links: Links;
}

/** One message with Q-Block1. */
export interface QBlockPart {
  readonly block: Block;
  readonly options: readonly Option[];
  readonly payload: Uint8Array;
  readonly reply: Reply;
  /** Octets of payload that a message to the peer may have. */
  readonly room: number;
}

interface Body {
  readonly receiver: QBlockReceiver;
  readonly szx: number;
  readonly size: number;
  readonly options: readonly Option[];
  /** Of the block that came last: its token is the one to answer under (section 4.3, 5). */
  last: Pick<QBlockPart, 'reply' | 'room'>;
  /**
   * A block came as a NON, or the last one before others. A sender of nothing but CONs repeats those until they are
   * acknowledged, in their order, and needs no word of ours (section 5).
   */
  unconfirmed: boolean;
  outcome: Promise<Answer> | undefined;
}

export class QBlockRequests {
  readonly #options: QBlockRequestsOptions;
  readonly #shelf: Shelf<Body>;

  constructor(options: QBlockRequestsOptions) {
    const { clock, parameters, limits } = options;
    this.#options = options;
    this.#shelf = new Shelf({
      clock,
      lifetime: parameters.nonPartialTimeout,
      perPeer: limits.bodiesPerPeer,
      perIdentity: limits.bodiesPerPeer,
      octets: limits.bodyOctets,
      gone: (body) => body.receiver.close(),
    });
  }

  get held(): number {
    return this.#shelf.size;
  }

  get octets(): number {
    return this.#shelf.octets;
  }

  /** Takes a block. Throws CoapError: 4.00 for one that cannot be, 4.13 for a body that is too large. */
  collect(peer: CoapPeer, key: string, part: QBlockPart): Collected {
    const size = uintOf(part.options, OptionNumber.size1);
    if (size === undefined || optionOf(part.options, OptionNumber.requestTag) === undefined) {
      throw new CoapError(Code.badRequest, 'Q-Block1 without Request-Tag or Size1');
    }
    const limit = this.#options.limits.requestBody;
    if (size > limit) {
      throw new CoapError(Code.requestEntityTooLarge, `body over ${limit} octets`, {
        size1: limit,
      });
    }
    const body =
      this.#shelf.find(peer, (_, other) => other === key) ?? this.#begin(peer, part, size);
    check(body, part, size);
    if (!this.#shelf.put(peer, key, body, size)) {
      throw new CoapError(Code.requestEntityTooLarge, 'no room for the body', { size1: limit });
    }
    body.last = { reply: part.reply, room: part.room };
    body.unconfirmed ||= !part.reply.confirmable || !part.block.more;
    if (body.outcome !== undefined) return { type: 'again', outcome: body.outcome };
    if (body.receiver.take(part.block.number, part.payload) !== 'whole') return { type: 'waits' };
    return {
      type: 'whole',
      options: body.options,
      body: body.receiver.body(),
      handled: (outcome) => {
        body.outcome = outcome;
      },
    };
  }

  forget(peer: CoapPeer): void {
    this.#shelf.forget(peer);
  }

  sweep(): void {
    this.#shelf.sweep();
  }

  close(): void {
    this.#shelf.clear();
  }

  #begin(peer: CoapPeer, first: QBlockPart, size: number): Body {
    const { clock, parameters } = this.#options;
    const { szx } = first.block;
    const drop = () => {
      this.#shelf.drop(peer, body);
    };
    const body: Body = {
      receiver: new QBlockReceiver({
        clock,
        parameters,
        size,
        szx,
        roundTrip: this.#options.links.of(peer).roundTrip,
        continueFrom: (next) => {
          if (!body.last.reply.confirmable) body.last.reply.send(continueTo(next, szx), drop);
        },
        ask: (missing) => {
          if (body.unconfirmed) body.last.reply.send(missingOf(missing, body.last.room), drop);
        },
        giveUp: () => {
          if (body.unconfirmed) drop(); // CONs may be repeated for longer
        },
      }),
      szx,
      size,
      options: ownOptions(first.options),
      last: { reply: first.reply, room: first.room },
      unconfirmed: false,
      outcome: undefined,
    };
    return body;
  }
}

function check(body: Body, { block, payload }: QBlockPart, size: number): void {
  const { count } = body.receiver;
  if (size !== body.size || block.szx !== body.szx) {
    throw new CoapError(Code.badRequest, 'Size1 or block size changed');
  }
  if (block.number >= count || block.more !== block.number < count - 1) {
    throw new CoapError(Code.badRequest, `block ${block.number} of ${count}`);
  }
  if (payload.length !== body.receiver.lengthOf(block.number)) {
    throw new CoapError(Code.badRequest, `${payload.length} octets in block ${block.number}`);
  }
}

/** 2.31: all blocks before `next` are here. */
function continueTo(next: number, szx: number): Answer {
  return {
    code: Code.continue,
    options: [blockOption(OptionNumber.qBlock1, { number: next - 1, more: true, szx })],
    payload: new Uint8Array(),
  };
}

/** 4.08 with the blocks that are to be sent again (section 5). */
function missingOf(missing: readonly number[], room: number): Answer {
  return {
    code: Code.requestEntityIncomplete,
    options: [uintOption(OptionNumber.contentFormat, missingBlocksFormat)],
    payload: encodeMissing(missing, room),
  };
}
