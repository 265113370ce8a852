/** Repeats the last flight while the peer is silent (RFC 6347 §4.2.4.1). */
import type { Cancel, Clock } from '../base/clock.ts';
import type { Flight } from './flight.ts';

export interface RetransmissionTimes {
  /** Milliseconds until the first repetition; doubled after each. */
  readonly initial: number;
  /** Milliseconds at most between two repetitions. */
  readonly ceiling: number;
  /** How often a flight is repeated by the timer. */
  readonly attempts: number;
}

export interface FlightSender {
  /** Sends a flight for the first time. */
  send(flight: Flight): void;
  /** Sends it again; `attempt` says how often the timer has run out. */
  repeat(flight: Flight, attempt: number): void;
}

/** The least milliseconds between two repetitions that the peer asks for. */
const leastPause = 1000;

export class Retransmission {
  readonly #clock: Clock;
  readonly #times: RetransmissionTimes;
  readonly #sender: FlightSender;
  #flight: Flight | undefined;
  #attempt = 0;
  #timeout = 0;
  #sentAt = 0;
  #cancel: Cancel | undefined;

  constructor(clock: Clock, times: RetransmissionTimes, sender: FlightSender) {
    this.#clock = clock;
    this.#times = times;
    this.#sender = sender;
  }

  /** Sends the flight, and repeats it until another starts or `stop`. */
  start(flight: Flight): void {
    this.stop();
    this.#flight = flight;
    this.#attempt = 0;
    this.#timeout = this.#times.initial;
    this.#sentAt = this.#clock.now();
    this.#arm(flight); // before it is sent: the answer may come while we send
    this.#sender.send(flight);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#flight = undefined;
  }

  /** The peer repeats its own last flight, as if it had not got ours: says whether ours was sent again. */
  repeat(): boolean {
    if (this.#flight === undefined) return false;
    const pause = Math.max(leastPause, this.#timeout / 4);
    if (this.#clock.now() - this.#sentAt < pause) return false;
    this.#repeat(this.#flight);
    return true;
  }

  #repeat(flight: Flight): void {
    this.#sentAt = this.#clock.now();
    this.#sender.repeat(flight, this.#attempt);
  }

  #arm(flight: Flight): void {
    if (this.#attempt >= this.#times.attempts) return;
    this.#cancel = this.#clock.after(this.#timeout, () => {
      this.#attempt++;
      this.#timeout = Math.min(this.#timeout * 2, this.#times.ceiling);
      this.#arm(flight);
      this.#repeat(flight);
    });
  }
}
