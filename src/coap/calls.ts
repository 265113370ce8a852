/**
 * Requests of ours to peers that are clients of ours as well (RFC 7252 section 2: an endpoint may be both, and
 * section 4.4, 4.7: there is one count of message IDs and one CON at a time for both).
 * ```
 *   receive(peer, bytes)
 *     code 0.01 to 0.31     a request of the peer      server.ts: its tokens, its message IDs
 *     code 2.xx, 4.xx, 5.xx a response to our request  the client here: our tokens
 *     empty ACK, RST        of a message of ours       the outbox, which both share: our message IDs
 * ```
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Serial } from '../base/serial.ts';
import { sizeOf, szxWithin } from './block.ts';
import { headroom } from './block-wise.ts';
import { type ClientRequest, CoapClient } from './client.ts';
import { CoapClientError, type CoapClientErrorKind } from './client-exchange.ts';
import type { CoapLimits, CoapParameters } from './parameters.ts';
import type { PeerState } from './peer-state.ts';
import type { CoapPeer, CoapResponse } from './request.ts';

/** How long a peer that is asked may take; milliseconds. */
export interface Patience {
  /** Until anything at all comes from it: whoever is silent for so long is not there. */
  readonly silence: number;
  /** Until the whole response is here. */
  readonly answer: number;
}

export interface CallsOptions<P extends CoapPeer> {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly parameters: CoapParameters;
  readonly limits: CoapLimits;
  stateOf(peer: P): PeerState;
  send(peer: P, message: Uint8Array): void;
}

/** A request under way. */
interface Call {
  /** Stays here, whatever else is forgotten of the peer. */
  readonly state: PeerState;
  heard: boolean;
}

export class Calls<P extends CoapPeer> {
  readonly #options: CallsOptions<P>;
  readonly #serial = new Serial();
  /** By the peer's id. */
  readonly #calls = new Map<string, Call>();

  constructor(options: CallsOptions<P>) {
    this.#options = options;
  }

  /** What is held of a peer that is being asked. */
  stateOf({ id }: P): PeerState | undefined {
    return this.#calls.get(id)?.state;
  }

  /** Something came from the peer: it is there. */
  heard({ id }: P): void {
    const call = this.#calls.get(id);
    if (call !== undefined) call.heard = true;
  }

  /** The peer's connection is closed. */
  forget({ id }: P): void {
    this.#calls.get(id)?.state.client?.close();
  }

  /** Resolves with the response; rejects with CoapClientError. */
  request(peer: P, request: ClientRequest, patience: Patience): Promise<CoapResponse> {
    return this.#serial.run(peer.id, () => this.#call(peer, request, patience));
  }

  async #call(peer: P, request: ClientRequest, patience: Patience): Promise<CoapResponse> {
    const { clock } = this.#options;
    const state = this.#options.stateOf(peer);
    if (state.gone) throw new CoapClientError('closed', 'the connection is closed');
    state.client ??= this.#clientOf(peer, state);
    const { client } = state;
    const call: Call = { state, heard: false };
    this.#calls.set(peer.id, call);
    let failure: CoapClientError | undefined;
    const giveUp = (kind: CoapClientErrorKind, complaint: string): void => {
      failure ??= new CoapClientError(kind, complaint);
      state.client = undefined; // what it still hears of this is nobody's answer
      client.close();
    };
    const alarms = [
      clock.after(patience.silence, () => {
        if (!call.heard)
          giveUp('unacknowledged', `no sign of life within ${patience.silence / 1000} s`);
      }),
      clock.after(patience.answer, () =>
        giveUp('no response', `no response within ${patience.answer / 1000} s`),
      ),
    ];
    try {
      return await client.request({ ...request, ...this.#blockSize(peer, state) });
    } catch (error) {
      throw failure ?? error;
    } finally {
      for (const cancel of alarms) cancel();
      this.#calls.delete(peer.id);
    }
  }

  #clientOf(peer: P, { outbox }: PeerState): CoapClient {
    const { clock, random, log, parameters, limits, send } = this.#options;
    return new CoapClient({
      clock,
      random,
      log,
      parameters,
      outbox,
      responseBody: limits.requestBody, // what a peer may send us, one way or the other
      send: (message) => send(peer, message),
    });
  }

  /** Smaller blocks than we prefer where the peer's messages have no room for them, or they do not arrive. */
  #blockSize(peer: P, { link }: PeerState): { readonly blockSize?: number } {
    const { blockSize } = this.#options.parameters;
    const room = peer.maxPayload === undefined ? Infinity : peer.maxPayload - headroom;
    const most = sizeOf(Math.min(szxWithin(Math.min(blockSize, room)), link.szx));
    return most < blockSize ? { blockSize: most } : {};
  }
}
