/**
 * What passes between device and eIM block by block, as the device sees it: which blocks it had to ask for or send
 * again, which came again, and what had happened on the way.
 */
import { blockOf } from '../../../src/coap/block.ts';
import { isRequest, isResponse } from '../../../src/coap/codes.ts';
import { decode, type Message } from '../../../src/coap/message.ts';
import { OptionNumber } from '../../../src/coap/options.ts';

/** What can make a block travel again; `nothing` is a waste. */
export type Cause = 'lost' | 'NAT rebound' | 'device reset' | 'eIM killed' | 'nothing';

/** `up`: a block of a request; `down`: one of an answer. */
export type Direction = 'up' | 'down';

export interface BlockAgain {
  readonly direction: Direction;
  readonly block: number;
  /** Sent or asked for once more, or heard once more. */
  readonly how: 'asked' | 'heard';
  readonly why: Cause;
}

/** All exchanges of one function. */
export interface BlockRow {
  readonly what: string;
  /** Blocks that the device sent and got, each counted once; a message without blocks is one. */
  readonly up: number;
  readonly down: number;
  readonly again: readonly BlockAgain[];
}

interface Tally {
  up: number;
  down: number;
  readonly again: BlockAgain[];
}

export class BlockWatch {
  readonly #rows = new Map<string, Tally>();
  #what = '';
  /** Blocks of the present exchange. */
  readonly #asked = new Set<string>();
  /** With the losses that there were when it came first. */
  readonly #heard = new Map<string, number>();
  #losses = 0;
  /** The first thing that happened since the device last asked. */
  #cause: Cause = 'nothing';
  /** Told when a block of an answer is asked for the first time. */
  readonly #asksFor: (what: string, block: number) => void;

  constructor(asksFor: (what: string, block: number) => void = () => {}) {
    this.#asksFor = asksFor;
  }

  get rows(): readonly BlockRow[] {
    return [...this.#rows].map(([what, tally]) => ({ what, ...tally }));
  }

  /** An exchange begins. */
  begin(what: string): void {
    this.#what = what;
    this.#asked.clear();
    this.#heard.clear();
  }

  /** Something happened that may make a block travel again. */
  happened(cause: Exclude<Cause, 'nothing'>): void {
    if (cause === 'lost') this.#losses++;
    if (this.#cause === 'nothing') this.#cause = cause;
  }

  /** The device sent a CoAP message. */
  sent(bytes: Uint8Array): void {
    const message = decode(bytes);
    if (!isRequest(message.code)) return;
    const wanted = blockOf(message.options, OptionNumber.block2)?.number ?? 0;
    const block =
      wanted > 0 ? wanted : (blockOf(message.options, OptionNumber.block1)?.number ?? 0);
    const direction = wanted > 0 ? 'down' : 'up';
    const name = `${direction} ${block}`;
    const why = this.#cause;
    this.#cause = 'nothing';
    if (this.#asked.has(name)) {
      this.#row.again.push({ direction, block, how: 'asked', why });
      return;
    }
    this.#asked.add(name);
    if (direction === 'up') this.#row.up++;
    else this.#asksFor(this.#what, block);
  }

  /** The device got a CoAP message. */
  received(bytes: Uint8Array): void {
    const message = decode(bytes);
    if (!isAnswer(message)) return;
    const block = blockOf(message.options, OptionNumber.block2)?.number ?? 0;
    const name = `down ${block}`;
    const before = this.#heard.get(name);
    if (before === undefined) {
      this.#heard.set(name, this.#losses);
      this.#row.down++;
      return;
    }
    // An acknowledgement of ours may be what was lost.
    const why = this.#losses > before ? 'lost' : 'nothing';
    this.#row.again.push({ direction: 'down', block, how: 'heard', why });
  }

  get #row(): Tally {
    let row = this.#rows.get(this.#what);
    if (row === undefined) {
      row = { up: 0, down: 0, again: [] };
      this.#rows.set(this.#what, row);
    }
    return row;
  }
}

/** A 2.31 asks for the next block, and is none. */
function isAnswer({ code }: Message): boolean {
  return isResponse(code) && code !== '2.31';
}
