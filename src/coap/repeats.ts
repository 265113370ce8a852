/**
 * Requests that come again as new messages: after a reset of the device, its own time-out, a new handshake. Where the
 * room above asks for it, such a request joins the first while that is worked on, and gets its answer for some time.
 *
 * The same request is one of the same peer (its identity, or its connection where it has none) with the same method,
 * Uri-*, Accept, Content-Format and body; tokens, message IDs, Request-Tags and blocks do not count.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { CoapLimits } from './parameters.ts';
import type { CoapPeer, CoapRequest, CoapResponse, Handler } from './request.ts';
import { Shelf } from './shelf.ts';

/** What the room above wants of requests that come again. */
export interface RepeatRules<P extends CoapPeer> {
  /** Whether a request that comes again while the first is worked on gets the answer to the first. */
  joins(request: CoapRequest<P>): boolean;
  /**
   * Ms for which the answer, once given, is given again; 0: the request is then worked on anew. Asked only about
   * requests that join, and answers of class 2: errors are never given again. At most answerLifetime.
   */
  keeps(request: CoapRequest<P>, response: CoapResponse): number;
}

export interface RepeatedRequestsOptions<P extends CoapPeer> {
  readonly handle: Handler<P>;
  readonly rules: RepeatRules<P> | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: CoapLimits;
}

interface First {
  readonly outcome: Promise<CoapResponse>;
  /** Ms since the epoch; the answer is given again until then. Infinity while it is worked on. */
  until: number;
}

export class RepeatedRequests<P extends CoapPeer> {
  readonly #options: RepeatedRequestsOptions<P>;
  readonly #shelf: Shelf<First>;

  constructor(options: RepeatedRequestsOptions<P>) {
    const { clock, limits } = options;
    this.#options = options;
    this.#shelf = new Shelf({
      clock,
      lifetime: limits.answerLifetime,
      perPeer: limits.repeatsPerPeer,
      perIdentity: limits.repeatsPerPeer,
      octets: limits.repeatOctets,
    });
  }

  get held(): number {
    return this.#shelf.size;
  }

  get octets(): number {
    return this.#shelf.octets;
  }

  /** The answer to a request; `key` says which requests are the same. Rejects as the handler does. */
  async answer(key: string, request: CoapRequest<P>): Promise<CoapResponse> {
    const { handle, rules, clock, log } = this.#options;
    if (rules?.joins(request) !== true) return handle(request);
    const { peer } = request;
    const now = clock.now();
    const isFirst = (first: First, other: string) => other === key && first.until > now;
    const first = this.#shelf.find(peer, isFirst);
    if (first !== undefined) {
      log.info('request repeated', { peer: peer.id, path: request.path.join('/') });
      return first.outcome;
    }
    const mine: First = { outcome: Promise.resolve(handle(request)), until: Infinity };
    this.#shelf.put(peer, key, mine, 0);
    try {
      const response = await mine.outcome;
      this.#keep(request, key, mine, response);
      return response;
    } catch (error) {
      this.#shelf.drop(peer, mine);
      throw error;
    }
  }

  forget(peer: CoapPeer): void {
    this.#shelf.forget(peer);
  }

  sweep(): void {
    this.#shelf.sweep();
  }

  #keep(request: CoapRequest<P>, key: string, first: First, response: CoapResponse): void {
    const { rules, clock } = this.#options;
    const { peer } = request;
    const keeps = response.code.startsWith('2.') ? (rules?.keeps(request, response) ?? 0) : 0;
    this.#shelf.drop(peer, first);
    if (keeps <= 0) return;
    first.until = clock.now() + keeps;
    this.#shelf.put(peer, key, first, response.body?.length ?? 0);
  }
}
