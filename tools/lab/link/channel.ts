/**
 * One direction of a link: datagrams go in, and come out later, in part, twice, or not at all. Each waits for those
 * before it (bandwidth), then travels (half a round trip and jitter). Runs on a Clock, so a test turns days by hand.
 */
import type { Cancel, Clock } from '../../../src/base/clock.ts';
import type { LinkProfile } from './profiles.ts';

/** What became of a datagram that does not simply arrive. */
export type Fate = 'lost' | 'too large' | 'repeated' | 'reordered';

export interface ChannelOptions {
  readonly profile: LinkProfile;
  readonly direction: 'up' | 'down';
  readonly clock: Clock;
  /** Numbers in [0, 1) that a seed decides. */
  readonly chance: () => number;
  deliver(datagram: Uint8Array): void;
  /** Told of each fate; a datagram may be reordered and repeated. */
  fate?(fate: Fate): void;
}

/** Octets of IP and UDP headers, which the link carries too (RFC 791, RFC 768). */
const headers = 28;
/** Milliseconds that a datagram is held back at most for another to overtake it. */
const patience = 200;

export class Channel {
  readonly #options: ChannelOptions;
  /** When the link has sent all that was given to it. */
  #free = 0;
  /** Whether the last datagram was lost: losses come in bursts. */
  #bad = false;
  readonly #flying = new Set<Cancel>();
  #held: { readonly datagram: Uint8Array; readonly cancel: Cancel } | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  send(datagram: Uint8Array): void {
    const { profile, chance, fate } = this.#options;
    // What is lost on the way has taken its time on the link all the same.
    const arrives = this.#carry(datagram.length);
    const end = datagram.length > profile.mtu ? 'too large' : this.#loses() ? 'lost' : undefined;
    if (end !== undefined) {
      fate?.(end);
      return;
    }
    const copies = chance() < profile.repeat ? 2 : 1;
    if (copies === 2) fate?.('repeated');
    const late = chance() < profile.reorder;
    if (late) fate?.('reordered');
    for (let i = 0; i < copies; i++) this.#fly(arrives, datagram, late && i === 0);
  }

  /** Loses what is on its way. */
  close(): void {
    for (const cancel of this.#flying) cancel();
    this.#flying.clear();
    this.#held?.cancel();
    this.#held = undefined;
  }

  /** When a datagram of this size, given now, has arrived; milliseconds. */
  #carry(octets: number): number {
    const { profile, direction, clock, chance } = this.#options;
    const rate = direction === 'up' ? profile.bandwidthUp : profile.bandwidthDown;
    this.#free = Math.max(this.#free, clock.now()) + ((octets + headers) * 8000) / rate;
    return this.#free + profile.roundTrip / 2 + chance() * profile.jitter;
  }

  /** Gilbert's model: a loss is followed by a loss with the share that makes bursts of the wanted mean length. */
  #loses(): boolean {
    const { share, burst } = this.#options.profile.loss;
    if (share === 0) return false;
    const stays = 1 - 1 / burst;
    const begins = (share * (1 - stays)) / (1 - share);
    this.#bad = this.#options.chance() < (this.#bad ? stays : begins);
    return this.#bad;
  }

  #fly(arrives: number, datagram: Uint8Array, late: boolean): void {
    const { clock } = this.#options;
    const cancel = clock.after(Math.max(0, arrives - clock.now()), () => {
      this.#flying.delete(cancel);
      if (late && this.#held === undefined) this.#hold(datagram);
      else this.#arrive(datagram);
    });
    this.#flying.add(cancel);
  }

  #hold(datagram: Uint8Array): void {
    const cancel = this.#options.clock.after(patience, () => this.#release());
    this.#held = { datagram, cancel };
  }

  #arrive(datagram: Uint8Array): void {
    this.#options.deliver(datagram);
    this.#release();
  }

  #release(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    held.cancel();
    this.#options.deliver(held.datagram);
  }
}
