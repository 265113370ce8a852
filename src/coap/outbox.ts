/**
 * Our messages towards one peer: their message IDs, and the retransmission of the confirmable ones, one at a time
 * (RFC 7252 section 4.2, 4.7 with NSTART 1).
 */
import type { Cancel, Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { CoapParameters } from './parameters.ts';
import type { RoundTrip } from './round-trip.ts';

/** How a CON ended: its ACK or RST came, or nothing did after the last retransmission. */
export type Delivery = 'acknowledged' | 'reset' | 'unanswered';

export interface OutboxOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly parameters: CoapParameters;
  /** Where it is given: ACK_TIMEOUT comes from it, and each ACK teaches it. */
  readonly roundTrip?: RoundTrip;
  /** CONs that may wait for the one before them. */
  readonly ceiling: number;
  readonly send: (message: Uint8Array, retransmission: boolean) => void;
}

interface Confirmable {
  readonly messageId: number;
  readonly message: Uint8Array;
  readonly ended: (how: Delivery) => void;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #waiting: Confirmable[] = [];
  #current: Confirmable | undefined;
  /** Ms since the epoch, of a CON that was sent once so far. */
  #sentOnce: number | undefined;
  #cancel: Cancel | undefined;
  #messageId: number;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#messageId = uint16(options.random);
  }

  /** Nothing is unacknowledged. */
  get idle(): boolean {
    return this.#current === undefined;
  }

  /** A counter with a random start (section 4.4). */
  nextMessageId(): number {
    this.#messageId = (this.#messageId + 1) % 2 ** 16;
    return this.#messageId;
  }

  /** Sends a CON now or after those before it; false, and nothing sent, where too many wait already. */
  confirm(messageId: number, message: Uint8Array, ended: (how: Delivery) => void): boolean {
    const confirmable = { messageId, message, ended };
    if (this.#current === undefined) {
      this.#start(confirmable);
      return true;
    }
    if (this.#waiting.length >= this.#options.ceiling) return false;
    this.#waiting.push(confirmable);
    return true;
  }

  /** An ACK or RST came; false where it is not about the CON under way. */
  receive(how: 'acknowledged' | 'reset', messageId: number): boolean {
    if (this.#current?.messageId !== messageId) return false;
    const { clock, roundTrip } = this.#options;
    if (this.#sentOnce !== undefined) roundTrip?.learn(clock.now() - this.#sentOnce);
    this.#end(how);
    return true;
  }

  /** Nobody waits for that CON any more: it is not sent again, and its end is told to nobody. */
  withdraw(messageId: number): void {
    const waiting = this.#waiting.findIndex((one) => one.messageId === messageId);
    if (waiting >= 0) this.#waiting.splice(waiting, 1);
    if (this.#current?.messageId !== messageId) return;
    this.#current = { ...this.#current, ended: () => {} };
    this.#end('unanswered');
  }

  /** Forgets everything, telling nobody. */
  close(): void {
    this.#cancel?.();
    this.#current = undefined;
    this.#waiting.length = 0;
  }

  #start(confirmable: Confirmable): void {
    const { clock, roundTrip, parameters } = this.#options;
    const { ackTimeout, ackRandomFactor } = parameters;
    const spread = 1 + ((ackRandomFactor - 1) * uint16(this.#options.random)) / 2 ** 16;
    this.#current = confirmable;
    this.#sentOnce = clock.now();
    this.#options.send(confirmable.message, false);
    this.#wait((roundTrip?.timeout ?? ackTimeout) * spread, 0);
  }

  /** Exponential back-off (section 4.2). */
  #wait(timeout: number, retransmissions: number): void {
    this.#cancel = this.#options.clock.after(timeout, () => {
      if (this.#current === undefined) return;
      if (retransmissions === this.#options.parameters.maxRetransmit) {
        this.#end('unanswered');
        return;
      }
      this.#sentOnce = undefined;
      this.#options.send(this.#current.message, true);
      this.#wait(timeout * 2, retransmissions + 1);
    });
  }

  #end(how: Delivery): void {
    const ended = this.#current;
    this.#cancel?.();
    this.#current = undefined;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#start(next);
    ended?.ended(how);
  }
}

function uint16(random: Random): number {
  const [high = 0, low = 0] = random(2);
  return high * 256 + low;
}
