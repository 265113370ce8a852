/**
 * The Echo option (RFC 9175 section 2): proof that a request is new, and that its peer hears us. Values need no memory:
 * the time, and a MAC over it and the connection, under a key of this process.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { concat, Reader, Writer } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { CoapPeer } from './request.ts';

/** Whom the room above wants to prove that it is there now: after a restart, a change of address, or never. */
export interface Freshness<P extends CoapPeer> {
  /** Whether the peer's next request is to prove it. */
  due(peer: P): boolean;
  /** It has. */
  proven(peer: P): void;
}

/** Ms that a value is good for: a few round trips of the slowest link. */
const lifetime = 120_000;
const macOctets = 8;
const timeOctets = 4;

export class EchoValues {
  readonly #clock: Clock;
  readonly #key: Uint8Array;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#key = random(32);
  }

  /** A value for a peer to send back. */
  of(peer: CoapPeer): Uint8Array {
    return this.#at(peer, Math.floor(this.#clock.now() / 1000));
  }

  /** Whether this is a value that the peer was given not long ago. */
  isFresh(peer: CoapPeer, value: Uint8Array): boolean {
    if (value.length !== timeOctets + macOctets) return false;
    const seconds = new Reader(value).uint32();
    const age = this.#clock.now() - seconds * 1000;
    return age >= 0 && age <= lifetime && timingSafeEqual(value, this.#at(peer, seconds));
  }

  #at(peer: CoapPeer, seconds: number): Uint8Array {
    const time = new Writer(timeOctets).uint32(seconds % 2 ** 32).done();
    const mac = createHmac('sha256', this.#key).update(time).update(peer.id).digest();
    return concat(time, new Uint8Array(mac.subarray(0, macOctets)));
  }
}
