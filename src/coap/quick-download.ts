/** A response that comes by Q-Block2 (RFC 9177 section 4.4): in any order, with holes that are asked for. */
import type { Clock } from '../base/clock.ts';
import type { Block } from './block.ts';
import { CoapClientError } from './client-exchange.ts';
import { checkSame } from './download.ts';
import type { Message } from './message.ts';
import { OptionNumber, uintOf } from './options.ts';
import type { CoapParameters } from './parameters.ts';
import { QBlockReceiver } from './q-block-receiver.ts';
import type { RoundTrip } from './round-trip.ts';

/** Whoever asks the server for more; a download may outlive it. */
export interface Asking {
  /** Sends a request for these blocks of that size. */
  ask(blocks: readonly Block[]): void;
  failed(error: CoapClientError): void;
}

export class QuickDownload {
  /** The response whose options count for all. */
  readonly first: Message;
  readonly #szx: number;
  readonly #size: number;
  readonly #receiver: QBlockReceiver;
  #asking: Asking | undefined;

  /** Begins with whichever block came first. Throws CoapClientError for one that cannot be. */
  constructor(
    first: Message,
    block: Block,
    limit: number,
    clock: Clock,
    parameters: CoapParameters,
    roundTrip: RoundTrip,
  ) {
    const size = uintOf(first.options, OptionNumber.size2);
    if (size === undefined) throw new CoapClientError('malformed', 'Q-Block2 without Size2');
    if (size > limit) throw new CoapClientError('too large', `a response over ${limit} octets`);
    const { szx } = block;
    this.first = { ...first, payload: new Uint8Array() };
    this.#szx = szx;
    this.#size = size;
    this.#receiver = new QBlockReceiver({
      clock,
      parameters,
      size,
      szx,
      roundTrip,
      continueFrom: (number) => this.#asking?.ask([{ number, more: true, szx }]),
      ask: (missing) => this.#ask(missing),
      giveUp: () => {
        const complaint = 'missing blocks were asked for in vain';
        this.#asking?.failed(new CoapClientError('no response', complaint));
      },
    });
  }

  /** From here on it is `asking` that asks. */
  begin(asking: Asking): void {
    this.#asking = asking;
  }

  /** Asks for what is missing: in another connection, or after a sleep. */
  takeUp(asking: Asking): void {
    this.#asking = asking;
    this.#receiver.askAgain();
  }

  /** Asks for nothing more until it is taken up again. */
  pause(): void {
    this.#asking = undefined;
    this.#receiver.close();
  }

  /** Takes a block; the whole body once it is there. Throws CoapClientError for one that does not fit. */
  add(message: Message, { number, more, szx }: Block): Uint8Array | undefined {
    checkSame(this.first, message);
    const { count } = this.#receiver;
    if (
      uintOf(message.options, OptionNumber.size2) !== this.#size ||
      szx !== this.#szx ||
      number >= count ||
      more !== number < count - 1 ||
      message.payload.length !== this.#receiver.lengthOf(number)
    ) {
      throw new CoapClientError('malformed', `block ${number} of ${count} does not fit`);
    }
    return this.#receiver.take(number, message.payload) === 'whole'
      ? this.#receiver.body()
      : undefined;
  }

  #ask(missing: readonly number[]): void {
    const szx = this.#szx;
    this.#asking?.ask(missing.map((number) => ({ number, more: false, szx })));
  }
}
