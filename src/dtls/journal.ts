/**
 * What each record changes of its connection, noted for many connections in one row: a row of each connection would
 * cost several times as much. The rows of a run of the program make a ring:
 *
 *   row  n                n+1              …   n+ring
 *        notes of a batch notes of the next    takes the place of n, with the whole connections that were noted in n
 *                                              and nowhere since
 *
 *   key  0x6A run(8) place(2)
 *   row  time(6) { key length(1) key id(12) next(6) right(6) near(4) far(4) } …
 *
 * So a connection is what its own row says with all notes of it laid over that, in any order: numbers only grow.
 */
import { BytesError, concat, Reader, Writer } from '../base/bytes.ts';
import { type KeptConnection, peerIdLength } from './kept-connection.ts';
import type { WindowState } from './replay-window.ts';

/** The numbers of a connection. */
export interface Numbers {
  /** None of ours is as high. */
  readonly next: number;
  /** Those of the peer that were received. */
  readonly window: WindowState;
}

/** Rows of a run, and notes in each. */
export const ring = 256;
export const mostNotes = 256;

const kind = 0x6a;

/** The key before those of all journals, and whether a key is one of them. */
export const beforeJournals = Uint8Array.of(kind);
export function isOfJournal(key: Uint8Array): boolean {
  return key[0] === kind;
}

export function journalKey(run: Uint8Array, row: number): Uint8Array {
  return concat(beforeJournals, run, new Writer(2).uint16(row % ring).done());
}

/** A row, note by note; one after the other in the same memory. */
export class JournalRow {
  #octets: Uint8Array = new Uint8Array(4096);
  #end = 0;

  /** Begins another row. */
  begin(now: number): void {
    this.#end = 0;
    this.#uint48(Math.floor(now));
  }

  /** Key and id in hex. */
  add(key: string, id: string, { next, window }: Numbers): void {
    const length = 1 + (key.length + id.length) / 2 + numbersLength;
    while (this.#octets.length < this.#end + length) {
      this.#octets = concat(this.#octets, new Uint8Array(this.#octets.length));
    }
    this.#octets[this.#end++] = key.length / 2;
    this.#hex(key);
    this.#hex(id);
    this.#uint48(next);
    this.#uint48(window.right + 1);
    this.#uint32(window.near);
    this.#uint32(window.far);
  }

  /** The row as it is, until the next is begun. */
  get octets(): Uint8Array {
    return this.#octets.subarray(0, this.#end);
  }

  #hex(text: string): void {
    for (let at = 0; at < text.length; at += 2) {
      const high = digitOf(text.charCodeAt(at));
      this.#octets[this.#end++] = high * 16 + digitOf(text.charCodeAt(at + 1));
    }
  }

  #uint48(value: number): void {
    this.#uint16(Math.floor(value / 2 ** 32));
    this.#uint32(value % 2 ** 32);
  }

  #uint32(value: number): void {
    this.#uint16(value >>> 16);
    this.#uint16(value);
  }

  #uint16(value: number): void {
    this.#octets[this.#end++] = value >> 8;
    this.#octets[this.#end++] = value;
  }
}

/** Of the code of an upper-case hex digit. */
function digitOf(code: number): number {
  return code < 0x40 ? code - 0x30 : code - 0x41 + 10;
}

/** Of `key length(1) key id(12)` and of what follows. */
const numbersLength = 6 + 6 + 4 + 4;

/**
 * What runs before this one noted, by key and id. The first answer after a start waits for all of it to be read, so it
 * stays as it is in the rows until it is asked for.
 */
export class Notes {
  /** Contents of the rows. */
  readonly #contents: Uint8Array[] = [];
  /** By `key length key id`, an octet a character: where the notes stand, as row times `apart` plus place. */
  readonly #places = new Map<string, number | number[]>();
  /** The rows that the notes are out of. */
  readonly rows: Uint8Array[] = [];
  /** Some could not be read, so nobody knows which connections are as their rows say. */
  incomplete = false;

  /** Adds the notes of a row; none where all had ended. Throws BytesError on what JournalRow did not write. */
  add(octets: Uint8Array): void {
    if (octets.length < timeLength) throw new BytesError('a row that ends early');
    const text = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
    const row = this.#contents.push(octets) - 1;
    let at = timeLength;
    while (at < octets.length) {
      const numbers = at + 1 + (octets[at] ?? 0) + peerIdLength;
      if (numbers + numbersLength > octets.length) throw new BytesError('a note that ends early');
      const name = text.toString('latin1', at, numbers);
      const place = row * apart + numbers;
      const before = this.#places.get(name);
      if (before === undefined) this.#places.set(name, place);
      else if (typeof before === 'number') this.#places.set(name, [before, place]);
      else before.push(place);
      at = numbers + numbersLength;
    }
  }

  /** The keys that there are notes of. */
  keys(): readonly Uint8Array[] {
    return [...this.#places.keys()].map(
      (name) => new Uint8Array(Buffer.from(name.slice(1, -peerIdLength), 'latin1')),
    );
  }

  /** The connection under this key as it was last; undefined where that cannot be known. */
  upToDate(key: Uint8Array, kept: KeptConnection): KeptConnection | undefined {
    if (this.incomplete) return undefined;
    const name = concat(Uint8Array.of(key.length), key, kept.id);
    const places = this.#places.get(Buffer.from(name).toString('latin1'));
    if (places === undefined) return kept;
    let last: Dated = { ...kept, ...kept.state };
    for (const place of [places].flat()) last = later(last, this.#at(place));
    const { next, window, lastContact } = last;
    return { ...kept, lastContact, state: { ...kept.state, next, window } };
  }

  #at(place: number): Dated {
    const octets = this.#contents[Math.floor(place / apart)] ?? new Uint8Array();
    const lastContact = new Reader(octets).uint48();
    const reader = new Reader(octets.subarray(place % apart));
    const next = reader.uint48();
    return {
      lastContact,
      next,
      window: { right: reader.uint48() - 1, near: reader.uint32(), far: reader.uint32() },
    };
  }
}

/** Octets of a row's time; and more than any row has. */
const timeLength = 6;
const apart = 2 ** 20;

interface Dated extends Numbers {
  /** Milliseconds since 1970. */
  readonly lastContact: number;
}

/** What two states of one connection say together, whichever was first. */
function later(a: Dated, b: Dated): Dated {
  return {
    next: Math.max(a.next, b.next),
    lastContact: Math.max(a.lastContact, b.lastContact),
    window: laterWindow(a.window, b.window),
  };
}

/** A window that has moved on holds what it held before. */
function laterWindow(a: WindowState, b: WindowState): WindowState {
  if (a.right !== b.right) return a.right > b.right ? a : b;
  return { right: a.right, near: (a.near | b.near) >>> 0, far: (a.far | b.far) >>> 0 };
}
