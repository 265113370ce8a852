/**
 * The door of the CoAP room (RFC 7252, RFC 7959, RFC 9177): a peer's messages in, whole requests out, answers back.
 * ```
 *   receive(peer, bytes)
 *     message.ts       is it a message?                    no → RST or nothing
 *     peer-state.ts    is it a request that came before?   yes → what it got then, or an empty ACK
 *     options.ts       do we understand it?                no → 4.02, 4.05, 5.05
 *     block-wise.ts    is it a part of something?          → 2.31, or a block of an answer that is kept
 *     handle(request)  a whole request, once
 *     exchange.ts      in time → piggybacked in the ACK; late → empty ACK, then a CON of our own (outbox.ts)
 * ```
 * `request` turns the roles round (calls.ts): we ask, the peer answers, on the same connection.
 * It is given `handle`, and peers that can `send`. It knows no socket, no DTLS and no resource: paths, methods and
 * content formats are the handler's affair.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { type Answer, errorAnswer } from './answer.ts';
import { BlockWise, type Held } from './block-wise.ts';
import type { BodyStore } from './body-store.ts';
import { Calls, type Patience } from './calls.ts';
import type { ClientRequest, CoapClient } from './client.ts';
import { CoapError, Code, empty, isRequest, isResponse, type Method, methodOf } from './codes.ts';
import { EchoValues, type Freshness } from './echo.ts';
import { Exchange, type Outgoing } from './exchange.ts';
import { Generations } from './generations.ts';
import { Links } from './link.ts';
import { decode, emptyMessage, encode, type Message, MessageFormatError } from './message.ts';
import { type Option, OptionNumber, optionOf, recognise, uintOf } from './options.ts';
import { Outbox } from './outbox.ts';
import {
  type CoapLimits,
  type CoapParameters,
  defaultLimits,
  defaultParameters,
} from './parameters.ts';
import { PeerState } from './peer-state.ts';
import type { RepeatRules } from './repeats.ts';
import type { Reply } from './reply.ts';
import type { CoapPeer, CoapRequest, CoapResponse, Handler, Soon } from './request.ts';
import { TimerWheel } from './wheel.ts';

export interface CoapServerOptions<P extends CoapPeer> {
  readonly handle: Handler<P>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where they differ from defaultLimits. */
  readonly limits?: Partial<CoapLimits>;
  /** Where they differ from defaultParameters. */
  readonly parameters?: Partial<CoapParameters>;
  /** Requests that come again as new messages get one answer; absent: each is worked on. */
  readonly repeats?: RepeatRules<P>;
  /** Answers in blocks outlive this process in it; absent: they do not. */
  readonly store?: BodyStore;
  /** Peers that are to prove that they are there (RFC 9175); absent: nobody is asked. */
  readonly freshness?: Freshness<P>;
}

/** Seconds that a peer with too many requests under way is asked to wait. */
const busyMaxAge = 5;

export class CoapServer<P extends CoapPeer> {
  /** The one timer of everything. */
  readonly #clock: TimerWheel;
  readonly #random: Random;
  readonly #log: Log;
  readonly #limits: CoapLimits;
  readonly #parameters: CoapParameters;
  readonly #blockWise: BlockWise<P>;
  readonly #peers: Generations<PeerState>;
  readonly #links: Links;
  readonly #calls: Calls<P>;
  readonly #freshness: Freshness<P> | undefined;
  readonly #echo: EchoValues;
  #sweeps = false;
  /** Requests whose answer is waited for. */
  #working = 0;
  #isQuiet = false;
  #idle: (() => void) | undefined;

  constructor(options: CoapServerOptions<P>) {
    this.#clock = new TimerWheel(options.clock);
    this.#random = options.random;
    this.#log = options.log;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#parameters = { ...defaultParameters, ...options.parameters };
    this.#peers = new Generations(this.#limits.peers, this.#limits.answeredOctets);
    this.#links = new Links(this.#clock, this.#parameters, this.#limits);
    this.#calls = new Calls({
      clock: this.#clock,
      random: options.random,
      log: options.log,
      parameters: this.#parameters,
      limits: this.#limits,
      stateOf: (peer) => this.#stateOf(peer),
      send: (peer, message) => this.#send(peer, message),
    });
    this.#freshness = options.freshness;
    this.#echo = new EchoValues(this.#clock, options.random);
    this.#blockWise = new BlockWise({
      handle: (request) => this.#handle(options.handle, request),
      repeats: options.repeats,
      store: options.store,
      clock: this.#clock,
      random: options.random,
      log: options.log,
      limits: this.#limits,
      parameters: this.#parameters,
      links: this.#links,
    });
  }

  /** What is held for peers now: for gauges and tests. */
  get held(): Held & {
    readonly peers: number;
    readonly messages: number;
    readonly links: number;
  } {
    let messages = 0;
    for (const state of this.#peers.values()) messages += state.remembered;
    const links = this.#links.size;
    return { peers: this.#peers.size, messages, links, ...this.#blockWise.held };
  }

  /** Takes one message of a peer. Throws nothing for what the bytes hold. */
  receive(peer: P, bytes: Uint8Array): void {
    const message = this.#decode(peer, bytes);
    if (message === undefined) return;
    const { type, code, messageId } = message;
    this.#calls.heard(peer);
    const client = isResponse(code) && type !== 'RST' ? this.#clientOf(peer) : undefined;
    if (client !== undefined) client.receive(bytes);
    else if (type === 'ACK' || type === 'RST') this.#receiveDelivery(peer, message);
    else if (isRequest(code)) this.#receiveRequest(peer, message);
    else if (type === 'CON') {
      if (code !== empty) this.#log.drop('response to no request', { peer: peer.id, code });
      this.#send(peer, emptyMessage('RST', messageId)); // to a ping, too: section 4.3
    } else this.#log.drop('not a request', { peer: peer.id, code });
    this.#letGo(peer);
  }

  /**
   * Asks the peer, which is a CoAP server on this connection as well as a client. Requests to one peer go one after the
   * other. Resolves with the response, which may be an error response; rejects with CoapClientError.
   */
  request(peer: P, request: ClientRequest, patience: Patience): Promise<CoapResponse> {
    return this.#calls.request(peer, request, patience);
  }

  /**
   * The peer's connection is closed: nothing more is sent to it, and all that is kept for it goes, but for the bodies
   * and answers of a peer with an identity, which may take them up again.
   */
  forget(peer: P): void {
    this.#peers.get(peer.id)?.close();
    this.#peers.delete(peer.id);
    this.#calls.forget(peer);
    this.#blockWise.forget(peer);
    this.#links.forget(peer);
  }

  /**
   * Begins nothing new: a request that is the first, or the whole, of something is left unanswered, for its peer to send
   * again to whoever comes after. The blocks of what is under way are answered. Resolves when no answer is due.
   */
  quiet(): Promise<void> {
    this.#isQuiet = true;
    return this.#working === 0
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.#idle = resolve;
        });
  }

  /** Stops all timers. Handlers that still run answer nobody. */
  close(): void {
    for (const state of this.#peers.values()) state.close();
    this.#blockWise.close();
    this.#clock.close();
  }

  #decode(peer: P, bytes: Uint8Array): Message | undefined {
    try {
      return decode(bytes);
    } catch (error) {
      if (!(error instanceof MessageFormatError)) throw error;
      this.#log.drop('malformed message', { peer: peer.id, complaint: error.message });
      if (error.reset !== undefined) this.#send(peer, emptyMessage('RST', error.reset));
      return undefined;
    }
  }

  /** What waits for responses of this peer, or did. */
  #clientOf(peer: P): CoapClient | undefined {
    return (this.#peers.get(peer.id) ?? this.#calls.stateOf(peer))?.client;
  }

  /** ACK and RST are about CONs of ours: separate responses, and requests. */
  #receiveDelivery(peer: P, { type, code, messageId }: Message): void {
    const how = type === 'ACK' ? 'acknowledged' : 'reset';
    const state = this.#peers.get(peer.id) ?? this.#calls.stateOf(peer);
    if (code === empty && state?.outbox.receive(how, messageId)) return;
    if (type === 'RST' && state?.rejected(messageId)) return;
    this.#log.drop('ACK or RST of nothing', { peer: peer.id, type, code });
  }

  #receiveRequest(peer: P, request: Message): void {
    const state = this.#stateOf(peer);
    const now = this.#clock.now();
    const oldest = now - this.#parameters.exchangeLifetime;
    const repeat = state.repeatOf(request, oldest);
    if (repeat !== undefined) {
      this.#log.drop('duplicate', { peer: peer.id, messageId: request.messageId });
      this.#repeat(peer, state, repeat.message, now);
      return;
    }
    if (this.#isQuiet && !goesOn(request)) {
      this.#log.drop('request while stopping', { peer: peer.id });
      return;
    }
    state.requested(now);
    const exchange = new Exchange(request, now);
    const answer = this.#respond(peer, state, exchange, request);
    if (answer instanceof Promise) {
      state.remember(exchange, oldest, this.#limits.messagesPerPeer);
      this.#answerLater(peer, state, exchange, answer).catch((error: unknown) => {
        this.#log.error('answer failed', { error: error instanceof Error ? error.stack : '' });
      });
      return;
    }
    const outgoing = this.#outgoing(peer, exchange, answer);
    state.remember(exchange, oldest, this.#limits.messagesPerPeer);
    this.#deliver(peer, state, outgoing, answer);
  }

  /** What a request gets that came again. */
  #repeat(peer: P, state: PeerState, answer: Uint8Array | undefined, now: number): void {
    if (state.crosses(answer, now)) return;
    state.repeated(answer);
    this.#letGo(peer, answer);
    if (answer !== undefined) this.#send(peer, answer);
  }

  /** Bridges the wait for the answer (section 5.2.2). */
  async #answerLater(
    peer: P,
    state: PeerState,
    exchange: Exchange,
    coming: Promise<Answer | undefined>,
  ): Promise<void> {
    const cancelAck = exchange.confirmable
      ? this.#clock.after(this.#parameters.emptyAckAfter, () => {
          if (!state.gone) this.#send(peer, exchange.acknowledge());
        })
      : undefined;
    state.unanswered++;
    this.#working++;
    const answer = await coming;
    state.unanswered--;
    cancelAck?.();
    if (!state.gone) {
      this.#deliver(peer, state, this.#outgoing(peer, exchange, answer), answer);
    }
    this.#working--;
    if (this.#working === 0) this.#idle?.();
  }

  /** The answer as a message (section 5.2.1 to 5.2.3). */
  #outgoing(peer: P, exchange: Exchange, answer: Answer | undefined): Outgoing | undefined {
    return exchange.answer(answer, () => this.#stateOf(peer).outbox.nextMessageId());
  }

  #deliver(
    peer: P,
    state: PeerState,
    outgoing: Outgoing | undefined,
    answer: Answer | undefined,
  ): void {
    if (outgoing === undefined) return;
    this.#peers.weigh(outgoing.message.length);
    if (outgoing.confirm === undefined) {
      this.#send(peer, outgoing.message);
      state.answered(answer, this.#clock);
      answer?.sent?.();
    } else {
      this.#confirm(peer, outgoing.confirm, outgoing.message, answer);
    }
  }

  #confirm(peer: P, messageId: number, message: Uint8Array, answer: Answer | undefined): void {
    const taken = this.#stateOf(peer).outbox.confirm(messageId, message, (how) => {
      if (how === 'acknowledged') answer?.sent?.();
      else this.#log.info('separate response', { peer: peer.id, how });
    });
    if (!taken) this.#log.warn('too many separate responses wait', { peer: peer.id });
  }

  /** The answer; undefined where there is to be none. Neither throws nor rejects: errors become answers here. */
  #respond(
    peer: P,
    state: PeerState,
    exchange: Exchange,
    request: Message,
  ): Soon<Answer | undefined> {
    const { known, critical } = recognise(request.options, this.#parameters.qBlock);
    if (critical.length > 0 && request.type === 'NON' && !critical.some(isProxying)) {
      this.#log.drop('critical option in a NON', { peer: peer.id, option: critical[0] }); // 5.4.1
      return undefined;
    }
    const unwanted = uintOf(known, OptionNumber.noResponse);
    try {
      const method = this.#accept(state, request, critical);
      if (!this.#isFresh(peer, known)) return this.#challenge(peer);
      const { payload } = request;
      const reply = this.#replyTo(peer, state, exchange);
      const answer = this.#blockWise.respond({ peer, method, options: known, payload, reply });
      if (!(answer instanceof Promise)) return wanted(answer, unwanted);
      return answer.then(
        (later) => wanted(later, unwanted),
        (error: unknown) => wanted(errorAnswer(error, this.#log), unwanted),
      );
    } catch (error) {
      return wanted(errorAnswer(error, this.#log), unwanted);
    }
  }

  /** Whether the request may go on as far as Echo is concerned (RFC 9175 section 2.3). */
  #isFresh(peer: P, options: readonly Option[]): boolean {
    if (this.#freshness?.due(peer) !== true) return true;
    const echo = optionOf(options, OptionNumber.echo);
    if (echo !== undefined && this.#echo.isFresh(peer, echo)) {
      this.#freshness.proven(peer);
      return true;
    }
    return false;
  }

  /** 4.01 with a value to send back. */
  #challenge(peer: P): Answer {
    const value = this.#echo.of(peer);
    const options = [{ number: OptionNumber.echo, value }];
    return { code: Code.unauthorized, options, payload: new Uint8Array() };
  }

  /** For responses besides the one of the exchange (RFC 9177). */
  #replyTo(peer: P, state: PeerState, { confirmable, token }: Exchange): Reply {
    return {
      confirmable,
      send: (answer, reset) => {
        if (state.gone) return;
        const messageId = this.#stateOf(peer).outbox.nextMessageId();
        if (reset !== undefined) state.watch(messageId, reset);
        this.#send(peer, encode({ type: 'NON', messageId, token, ...answer }));
      },
    };
  }

  /** The method of a request that may go on; throws CoapError. */
  #accept(state: PeerState, request: Message, critical: readonly number[]): Method {
    if (critical.length > 0) {
      if (critical.some(isProxying)) throw new CoapError(Code.proxyingNotSupported, 'not a proxy');
      throw new CoapError(Code.badOption, `option ${critical[0]}`);
    }
    const method = methodOf(request.code);
    if (method === undefined) throw new CoapError(Code.methodNotAllowed, `method ${request.code}`);
    const { runningPerPeer, messagesPerPeer } = this.#limits;
    if (state.unanswered > runningPerPeer + messagesPerPeer) throw tooMany();
    return method;
  }

  /** Works on a whole request, so many of a peer at a time. */
  #handle(handle: Handler<P>, request: CoapRequest<P>): Soon<CoapResponse> {
    const state = this.#stateOf(request.peer);
    if (state.running >= this.#limits.runningPerPeer) throw tooMany();
    const response = handle(request);
    if (!(response instanceof Promise)) return response;
    state.running++;
    return response.finally(() => {
      state.running--;
    });
  }

  #stateOf(peer: P): PeerState {
    const known = this.#peers.get(peer.id);
    if (known !== undefined) return known;
    const calling = this.#calls.stateOf(peer);
    if (calling !== undefined) {
      this.#peers.set(peer.id, calling);
      return calling;
    }
    const link = this.#links.of(peer);
    const outbox = new Outbox({
      clock: this.#clock,
      random: this.#random,
      parameters: this.#parameters,
      roundTrip: link.roundTrip,
      ceiling: this.#limits.waitingPerPeer,
      send: (message) => this.#send(peer, message),
    });
    const state = new PeerState(outbox, link);
    this.#peers.set(peer.id, state);
    this.#sweepLater();
    return state;
  }

  /** The one alarm of all that is merely kept; none while nothing is. */
  #sweepLater(): void {
    if (this.#sweeps) return;
    this.#sweeps = true;
    this.#clock.after(this.#parameters.exchangeLifetime, () => {
      this.#sweeps = false;
      this.#peers.turn();
      this.#blockWise.sweep();
      const { bodies, answers, repeats } = this.#blockWise.held;
      if (this.#peers.size + bodies + answers + repeats > 0) this.#sweepLater();
    });
  }

  #send(peer: P, message: Uint8Array): void {
    if (message.length > (peer.allowance ?? Infinity)) this.#holdBack(peer, message);
    else this.#transmit(peer, message);
  }

  /**
   * The peer writes from an address that it may not be at: nothing large goes there before a round trip. A ping makes
   * one; its RST, or whatever else the peer says, lets the message go.
   */
  #holdBack(peer: P, message: Uint8Array): void {
    const state = this.#stateOf(peer);
    if (state.gone) return;
    state.hold(message);
    if (!state.pings(this.#clock.now())) return;
    const messageId = state.outbox.nextMessageId();
    state.watch(messageId, () => {});
    this.#transmit(peer, emptyMessage('CON', messageId));
  }

  /** Sends what was held back as far as it may leave now, but for a message that leaves as it is. */
  #letGo(peer: P, but?: Uint8Array): void {
    const state = this.#peers.get(peer.id);
    if (state?.holds !== true) return;
    for (const held of state.release(but)) {
      state.leaves(held, this.#clock.now());
      this.#send(peer, held);
    }
    state.released();
  }

  #transmit(peer: P, message: Uint8Array): void {
    try {
      peer.send(message);
    } catch (error) {
      this.#log.error('sending failed', { peer: peer.id, error: String(error) });
    }
  }
}

function tooMany(): CoapError {
  return new CoapError(Code.serviceUnavailable, 'too many requests', { maxAge: busyMaxAge });
}

/** Whether a request goes on with a transfer in blocks: it has a block other than the first. */
function goesOn({ options }: Message): boolean {
  const { known } = recognise(options, true);
  const { block1, block2, qBlock1, qBlock2 } = OptionNumber;
  return [block1, block2, qBlock1, qBlock2].some((number) => (uintOf(known, number) ?? 0) >> 4 > 0);
}

function isProxying(option: number): boolean {
  return option === OptionNumber.proxyUri || option === OptionNumber.proxyScheme;
}

/**
 * The answer, unless it is of a class that the peer does not want to hear: No-Response has a bit for each (RFC 7967
 * section 2.1). A 2.31 is no response to the request but asks for its rest.
 */
function wanted(answer: Answer | undefined, noResponse = 0): Answer | undefined {
  if (answer === undefined || noResponse === 0 || answer.code === Code.continue) return answer;
  const bit = 2 ** (Number(answer.code[0]) - 1);
  return (noResponse & bit) === 0 ? answer : undefined;
}
