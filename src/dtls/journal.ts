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
import { concat, Reader, toHex, Writer } from '../base/bytes.ts';
import { type KeptConnection, peerIdLength } from './kept-connection.ts';
import type { WindowState } from './replay-window.ts';

/** The numbers of a connection. */
export interface Numbers {
  /** None of ours is as high. */
  readonly next: number;
  /** Those of the peer that were received. */
  readonly window: WindowState;
}

export interface Note extends Numbers {
  /** Of the connection's own row. */
  readonly key: Uint8Array;
  /** Of the peer, 12 octets: another connection may have the same key some time. */
  readonly id: Uint8Array;
  /** Milliseconds since 1970. */
  readonly lastContact: number;
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

/** A row, note by note. */
export class JournalRow {
  readonly #writer = new Writer(2048);

  constructor(now: number) {
    this.#writer.uint48(Math.floor(now));
  }

  add(key: Uint8Array, id: Uint8Array, { next, window }: Numbers): void {
    this.#writer.uint8(key.length).bytes(key).bytes(id).uint48(next);
    this.#writer
      .uint48(window.right + 1)
      .uint32(window.near)
      .uint32(window.far);
  }

  done(): Uint8Array {
    return this.#writer.done();
  }
}

/** The notes of a row; none where all had ended. Throws BytesError on what JournalRow did not write. */
export function readNotes(octets: Uint8Array): readonly Note[] {
  const reader = new Reader(octets);
  const lastContact = reader.uint48();
  const notes: Note[] = [];
  while (reader.left > 0) {
    const key = reader.bytes(reader.uint8());
    const id = reader.bytes(peerIdLength);
    const next = reader.uint48();
    const window = { right: reader.uint48() - 1, near: reader.uint32(), far: reader.uint32() };
    notes.push({ key, id, lastContact, next, window });
  }
  return notes;
}

/** What runs before this one noted, by key and id. */
export class Notes {
  readonly #notes = new Map<string, Note>();
  /** The rows that the notes are out of. */
  readonly rows: Uint8Array[] = [];
  /** Some could not be read, so nobody knows which connections are as their rows say. */
  incomplete = false;

  add(note: Note): void {
    const name = nameOf(note);
    const before = this.#notes.get(name);
    this.#notes.set(name, before === undefined ? note : { ...note, ...later(before, note) });
  }

  /** The keys that there are notes of. */
  keys(): readonly Uint8Array[] {
    return [...this.#notes.values()].map(({ key }) => key);
  }

  /** The connection under this key as it was last; undefined where that cannot be known. */
  upToDate(key: Uint8Array, kept: KeptConnection): KeptConnection | undefined {
    if (this.incomplete) return undefined;
    const note = this.#notes.get(nameOf({ key, id: kept.id }));
    if (note === undefined) return kept;
    const { next, window, lastContact } = later({ ...kept, ...kept.state }, note);
    return { ...kept, lastContact, state: { ...kept.state, next, window } };
  }
}

type Dated = Numbers & Pick<Note, 'lastContact'>;

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

function nameOf({ key, id }: Pick<Note, 'key' | 'id'>): string {
  return `${toHex(key)}.${toHex(id)}`;
}
