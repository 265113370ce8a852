/**
 * Requests that come again as new messages: after a reset of the device, its own time-out, a new handshake. Where the
 * room above asks for it, such a request joins the first while that is worked on, and gets its answer for some time.
 *
 * The same request is one of the same peer (its identity, or its connection where it has none) with the same method,
 * Uri-*, Accept, Content-Format and body; tokens, message IDs, Request-Tags and blocks do not count.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Option } from './options.ts';
import type { CoapLimits } from './parameters.ts';
import type { CoapPeer, CoapRequest, CoapResponse, Handler, Soon } from './request.ts';
import { fingerprint } from './request-key.ts';
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

  /** The answer to a request, which came with these options. Throws or rejects as the handler does. */
  answer(request: CoapRequest<P>, options: readonly Option[]): Soon<CoapResponse> {
    const { handle, rules } = this.#options;
    if (rules?.joins(request) !== true) return handle(request);
    const { peer } = request;
    if (this.#shelf.has(peer)) {
      const first = this.#first(keyOf(request, options), request);
      if (first !== undefined) return first;
    }
    const response = handle(request);
    if (response instanceof Promise) {
      return this.#answerLater(keyOf(request, options), request, response);
    }
    const keeps = this.#keeps(request, response);
    if (keeps > 0) {
      const first = {
        outcome: Promise.resolve(response),
        until: this.#options.clock.now() + keeps,
      };
      this.#put(request, keyOf(request, options), first, response);
    }
    return response;
  }

  /** The answer to the first of these requests, given or coming. */
  #first(key: string, { peer, path }: CoapRequest<P>): Promise<CoapResponse> | undefined {
    const { clock, log } = this.#options;
    const now = clock.now();
    const isFirst = (first: First, other: string) => other === key && first.until > now;
    const first = this.#shelf.find(peer, isFirst);
    if (first !== undefined) {
      log.info('request repeated', { peer: peer.id, path: path.join('/') });
    }
    return first?.outcome;
  }

  #answerLater(
    key: string,
    request: CoapRequest<P>,
    coming: Promise<CoapResponse>,
  ): Promise<CoapResponse> {
    const { peer } = request;
    const kept = (response: CoapResponse) => {
      this.#shelf.drop(peer, mine);
      const keeps = this.#keeps(request, response);
      mine.until = this.#options.clock.now() + keeps;
      if (keeps > 0) this.#put(request, key, mine, response);
      return response;
    };
    const failed = (error: unknown) => {
      this.#shelf.drop(peer, mine);
      throw error;
    };
    const mine: First = { outcome: coming.then(kept, failed), until: Infinity };
    this.#shelf.put(peer, key, mine, 0);
    return mine.outcome;
  }

  forget(peer: CoapPeer): void {
    this.#shelf.forget(peer);
  }

  sweep(): void {
    this.#shelf.sweep();
  }

  #keeps(request: CoapRequest<P>, response: CoapResponse): number {
    if (!response.code.startsWith('2.')) return 0;
    return this.#options.rules?.keeps(request, response) ?? 0;
  }

  #put({ peer }: CoapRequest<P>, key: string, first: First, { body }: CoapResponse): void {
    this.#shelf.put(peer, key, first, body?.length ?? 0);
  }
}

/** The same for the same requests. */
function keyOf({ method, body }: CoapRequest, options: readonly Option[]): string {
  return fingerprint(method, options, body);
}
