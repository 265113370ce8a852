/**
 * What the traffic with a peer has taught about its link: how long it takes, how fast it is, and how large a datagram
 * it carries. It outlives the peer's connections where the peer has an identity.
 */
import { BoundedMap } from '../base/bounded-map.ts';
import type { Clock } from '../base/clock.ts';
import { sizeOf, szxWithin } from './block.ts';
import type { CoapLimits, CoapParameters } from './parameters.ts';
import { type CoapPeer, ownerOf } from './request.ts';
import { RoundTrip } from './round-trip.ts';

/** Datagrams of fewer octets pass wherever IP does (576 octets, RFC 791) and tell nothing when they are lost. */
const large = 400;
/** Large datagrams lost in a row that make the block size halve; a client sends a request five times at most. */
const lossesThatCount = 4;
const smallestSzx = szxWithin(128);
/** Octets a second: no learned rate is below or above. */
const rates = { least: 50, most: 10_000_000 };

export class Link {
  readonly roundTrip: RoundTrip;
  /** Octets a second that the link is taken to carry towards the peer. */
  #rate: number;
  #szx = szxWithin(Infinity);
  #losses = 0;

  constructor(parameters: CoapParameters) {
    this.roundTrip = new RoundTrip({
      initial: parameters.ackTimeout,
      least: parameters.ackTimeoutLeast,
      most: parameters.ackTimeoutMost,
    });
    this.#rate = parameters.linkRate;
  }

  get rate(): number {
    return this.#rate;
  }

  /** SZX of the largest blocks that arrive. */
  get szx(): number {
    return this.#szx;
  }

  /** So many octets took so long, with nothing but the link in between. */
  learnRate(octets: number, milliseconds: number): void {
    const rate = (octets * 1000) / Math.max(1, milliseconds);
    this.#rate = Math.min(rates.most, Math.max(rates.least, (this.#rate + rate) / 2));
  }

  /** So many octets took no longer than that: the link is at least so fast. */
  learnLeastRate(octets: number, milliseconds: number): void {
    const rate = (octets * 1000) / Math.max(1, milliseconds);
    this.#rate = Math.max(this.#rate, Math.min(rates.most, rate));
  }

  /** A datagram of that size had to be sent once more. */
  lost(octets: number): void {
    if (octets < large) return;
    this.#losses++;
    if (this.#losses < lossesThatCount) return;
    this.#losses = 0;
    this.#szx = Math.max(smallestSzx, Math.min(this.#szx, szxWithin(octets) - 1));
  }

  /** A datagram of that size has arrived. */
  passed(octets: number): void {
    if (octets >= Math.min(large, sizeOf(this.#szx))) this.#losses = 0;
  }
}

/** The links of peers, by identity or else by connection. */
export class Links {
  readonly #links: BoundedMap<string, Link>;
  readonly #parameters: CoapParameters;

  constructor(clock: Clock, parameters: CoapParameters, limits: CoapLimits) {
    this.#parameters = parameters;
    this.#links = new BoundedMap({ clock, ceiling: limits.peers, lifetime: limits.linkLifetime });
  }

  get size(): number {
    return this.#links.size;
  }

  of(peer: CoapPeer): Link {
    const owner = ownerOf(peer);
    let link = this.#links.get(owner);
    if (link === undefined) {
      link = new Link(this.#parameters);
      this.#links.set(owner, link);
    }
    return link;
  }

  /** The connection is closed: without an identity its link will not be met again. */
  forget(peer: CoapPeer): void {
    if (peer.identity === undefined) this.#links.delete(ownerOf(peer));
  }
}
