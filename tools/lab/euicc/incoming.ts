/** Octets that come in pieces cut anywhere, read TLV by TLV: a reader that yields while more is due. */
import { concat } from '../../../src/base/bytes.ts';
import { DerError, readOnly, type Tlv } from '../../../src/messages/tlv.ts';
import { readHeader, type TlvHeader } from '../profile/header.ts';

/** Reading goes on, with the next piece, where it yielded. */
export type Reading<T> = Generator<undefined, T, undefined>;

export class Incoming {
  readonly #path: string;
  #buffer: Uint8Array = new Uint8Array();
  #taken = 0;
  #end = Number.POSITIVE_INFINITY;

  constructor(path: string) {
    this.#path = path;
  }

  push(piece: Uint8Array): void {
    this.#buffer = concat(this.#buffer, piece);
  }

  /** Octets pushed and not read yet. */
  get waiting(): number {
    return this.#buffer.length;
  }

  /** Octets read. */
  get taken(): number {
    return this.#taken;
  }

  /** Nothing may be read beyond the next `length` octets. */
  limit(length: number): void {
    this.#end = this.#taken + length;
  }

  /** Throws DerError unless all that was to come has come, and nothing after it. */
  finish(): void {
    if (this.#taken !== this.#end || this.waiting > 0) {
      throw new DerError(this.#path, 'not as long as its outer length says');
    }
  }

  /** The tag and length of a TLV; its value comes next. Throws DerError for another tag. */
  *header(tag: number): Reading<TlvHeader> {
    const header = yield* this.#header();
    if (header.tag !== tag) throw this.#unexpected(header.tag);
    this.#take(header.headerLength);
    return header;
  }

  /** The tag of what comes next. */
  *next(): Reading<number> {
    return (yield* this.#header()).tag;
  }

  /** A whole TLV of at most `most` octets. Throws DerError for another tag, or a longer one as soon as that is clear. */
  *whole(tag: number, most: number): Reading<Tlv> {
    const header = yield* this.#header();
    if (header.tag !== tag) throw this.#unexpected(header.tag);
    const length = header.headerLength + header.length;
    if (length > most) {
      throw new DerError(this.#path, `${tag.toString(16)} of ${length} octets, at most ${most}`);
    }
    this.#check(length);
    while (this.#buffer.length < length) yield;
    return readOnly(this.#take(length), this.#path);
  }

  *#header(): Reading<TlvHeader> {
    for (;;) {
      const header = this.waiting === 0 ? undefined : readHeader(this.#buffer, this.#path);
      if (header !== undefined) return header;
      if (this.#taken >= this.#end) throw new DerError(this.#path, 'ends too soon');
      yield;
    }
  }

  #take(length: number): Uint8Array {
    this.#check(length);
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    this.#taken += length;
    return taken;
  }

  #check(length: number): void {
    if (this.#taken + length > this.#end) {
      throw new DerError(this.#path, 'longer than its outer length');
    }
  }

  #unexpected(tag: number): DerError {
    return new DerError(this.#path, `tag ${tag.toString(16)} is not due here`);
  }
}
