/** One decoding under way: where in the message it is, and who hears of tolerated shapes. */
import { DerError } from './tlv.ts';

/** Called for each shape that is not the standard's and is understood all the same (tolerances.ts). */
export type Tolerated = (shape: string, path: string) => void;

export interface DecodeOptions {
  readonly tolerated?: Tolerated | undefined;
}

export class Reading {
  readonly #path: string[] = [];
  readonly #tolerated: Tolerated | undefined;

  constructor(options: DecodeOptions = {}) {
    this.#tolerated = options.tolerated;
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

  tolerate(shape: string): void {
    this.#tolerated?.(shape, this.toString());
  }

  /** The path from the message down: `getEimPackageRequest.eidValue`, `psmoList[0].enable.iccid`. */
  toString(): string {
    return this.#path.join('.').replaceAll('.[', '[');
  }
}
