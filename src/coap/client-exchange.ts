/**
 * The client's message layer: requests, and whichever way their responses come (RFC 7252 section 5.2), one or, with
 * RFC 9177, several. A server that asks for it gets the request once more, with its Echo (RFC 9175 section 2.3).
 */
import { toHex } from '../base/bytes.ts';
import type { Cancel, Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Code, empty, isResponse } from './codes.ts';
import { decode, emptyMessage, encode, type Message, MessageFormatError } from './message.ts';
import { type Option, OptionNumber, optionOf, recognise } from './options.ts';
import { type Delivery, Outbox } from './outbox.ts';
import type { CoapParameters } from './parameters.ts';
import type { RoundTrip } from './round-trip.ts';

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
  /** ACK_TIMEOUT comes from it, and each exchange teaches it. */
  readonly roundTrip: RoundTrip;
  /**
   * Whoever sends on the same connection shares it: one count of message IDs, one CON at a time. Its ACKs and RSTs are
   * brought to it by its owner. Absent: one of our own.
   */
  readonly outbox?: Outbox;
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

/** One request message, without what the message layer adds. */
export interface RequestMessage {
  readonly type: 'CON' | 'NON';
  readonly code: string;
  readonly options: readonly Option[];
  readonly payload: Uint8Array;
}

/** Whoever waits for the responses to a request. */
export interface Listener {
  /** A response, its options reduced to those we know. */
  receive(response: Message): void;
  /** There will be none. */
  failed(error: CoapClientError): void;
  /** The server has the request, and the response will come later. */
  acknowledged?(): void;
}

/** A request under way: responses under its token are heard until it is closed. */
export interface Watch {
  close(): void;
}

interface Pending {
  readonly request: RequestMessage;
  readonly messageId: number;
  readonly token: string;
  readonly listener: Listener;
  cancel: Cancel | undefined;
  answered: boolean;
}

/** Separate responses whose message IDs are remembered, to acknowledge them again. */
const rememberedResponses = 32;
/** CONs that may wait for the one before them. */
const waitingRequests = 8;

export class ClientExchange {
  readonly #options: ClientExchangeOptions;
  readonly #outbox: Outbox;
  /** By token. */
  readonly #pending = new Map<string, Pending>();
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
    this.#outbox =
      options.outbox ??
      new Outbox({
        clock: options.clock,
        random: options.random,
        parameters: options.parameters,
        roundTrip: options.roundTrip,
        ceiling: waitingRequests,
        send: (message, retransmission) => this.#send(message, retransmission),
      });
    this.#token = 0;
    for (const octet of options.random(Math.min(options.parameters.tokenLength, 6))) {
      this.#token = this.#token * 256 + octet;
    }
  }

  /** No CON is unacknowledged. */
  get idle(): boolean {
    return this.#outbox.idle;
  }

  get statistics(): CoapClientStatistics {
    return { ...this.#statistics };
  }

  /** Sends a CON under a token of its own; resolves with its response, rejects with CoapClientError. */
  exchange(code: string, options: readonly Option[], payload: Uint8Array): Promise<Message> {
    return new Promise((resolve, reject) => {
      const watch = this.request(
        { type: 'CON', code, options, payload },
        {
          receive: (response) => {
            watch.close();
            resolve(response);
          },
          failed: reject,
        },
      );
    });
  }

  /** Sends a request under a token of its own, and hands on all responses until the watch is closed. */
  request(request: RequestMessage, listener: Listener): Watch {
    let watched: Pending | undefined;
    const watch = { close: () => watched && this.#end(watched) };
    if (this.#closed) {
      queueMicrotask(() => listener.failed(new CoapClientError('closed', 'the client is closed')));
      return watch;
    }
    const start = (message: RequestMessage, retry: boolean): void => {
      watched = this.#start(message, {
        ...listener,
        receive: (response) => {
          const echo = optionOf(response.options, OptionNumber.echo);
          if (retry || response.code !== Code.unauthorized || echo === undefined) {
            listener.receive(response);
            return;
          }
          watch.close();
          const option = { number: OptionNumber.echo, value: echo.slice() };
          start({ ...message, options: [...message.options, option] }, true);
        },
      });
    };
    start(request, false);
    return watch;
  }

  /** Takes one message of the server. Throws nothing for what the bytes hold. */
  receive(bytes: Uint8Array): void {
    this.#statistics.messagesReceived++;
    this.#statistics.octetsReceived += bytes.length;
    const message = this.#decode(bytes);
    if (message === undefined) return;
    const { type, code, messageId } = message;
    const pending = this.#pendingOf(message);
    if (type === 'RST') this.#receiveReset(messageId);
    else if (type === 'ACK' && code === empty) {
      if (!this.#outbox.receive('acknowledged', messageId)) this.#drop('ACK of nothing', message);
    } else if (type === 'CON' && this.#acknowledged.has(messageId)) {
      this.#send(emptyMessage('ACK', messageId));
    } else if (pending !== undefined) this.#receiveResponse(pending, message);
    else {
      this.#drop('response to no request', message);
      if (type === 'CON') this.#send(emptyMessage('RST', messageId)); // a ping's answer, too: section 4.3
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#options.outbox === undefined) this.#outbox.close();
    for (const pending of [...this.#pending.values()]) {
      this.#fail(pending, new CoapClientError('closed', 'the client was closed'));
    }
  }

  #start(request: RequestMessage, listener: Listener): Pending {
    const messageId = this.#outbox.nextMessageId();
    const token = this.#nextToken();
    const pending: Pending = {
      request,
      messageId,
      token: toHex(token),
      listener,
      cancel: undefined,
      answered: false,
    };
    this.#pending.set(pending.token, pending);
    const message = encode({ ...request, messageId, token });
    if (request.type === 'NON') this.#send(message);
    else if (!this.#outbox.confirm(messageId, message, (how) => this.#delivered(pending, how))) {
      const error = new CoapClientError('unacknowledged', 'too many requests wait');
      queueMicrotask(() => this.#fail(pending, error));
    }
    return pending;
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
  #pendingOf({ type, code, token, messageId }: Message): Pending | undefined {
    if (!isResponse(code)) return undefined;
    const pending = this.#pending.get(toHex(token));
    return type === 'ACK' && messageId !== pending?.messageId ? undefined : pending;
  }

  #receiveReset(messageId: number): void {
    if (this.#outbox.receive('reset', messageId)) return;
    for (const pending of this.#pending.values()) {
      if (pending.messageId !== messageId || pending.request.type === 'CON') continue;
      this.#fail(pending, new CoapClientError('reset', 'the server rejected the message'));
      return;
    }
    this.#options.log.drop('RST of nothing', { messageId });
  }

  #receiveResponse(pending: Pending, message: Message): void {
    const { known, critical } = recognise(message.options, this.#options.parameters.qBlock);
    if (critical.length > 0) {
      if (message.type === 'CON') this.#send(emptyMessage('RST', message.messageId));
      const complaint = `the response has the unknown critical option ${critical[0]}`;
      this.#fail(pending, new CoapClientError('malformed', complaint));
    } else {
      if (message.type === 'CON') this.#acknowledge(message.messageId);
      pending.cancel?.();
      if (!pending.answered) this.#statistics.roundTrips++;
      pending.answered = true;
      pending.listener.receive({ ...message, options: known });
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
    if (this.#pending.get(pending.token) !== pending || pending.answered) return;
    if (how === 'reset') {
      this.#fail(pending, new CoapClientError('reset', 'the server rejected the message'));
    } else if (how === 'unanswered') {
      this.#fail(pending, new CoapClientError('unacknowledged', 'the server does not answer'));
    } else {
      pending.cancel = this.#options.clock.after(this.#options.parameters.separateTimeout, () => {
        this.#fail(pending, new CoapClientError('no response', 'no response after the ACK'));
      });
      pending.listener.acknowledged?.();
    }
  }

  #fail(pending: Pending, error: CoapClientError): void {
    this.#end(pending);
    pending.listener.failed(error);
  }

  #end(pending: Pending): void {
    pending.cancel?.();
    this.#pending.delete(pending.token);
    if (!pending.answered) this.#outbox.withdraw(pending.messageId);
  }

  #drop(reason: string, { type, code }: Message): void {
    this.#options.log.drop(reason, { type, code });
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
