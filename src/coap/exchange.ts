/**
 * One request's life in the message layer (RFC 7252 section 4.2, 4.5, 5.2):
 * ```
 *                  answer in time
 *   running ───────────────────────────▶ answered: piggybacked in the ACK; NON for NON
 *      │ ACK due, or the request again                     ▲
 *      ▼                          answer                   │
 *   acknowledged (empty ACK) ──────────────────────────────┘ a CON of our own
 * ```
 * An exchange says what is to be sent; it sends nothing and holds no timer, for it is remembered long after its end.
 */
import { equal } from '../base/bytes.ts';
import type { Answer } from './answer.ts';
import { emptyMessage, encode, type Message } from './message.ts';

/** A message on its way out; `confirm` is the message ID of one that is to be repeated until acknowledged. */
export interface Outgoing {
  readonly message: Uint8Array;
  readonly confirm?: number;
}

export class Exchange {
  /** Milliseconds since the epoch; the lifetime counts from here. */
  readonly began: number;
  readonly confirmable: boolean;
  readonly messageId: number;
  readonly token: Uint8Array;
  #at: 'running' | 'acknowledged' | 'answered' = 'running';
  /** What the answered request gets when it comes again. */
  #repeat: Uint8Array | undefined;
  #piggybacked = false;

  constructor(request: Message, now: number) {
    this.began = now;
    this.confirmable = request.type === 'CON';
    this.messageId = request.messageId;
    this.token = request.token;
  }

  get answered(): boolean {
    return this.#at === 'answered';
  }

  /** The ACK that bears the answer, where one does: it holds all that is to be remembered of the exchange. */
  get piggybacked(): Uint8Array | undefined {
    return this.#piggybacked ? this.#repeat : undefined;
  }

  /**
   * Whether a message with this exchange's message ID, and that token, is the same request again. A peer that lost its
   * count may give the ID to another request; a new token tells it from a duplicate.
   */
  isRequest(token: Uint8Array): boolean {
    return equal(this.token, token);
  }

  /** The request came again: what it gets, which is never another run of the handler (section 4.5). */
  duplicate(): Uint8Array | undefined {
    if (this.answered) return this.#repeat;
    return this.confirmable ? this.acknowledge() : undefined;
  }

  /** The empty ACK that promises a separate response (section 5.2.2). */
  acknowledge(): Uint8Array {
    if (this.#at === 'running') this.#at = 'acknowledged';
    return this.#emptyAck();
  }

  /** The answer is there; `undefined` is an answer that the peer does not want to hear (RFC 7967) or must not. */
  answer(answer: Answer | undefined, nextMessageId: () => number): Outgoing | undefined {
    const before = this.#at;
    this.#at = 'answered';
    if (!this.confirmable) {
      return answer && { message: this.#response('NON', nextMessageId(), answer) };
    }
    if (before === 'running') {
      const message = answer ? this.#response('ACK', this.messageId, answer) : this.#emptyAck();
      this.#repeat = message;
      this.#piggybacked = answer !== undefined;
      return { message };
    }
    this.#repeat = this.#emptyAck();
    if (answer === undefined) return undefined;
    const confirm = nextMessageId();
    return { message: this.#response('CON', confirm, answer), confirm };
  }

  #response(type: 'ACK' | 'CON' | 'NON', messageId: number, answer: Answer): Uint8Array {
    const { code, options, payload } = answer;
    return encode({ type, code, messageId, token: this.token, options, payload });
  }

  #emptyAck(): Uint8Array {
    return emptyMessage('ACK', this.messageId);
  }
}
