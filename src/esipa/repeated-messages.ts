/** ESipa messages that come again over HTTPS, where each may come over a connection of its own: see repeats.ts. */
import { createHash } from 'node:crypto';
import { BoundedMap } from '../base/bounded-map.ts';
import { toHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { isReportTaken } from './repeats.ts';

interface First {
  readonly answer: Promise<Uint8Array>;
  /** Ms since the epoch; the answer is given again until then. Infinity while it is worked on. */
  until: number;
}

export interface RepeatedMessagesOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds for which a report that was taken is acknowledged again. */
  readonly kept: number;
}

/** Messages that are remembered; beyond, the one longest unheard goes early. */
const ceiling = 100_000;
/** Milliseconds that a message under way is remembered: longer than any work on it takes. */
const longestWork = 10 * 60_000;

export class RepeatedMessages {
  readonly #options: RepeatedMessagesOptions;
  readonly #firsts: BoundedMap<string, First>;

  constructor(options: RepeatedMessagesOptions) {
    this.#options = options;
    const lifetime = Math.max(options.kept, longestWork);
    this.#firsts = new BoundedMap({ clock: options.clock, ceiling, lifetime });
  }

  /**
   * The answer to a message, both DER; the same octets of the same owner share it. Rejects as `work` does.
   * @param owner who sends it, in every connection of theirs
   */
  answer(
    owner: string,
    message: Uint8Array,
    work: () => Uint8Array | Promise<Uint8Array>,
  ): Uint8Array | Promise<Uint8Array> {
    const { clock, log, kept } = this.#options;
    const key = `${owner} ${toHex(createHash('sha256').update(message).digest())}`;
    const before = this.#firsts.get(key);
    if (before !== undefined && before.until > clock.now()) {
      log.info('message repeated', { by: owner });
      return before.answer;
    }
    const coming = work();
    const mine: First = { answer: Promise.resolve(coming), until: Number.POSITIVE_INFINITY };
    const answered = (answer: Uint8Array): void => {
      if (kept > 0 && isReportTaken(message, answer)) mine.until = clock.now() + kept;
      else this.#forget(key, mine);
    };
    if (!(coming instanceof Promise)) {
      if (kept > 0 && isReportTaken(message, coming)) this.#firsts.set(key, mine);
      answered(coming);
      return coming;
    }
    this.#firsts.set(key, mine);
    return coming.then(
      (answer) => {
        answered(answer);
        return answer;
      },
      (error: unknown) => {
        this.#forget(key, mine);
        throw error;
      },
    );
  }

  #forget(key: string, mine: First): void {
    if (this.#firsts.get(key) === mine) this.#firsts.delete(key);
  }
}
