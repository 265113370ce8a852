/** Lines that any stranger can have written: so many a minute, and then how many were not. */
import type { Clock } from '../base/clock.ts';
import type { Fields, Log } from '../base/log.ts';

export interface PacedLogOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Lines a minute. */
  readonly perMinute: number;
}

const minute = 60_000;

export class PacedLog {
  readonly #options: PacedLogOptions;
  #since = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #unsaid = 0;

  constructor(options: PacedLogOptions) {
    this.#options = options;
  }

  /** A line at info; with the number of those left out since the last, where there are any. */
  info(event: string, fields: Fields): void {
    const { clock, log, perMinute } = this.#options;
    const now = clock.now();
    if (Math.abs(now - this.#since) >= minute) {
      this.#since = now;
      this.#lines = 0;
    }
    if (this.#lines >= perMinute) {
      this.#unsaid++;
      log.debug(event, fields);
      return;
    }
    this.#lines++;
    log.info(event, this.#unsaid === 0 ? fields : { ...fields, leftOut: this.#unsaid });
    this.#unsaid = 0;
  }
}
