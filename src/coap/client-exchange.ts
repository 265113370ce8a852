/** The client's message layer: one CON request at a time, and whichever way its response comes (RFC 7252 section 5.2). */
import { equal } from '../base/bytes.ts';
import type { Cancel, Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { empty, isResponse } from './codes.ts';
import { decode, emptyMessage, encode, type Message, MessageFormatError } from './message.ts';
import { type Option, recognise } from './options.ts';
import { type Delivery, Outbox } from './outbox.ts';
import type { CoapParameters } from './parameters.ts';

/** Why a request got no response. */
export type CoapClientErrorKind =
  /** No ACK after the last retransmission. */
  | 'unacknowledged'
  /** An empty ACK, and no response in time. */
  | 'no response'
  /** The server rejected the message. */
  | 'reset'
  /** The response breaks CoAP's rules, or those of block-wise transfer. */
  | 'malformed'
  /** The server's answer became another between two blocks. */
  | 'changed'
  /** The response is larger than we take. */
  | 'too large'
  /** The client was closed. */
  | 'closed';

/** A request that ended without a response. An error response is a response, and no error. */
export class CoapClientError extends Error {
  override readonly name = 'CoapClientError';
  readonly kind: CoapClientErrorKind;

  constructor(kind: CoapClientErrorKind, complaint: string, options?: ErrorOptions) {
    super(complaint, options);
    this.kind = kind;
  }
}

export interface ClientExchangeOptions {
  readonly send: (message: Uint8Array) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly parameters: CoapParameters;
}

/** What has gone over the wire. */
export interface CoapClientStatistics {
  readonly messagesSent: number;
  readonly messagesReceived: number;
  /** Octets of CoAP messages, without what carries them. */
  readonly octetsSent: number;
  readonly octetsReceived: number;
  /** Messages that were sent once more. */
  readonly retransmissions: number;
  /** Requests (each block is one) that got their response. */
  readonly roundTrips: number;
}

interface Pending {
  readonly messageId: number;
  readonly token: Uint8Array;
  readonly resolve: (response: Message) => void;
  readonly reject: (error: CoapClientError) => void;
  cancel: Cancel | undefined;
}

/** Separate responses whose message IDs are remembered, to acknowledge them again. */
const rememberedResponses = 32;

export class ClientExchange {
  readonly #options: ClientExchangeOptions;
  readonly #outbox: Outbox;
  #pending: Pending | undefined;
  #closed = false;
  #token: number;
  /** Message IDs of separate responses that were acknowledged, oldest first. */
  readonly #acknowledged = new Set<number>();
  readonly #statistics = {
    messagesSent: 0,
    messagesReceived: 0,
    octetsSent: 0,
    octetsReceived: 0,
    retransmissions: 0,
    roundTrips: 0,
  };

  constructor(options: ClientExchangeOptions) {
    this.#options = options;
    this.#outbox = new Outbox({
      clock: options.clock,
      random: options.random,
      parameters: options.parameters,
      ceiling: 0,
      send: (message, retransmission) => this.#send(message, retransmission),
    });
    this.#token = 0;
    for (const octet of options.random(Math.min(options.parameters.tokenLength, 6))) {
      this.#token = this.#token * 256 + octet;
    }
  }

  get statistics(): CoapClientStatistics {
    return { ...this.#statistics };
  }

  /** Sends a request under a token of its own; resolves with the response, rejects with CoapClientError. */
  exchange(code: string, options: readonly Option[], payload: Uint8Array): Promise<Message> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new CoapClientError('closed', 'the client is closed'));
        return;
      }
      const messageId = this.#outbox.nextMessageId();
      const token = this.#nextToken();
      const pending: Pending = { messageId, token, resolve, reject, cancel: undefined };
      this.#pending = pending;
      const message = encode({ type: 'CON', code, messageId, token, options, payload });
      this.#outbox.confirm(messageId, message, (how) => this.#delivered(pending, how));
    });
  }

  /** Takes one message of the server. Throws nothing for what the bytes hold. */
  receive(bytes: Uint8Array): void {
    this.#statistics.messagesReceived++;
    this.#statistics.octetsReceived += bytes.length;
    const message = this.#decode(bytes);
    if (message === undefined) return;
    const { type, code, messageId } = message;
    if (type === 'RST' || (type === 'ACK' && code === empty)) {
      const how = type === 'RST' ? 'reset' : 'acknowledged';
      if (!this.#outbox.receive(how, messageId)) this.#options.log.drop('ACK or RST of nothing');
    } else if (this.#isResponse(message)) this.#receiveResponse(message);
    else if (type === 'CON' && this.#acknowledged.has(messageId)) {
      this.#send(emptyMessage('ACK', messageId));
    } else {
      this.#options.log.drop('response to no request', { type, code });
      if (type === 'CON') this.#send(emptyMessage('RST', messageId)); // a ping's answer, too: section 4.3
    }
  }

  close(): void {
    this.#closed = true;
    this.#outbox.close();
    const pending = this.#pending;
    if (pending !== undefined) {
      this.#fail(pending, new CoapClientError('closed', 'the client was closed'));
    }
  }

  #decode(bytes: Uint8Array): Message | undefined {
    try {
      return decode(bytes);
    } catch (error) {
      if (!(error instanceof MessageFormatError)) throw error;
      this.#options.log.drop('malformed message', { complaint: error.message });
      if (error.reset !== undefined) this.#send(emptyMessage('RST', error.reset));
      return undefined;
    }
  }

  /** Section 5.3.2: the token must match, and of a piggybacked response the message ID too. */
  #isResponse({ type, code, token, messageId }: Message): boolean {
    const pending = this.#pending;
    if (pending === undefined || !isResponse(code) || !equal(token, pending.token)) return false;
    return type !== 'ACK' || messageId === pending.messageId;
  }

  #receiveResponse(message: Message): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    const { known, critical } = recognise(message.options, this.#options.parameters.qBlock);
    if (critical.length > 0) {
      if (message.type === 'CON') this.#send(emptyMessage('RST', message.messageId));
      const complaint = `the response has the unknown critical option ${critical[0]}`;
      this.#fail(pending, new CoapClientError('malformed', complaint));
    } else {
      if (message.type === 'CON') this.#acknowledge(message.messageId);
      this.#statistics.roundTrips++;
      this.#settle(pending);
      pending.resolve({ ...message, options: known });
    }
    this.#outbox.receive('acknowledged', pending.messageId); // a response is an ACK, too: section 5.2.2
  }

  #acknowledge(messageId: number): void {
    this.#acknowledged.add(messageId);
    const [oldest] = this.#acknowledged;
    if (this.#acknowledged.size > rememberedResponses && oldest !== undefined) {
      this.#acknowledged.delete(oldest);
    }
    this.#send(emptyMessage('ACK', messageId));
  }

  /** The request's CON ended. */
  #delivered(pending: Pending, how: Delivery): void {
    if (this.#pending !== pending) return;
    if (how === 'reset') {
      this.#fail(pending, new CoapClientError('reset', 'the server rejected the message'));
    } else if (how === 'unanswered') {
      this.#fail(pending, new CoapClientError('unacknowledged', 'the server does not answer'));
    } else {
      pending.cancel = this.#options.clock.after(this.#options.parameters.separateTimeout, () => {
        this.#fail(pending, new CoapClientError('no response', 'no response after the ACK'));
      });
    }
  }

  #fail(pending: Pending, error: CoapClientError): void {
    this.#settle(pending);
    pending.reject(error);
  }

  #settle(pending: Pending): void {
    pending.cancel?.();
    this.#pending = undefined;
  }

  /** A counter with a random start: no token comes again for a long time (RFC 9175 section 4.2). */
  #nextToken(): Uint8Array {
    const { tokenLength } = this.#options.parameters;
    this.#token = (this.#token + 1) % 256 ** Math.min(tokenLength, 6);
    const token = new Uint8Array(tokenLength);
    let rest = this.#token;
    for (let i = tokenLength - 1; i >= 0; i--) {
      token[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    return token;
  }

  #send(message: Uint8Array, retransmission = false): void {
    this.#statistics.messagesSent++;
    this.#statistics.octetsSent += message.length;
    if (retransmission) this.#statistics.retransmissions++;
    this.#options.send(message);
  }
}
