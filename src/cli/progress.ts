/** How far a long command is: one line on a terminal, drawn over itself; nothing elsewhere. */

export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressOptions {
  readonly stream: ProgressStream;
  readonly total: number;
  /** False: nothing is drawn, on a terminal neither. */
  readonly shown: boolean;
  now(): number;
}

/** Milliseconds between two drawings. */
const pause = 100;
/** Columns of a terminal that says nothing, or 0. */
const usualWidth = 80;
const wholeLine = '\u001b[2K\r';

export class Progress {
  readonly #options: ProgressOptions;
  readonly #began: number;
  readonly #shown: boolean;
  #drawn = Number.NEGATIVE_INFINITY;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#began = options.now();
    this.#shown = options.shown && options.stream.isTTY === true;
  }

  /** So many are done. */
  at(done: number): void {
    const now = this.#options.now();
    if (!this.#shown || (now - this.#drawn < pause && done < this.#options.total)) return;
    this.#drawn = now;
    this.#options.stream.write(wholeLine + this.#line(done, now));
  }

  /** Takes the line away. */
  end(): void {
    if (this.#shown) this.#options.stream.write(wholeLine);
  }

  #line(done: number, now: number): string {
    const { total, stream } = this.#options;
    const seconds = (now - this.#began) / 1000;
    const rate = seconds > 0 ? `${Math.round(done / seconds)}/s` : '';
    const left =
      done > 0 && done < total ? `${Math.ceil((seconds / done) * (total - done))}s left` : '';
    const percent = `${Math.floor((100 * done) / Math.max(total, 1))}%`.padStart(4);
    const facts = [percent, `${done}/${total}`, rate, left].filter((one) => one !== '').join('  ');
    const width = Math.max(0, Math.min(40, (stream.columns || usualWidth) - facts.length - 4));
    const full = Math.round((width * done) / Math.max(total, 1));
    return `[${'#'.repeat(full)}${'.'.repeat(width - full)}] ${facts}`;
  }
}
