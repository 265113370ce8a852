/**
 * The door of the CoAP room (RFC 7252, RFC 7959): a peer's messages in, whole requests out, answers back.
 * ```
 *   receive(peer, bytes)
 *     message.ts       is it a message?                    no → RST or nothing
 *     peer-state.ts    is it a request that came before?   yes → what it got then, or an empty ACK
 *     options.ts       do we understand it?                no → 4.02, 4.05, 5.05
 *     block-wise.ts    is it a part of something?          → 2.31, or a block of an answer that is kept
 *     handle(request)  a whole request, once
 *     exchange.ts      in time → piggybacked in the ACK; late → empty ACK, then a CON of our own (outbox.ts)
 * ```
 * It is given `handle`, and peers that can `send`. It knows no socket, no DTLS and no resource: paths, methods and
 * content formats are the handler's affair.
 */
import type { Cancel, Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { type Answer, errorAnswer } from './answer.ts';
import { BlockWise } from './block-wise.ts';
import { CoapError, Code, empty, isRequest, type Method, methodOf } from './codes.ts';
import { Exchange } from './exchange.ts';
import { Generations } from './generations.ts';
import { decode, emptyMessage, type Message, MessageFormatError } from './message.ts';
import { OptionNumber, recognise, uintOf } from './options.ts';
import { Outbox } from './outbox.ts';
import {
  type CoapLimits,
  type CoapParameters,
  defaultLimits,
  defaultParameters,
} from './parameters.ts';
import { PeerState } from './peer-state.ts';
import type { CoapPeer, Handler } from './request.ts';

export interface CoapServerOptions<P extends CoapPeer> {
  readonly handle: Handler<P>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where they differ from defaultLimits. */
  readonly limits?: Partial<CoapLimits>;
  /** Where they differ from defaultParameters. */
  readonly parameters?: Partial<CoapParameters>;
}

/** Seconds that a peer with too many requests under way is asked to wait. */
const busyMaxAge = 5;

export class CoapServer<P extends CoapPeer> {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #limits: CoapLimits;
  readonly #parameters: CoapParameters;
  readonly #blockWise: BlockWise<P>;
  readonly #peers: Generations<PeerState>;
  #cancelSweep: Cancel | undefined;

  constructor(options: CoapServerOptions<P>) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = options.log;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#parameters = { ...defaultParameters, ...options.parameters };
    this.#peers = new Generations(this.#limits.peers, this.#limits.answeredOctets);
    this.#blockWise = new BlockWise({
      handle: options.handle,
      clock: options.clock,
      log: options.log,
      limits: this.#limits,
      parameters: this.#parameters,
    });
  }

  /** What is held for peers now: for gauges and tests. */
  get held(): {
    readonly peers: number;
    readonly messages: number;
    readonly bodies: number;
    readonly answers: number;
    readonly octets: number;
  } {
    let messages = 0;
    for (const state of this.#peers.values()) messages += state.remembered;
    return { peers: this.#peers.size, messages, ...this.#blockWise.held };
  }

  /** Takes one message of a peer. Throws nothing for what the bytes hold. */
  receive(peer: P, bytes: Uint8Array): void {
    const message = this.#decode(peer, bytes);
    if (message === undefined) return;
    const { type, code, messageId } = message;
    if (type === 'ACK' || type === 'RST') this.#receiveDelivery(peer, message);
    else if (isRequest(code)) this.#receiveRequest(peer, message);
    else if (type === 'CON') {
      if (code !== empty) this.#log.drop('response to no request', { peer: peer.id, code });
      this.#send(peer, emptyMessage('RST', messageId)); // to a ping, too: section 4.3
    } else this.#log.drop('not a request', { peer: peer.id, code });
  }

  /** The peer's connection is closed: all that is kept for it goes, and nothing more is sent to it. */
  forget(peer: P): void {
    this.#peers.get(peer.id)?.close();
    this.#peers.delete(peer.id);
    this.#blockWise.forget(peer);
  }

  /** Stops all timers. Handlers that still run answer nobody. */
  close(): void {
    this.#cancelSweep?.();
    for (const state of this.#peers.values()) state.close();
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

  /** ACK and RST are about CONs of ours: separate responses. */
  #receiveDelivery(peer: P, { type, code, messageId }: Message): void {
    const how = type === 'ACK' ? 'acknowledged' : 'reset';
    if (code === empty && this.#peers.get(peer.id)?.outbox.receive(how, messageId)) return;
    this.#log.drop('ACK or RST of nothing', { peer: peer.id, type, code });
  }

  #receiveRequest(peer: P, request: Message): void {
    const state = this.#stateOf(peer);
    const now = this.#clock.now();
    const oldest = now - this.#parameters.exchangeLifetime;
    const before = state.exchangeOf(request, oldest);
    if (before !== undefined) {
      this.#log.drop('duplicate', { peer: peer.id, messageId: request.messageId });
      const repeat = before.duplicate();
      if (repeat !== undefined) this.#send(peer, repeat);
      return;
    }
    const exchange = new Exchange(request, now);
    state.remember(request.messageId, exchange, oldest, this.#limits.messagesPerPeer);
    this.#answer(peer, state, exchange, request).catch((error: unknown) => {
      this.#log.error('answer failed', { error: error instanceof Error ? error.stack : '' });
    });
  }

  /** Bridges the wait for the answer, and sends it (section 5.2.1 to 5.2.3). */
  async #answer(peer: P, state: PeerState, exchange: Exchange, request: Message): Promise<void> {
    const cancelAck = exchange.confirmable
      ? this.#clock.after(this.#parameters.emptyAckAfter, () => {
          if (!state.gone) this.#send(peer, exchange.acknowledge());
        })
      : undefined;
    state.running++;
    const answer = await this.#respond(peer, state, request);
    state.running--;
    cancelAck?.();
    if (state.gone) return;
    const { outbox } = this.#stateOf(peer);
    const outgoing = exchange.answer(answer, () => outbox.nextMessageId());
    if (outgoing === undefined) return;
    this.#peers.weigh(outgoing.message.length);
    if (outgoing.confirm === undefined) this.#send(peer, outgoing.message);
    else {
      const taken = outbox.confirm(outgoing.confirm, outgoing.message, (how) => {
        if (how !== 'acknowledged') this.#log.info('separate response', { peer: peer.id, how });
      });
      if (!taken) this.#log.warn('too many separate responses wait', { peer: peer.id });
    }
  }

  /** The answer; undefined where there is to be none. Never rejects: errors become answers here. */
  async #respond(peer: P, state: PeerState, request: Message): Promise<Answer | undefined> {
    const { known, critical } = recognise(request.options);
    if (critical.length > 0 && request.type === 'NON' && !critical.some(isProxying)) {
      this.#log.drop('critical option in a NON', { peer: peer.id, option: critical[0] }); // 5.4.1
      return undefined;
    }
    let answer: Answer;
    try {
      const method = this.#accept(state, request, critical);
      answer = await this.#blockWise.respond(peer, {
        method,
        options: known,
        payload: request.payload,
      });
    } catch (error) {
      answer = errorAnswer(error, this.#log);
    }
    return isUnwanted(answer.code, uintOf(known, OptionNumber.noResponse)) ? undefined : answer;
  }

  /** The method of a request that may go on; throws CoapError. */
  #accept(state: PeerState, request: Message, critical: readonly number[]): Method {
    if (critical.some(isProxying)) throw new CoapError(Code.proxyingNotSupported, 'not a proxy');
    if (critical.length > 0) throw new CoapError(Code.badOption, `option ${critical[0]}`);
    const method = methodOf(request.code);
    if (method === undefined) throw new CoapError(Code.methodNotAllowed, `method ${request.code}`);
    if (state.running > this.#limits.runningPerPeer) {
      throw new CoapError(Code.serviceUnavailable, 'too many requests', { maxAge: busyMaxAge });
    }
    return method;
  }

  #stateOf(peer: P): PeerState {
    const known = this.#peers.get(peer.id);
    if (known !== undefined) return known;
    const outbox = new Outbox({
      clock: this.#clock,
      random: this.#random,
      parameters: this.#parameters,
      ceiling: this.#limits.waitingPerPeer,
      send: (message) => this.#send(peer, message),
    });
    const state = new PeerState(outbox);
    this.#peers.set(peer.id, state);
    this.#sweepLater();
    return state;
  }

  /** The one timer of all that is merely kept; none while nothing is. */
  #sweepLater(): void {
    this.#cancelSweep ??= this.#clock.after(this.#parameters.exchangeLifetime, () => {
      this.#cancelSweep = undefined;
      this.#peers.turn();
      this.#blockWise.sweep();
      const { bodies, answers } = this.#blockWise.held;
      if (this.#peers.size + bodies + answers > 0) this.#sweepLater();
    });
  }

  #send(peer: P, message: Uint8Array): void {
    try {
      peer.send(message);
    } catch (error) {
      this.#log.error('sending failed', { peer: peer.id, error: String(error) });
    }
  }
}

function isProxying(option: number): boolean {
  return option === OptionNumber.proxyUri || option === OptionNumber.proxyScheme;
}

/**
 * No-Response (RFC 7967 section 2.1): a bit for each class of responses that the peer does not want to hear. A 2.31 is
 * no response to the request but asks for its rest.
 */
function isUnwanted(code: Code, noResponse = 0): boolean {
  if (code === Code.continue) return false;
  const bit = 2 ** (Number(code[0]) - 1);
  return (noResponse & bit) !== 0;
}
