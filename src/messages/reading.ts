/** One decoding under way: where in the message it is, and who hears of tolerated shapes. */
import type { QuirkName } from './quirks.ts';
import { DerError } from './tlv.ts';

/** Called for each shape that is not the standard's and is understood all the same (quirks.ts). */
export type Tolerated = (quirk: QuirkName, path: string) => void;

export interface DecodeOptions {
  readonly tolerated?: Tolerated | undefined;
  /** Whether such a shape is refused, with DerError. Default false. */
  readonly strict?: boolean;
}

export class Reading {
  readonly #path: string[] = [];
  readonly #tolerated: Tolerated | undefined;
  readonly #strict: boolean;

  constructor(options: DecodeOptions = {}) {
    this.#tolerated = options.tolerated;
    this.#strict = options.strict ?? false;
  }

  /** Steps into a field; every `enter` is answered by a `leave`, unless the decoding fails. */
  enter(field: string): void {
    this.#path.push(field);
  }

  leave(): void {
    this.#path.pop();
  }

  fail(complaint: string): never {
    throw new DerError(this.toString(), complaint);
  }

  /** Throws DerError where nothing is tolerated. */
  tolerate(quirk: QuirkName): void {
    if (this.#strict) this.fail(`${quirk}: not as the standard has it`);
    this.#tolerated?.(quirk, this.toString());
  }

  /** The path from the message down: `getEimPackageRequest.eidValue`, `psmoList[0].enable.iccid`. */
  toString(): string {
    return this.#path.join('.').replaceAll('.[', '[');
  }
}
