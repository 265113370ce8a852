/**
 * Writes connections and sessions to the store, encrypted, in batches: whatever changes while one batch is on its way
 * goes into the next, each once. Of connections that only took a record, a batch holds one row of notes (journal.ts). A
 * batch of which everything may be undone by a power cut does not wait for the disk.
 *
 *   version(1) hour of last contact(3) run(8) number(6) ciphertext tag(16)
 *
 * AES-256-GCM. Each run of the program has a key of its own, HKDF(the owner's key, run), and numbers what it seals: a
 * nonce never comes twice. What stands in the clear is authenticated together with the entry's key in the store, so
 * that nobody can put one entry in another's place.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { BytesError, concat, equal, Reader, toHex, utf8, Writer } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { turnOfLoop } from '../base/turn.ts';
import { type InOrder, UseOrder } from '../base/use-order.ts';
import type { ConnectionStore, Kept } from './connection-store.ts';
import {
  beforeJournals,
  isOfJournal,
  JournalRow,
  journalKey,
  mostNotes,
  Notes,
  type Numbers,
  ring,
} from './journal.ts';
import type { KeptConnection } from './kept-connection.ts';

/** Of entries that count with a journal alone; those of before there was one stand for themselves. */
const version = 2;
const knownVersions: readonly (number | undefined)[] = [1, version];
const runLength = 8;
const numberLength = 6;
const headLength = 1 + 3 + runLength + numberLength;
const tagLength = 16;
const hour = 3_600_000;

export interface VaultOptions {
  readonly store: ConnectionStore;
  /** 32 octets; and former ones, with which entries written before may still be opened. */
  readonly key: Uint8Array;
  readonly formerKeys?: readonly Uint8Array[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Most entries looked up at a time; what is asked for beyond counts as not there. */
  readonly lookups: number;
}

/** What is to be written of something; or that it is to be deleted, or left as it is. */
export type Packed =
  | {
      readonly octets: Uint8Array;
      readonly lastContact: number;
      /** A power cut may undo it, if nothing after it is lasting. */
      readonly passing?: boolean;
    }
  | 'gone'
  | 'as it is';

/** Something that is kept, as it is when its batch leaves. */
export interface Keepable {
  readonly key: Uint8Array;
  /** What the store has under the key until then may be loaded; otherwise whoever saves it holds it. */
  readonly loadable?: true;
  pack(): Packed;
  /** What `pack` or `note` gave last is in the store. */
  packed(): void;
  /** For the vault alone: its place among those that are ahead of their rows. */
  ahead?: Ahead | undefined;
}

/** A connection that is ahead of its row: the row of the journal that has its last note. */
interface Ahead extends InOrder<Ahead> {
  readonly what: Notable;
  row: number;
}

/** A connection that has its row, of which as a rule only numbers change. */
export interface Notable extends Keepable {
  /** The key in hex. */
  readonly keyText: string;
  /** 12 octets, in hex. */
  readonly id: string;
  /** Nothing will be noted of it any more. */
  readonly isOver: boolean;
  /** Numbers of its records are to be taken: it is written whole, for notes may be undone by a power cut. */
  readonly takesNumbers: boolean;
  /** For the vault alone: whether it is to be noted with the next batch. */
  isToNote: boolean;
  /** Undefined where there is nothing to note. */
  note(): Numbers | undefined;
}

/** Fewer connections than this are written whole: a row of notes would cost as much, and their rows later on. */
const worthARow = 3;

export class Vault {
  readonly #options: VaultOptions;
  readonly #run: Uint8Array;
  readonly #runKeys = new Map<string, readonly Uint8Array[]>();
  readonly #sealKey: Uint8Array;
  #number = 0;
  #due = new Map<string, Keepable>();
  /** What was due when the batch on its way left, until that is written. */
  #leaving: ReadonlyMap<string, Keepable> = new Map();
  #toNote: Notable[] = [];
  /** Connections that are ahead of their rows, the one that was noted longest ago first. */
  readonly #ahead = new UseOrder<Ahead>();
  /** The journal's next row, and where it is put together. */
  #row = 0;
  readonly #page = new JournalRow();
  #former: Promise<Notes> | undefined;
  /** While former runs' journals are worked in: what was saved or noted meanwhile. */
  #touched: Set<string> | undefined;
  #writing: Promise<void> | undefined;
  #lookups = 0;
  #failed = false;
  /** Writes in vain since the last that went well; when that was said last, and for how long it is not said again. */
  #tries = 0;
  #said = Number.NEGATIVE_INFINITY;
  #quiet = 0;

  constructor(options: VaultOptions) {
    this.#options = options;
    this.#run = options.random(runLength);
    this.#sealKey = runKey(options.key, this.#run);
  }

  /** Has it written with the next batch, as it is then. */
  save(what: Keepable): void {
    const name = toHex(what.key);
    this.#touched?.add(name);
    this.#due.set(name, what);
    this.#writing ??= this.#write();
  }

  /** Has its numbers noted with the next batch, as they are then. */
  note(what: Notable): void {
    if (this.#due.size > 0 && this.#due.has(what.keyText)) {
      this.save(what);
      return;
    }
    this.#touched?.add(what.keyText);
    if (!what.isToNote) {
      what.isToNote = true;
      this.#toNote.push(what);
    }
    this.#writing ??= this.#write();
  }

  /** Whether its row is behind what was noted of it. */
  isAhead(what: Notable): boolean {
    return what.ahead !== undefined;
  }

  /** It has ended: nothing of it is written any more. */
  forget(what: Notable): void {
    what.isToNote = false;
    this.#caughtUp(what);
  }

  /** Its row says all of it. */
  #caughtUp(what: Keepable): void {
    if (what.ahead === undefined) return;
    this.#ahead.delete(what.ahead);
    what.ahead = undefined;
  }

  #noted(what: Notable, row: number): void {
    what.ahead ??= { what, row, older: undefined, newer: undefined };
    what.ahead.row = row;
    this.#ahead.use(what.ahead);
  }

  /** What runs before this one noted. Rejects where the store cannot be read. */
  former(): Promise<Notes> {
    this.#former ??= this.#readNotes();
    this.#former.catch(() => {
      this.#former = undefined; // to be tried again
    });
    return this.#former;
  }

  /** A connection as it was last, by its row and what former runs noted; undefined where nobody knows. */
  async upToDate(key: Uint8Array, kept: KeptConnection): Promise<KeptConnection | undefined> {
    try {
      return (await this.former()).upToDate(key, kept);
    } catch (error) {
      this.#complain('connections cannot be read', error);
      return undefined;
    }
  }

  /**
   * Works what former runs noted into the rows of their connections, and has their journals deleted; `redo` gives a
   * row anew. Rejects where the store cannot be read.
   */
  async workIn(redo: (key: Uint8Array, octets: Uint8Array) => Packed): Promise<void> {
    const notes = await this.former();
    for (const key of notes.keys()) {
      const octets = await this.#options.store.load(key);
      const opened = octets === undefined ? undefined : this.#open(key, octets);
      if (opened === undefined) continue;
      const name = toHex(key);
      // Whoever has come to life meanwhile, or has ended, knows better.
      const isTouched = () => this.#touched?.has(name) === true;
      if (isTouched()) continue;
      const pack = () => (isTouched() ? 'as it is' : redo(key, opened));
      this.#due.set(name, { key, loadable: true, pack, packed: () => {} });
      this.#writing ??= this.#write();
    }
    for (const key of notes.rows) this.delete(key);
    this.save({
      key: beforeJournals, // which nothing has: called with the batch that deletes the journals
      pack: () => 'as it is',
      packed: () => {
        this.#former = Promise.resolve(new Notes());
        this.#touched = undefined;
      },
    });
  }

  /** Has the journal deleted, once all that is awake was saved. */
  endJournal(): void {
    for (let row = 0; row < Math.min(this.#row, ring); row++) {
      this.delete(journalKey(this.#run, row));
    }
  }

  /** Has an entry deleted with the next batch. */
  delete(key: Uint8Array): void {
    this.save({ key, pack: () => 'gone', packed: () => {} });
  }

  /** What is kept under the key; undefined where there is nothing that opens, or too many ask. */
  async load(key: Uint8Array): Promise<Uint8Array | undefined> {
    // What is to be written is still held by whoever had it saved; what is to be deleted is no more. The store does not
    // have it so until it is written: a connection that has ended would come back with numbers of before.
    const name = toHex(key);
    const due = this.#due.get(name) ?? this.#leaving.get(name);
    if (due !== undefined && due.loadable !== true) return undefined;
    if (this.#lookups >= this.#options.lookups) {
      this.#options.log.drop('too many look into the store');
      return undefined;
    }
    this.#lookups++;
    try {
      const octets = await this.#options.store.load(key);
      return octets === undefined ? undefined : this.#open(key, octets);
    } catch (error) {
      this.#complain('connections cannot be read', error);
      return undefined;
    } finally {
      this.#lookups--;
    }
  }

  /**
   * Deletes what was not heard of for `lifetime` milliseconds and is not `held` in memory; gives how many are left. In
   * pages, so that all else goes on. Tells which it deleted.
   */
  async sweep(
    lifetime: number,
    held: (key: Uint8Array) => boolean,
    forgotten: (key: Uint8Array) => void,
  ): Promise<number> {
    let left = 0;
    const { store, clock } = this.#options;
    const page = 500;
    const oldest = Math.floor((clock.now() - lifetime) / hour);
    const former = await this.former();
    const noted = new Set(former.incomplete ? [] : former.keys().map(toHex));
    let after: Uint8Array | undefined;
    for (;;) {
      const found: readonly Kept[] = await store.list(after, page);
      const entries = found.filter(({ key }) => !isOfJournal(key));
      const isNoted = (key: Uint8Array) => noted.size > 0 && noted.has(toHex(key));
      const gone = entries
        .filter(({ key, octets }) => hourOf(octets) < oldest && !held(key) && !isNoted(key))
        .map(({ key }) => key);
      left += entries.length - gone.length;
      if (gone.length > 0) await store.save([], gone, true);
      for (const key of gone) forgotten(key);
      after = found.at(-1)?.key;
      if (found.length < page) return left;
    }
  }

  /** Resolves when all that was saved so far is durable. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined && !this.#failed) await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#due.size > 0 || this.#toNote.length > 0) {
      await turnOfLoop(); // what comes in it goes together: a batch costs as much as some ten of its notes
      const row = this.#row;
      const { whole, noted } = this.#batch();
      const kept = this.#journalOf(noted);
      const gone: Uint8Array[] = [];
      let lasting = false;
      for (const one of whole) {
        const packed = one.pack();
        if (packed === 'as it is') continue;
        if (packed === 'gone') gone.push(one.key);
        else kept.push({ key: one.key, octets: this.#seal(one.key, packed) });
        lasting ||= packed === 'gone' || packed.passing !== true;
      }
      try {
        if (kept.length + gone.length > 0) await this.#options.store.save(kept, gone, lasting);
        this.#written();
        for (const one of whole) this.#caughtUp(one);
        noted.forEach((one, at) => {
          if (!one.isOver) this.#noted(one, row + Math.floor(at / mostNotes));
        });
        for (const one of whole) one.packed();
        for (const one of noted) one.packed();
      } catch (error) {
        // Nothing is believed to be kept that is not: whoever waits goes on waiting, until a later batch is written.
        this.#unwritten(error);
        for (const one of [...whole, ...noted]) {
          const name = toHex(one.key);
          if (!this.#due.has(name)) this.#due.set(name, one);
        }
        this.#leaving = new Map();
        await this.#rest();
      }
    }
    this.#leaving = new Map();
    this.#writing = undefined;
  }

  /** What is due: to be written whole, and to be noted in the journal's next rows. */
  #batch(): { readonly whole: readonly Keepable[]; readonly noted: readonly Notable[] } {
    const due = this.#due;
    let noted: Notable[] = [];
    for (const one of this.#toNote) {
      if (!one.isToNote) continue; // it has ended
      one.isToNote = false;
      // What else is due under its key must not stand for it: it waits to hear that it is written.
      if (due.size > 0 && due.has(one.keyText)) due.set(one.keyText, one);
      else if (one.takesNumbers) due.set(one.keyText, one);
      else noted.push(one);
    }
    this.#leaving = due;
    this.#due = new Map();
    this.#toNote = [];
    const whole = [...due.values()];
    if (noted.length < worthARow) {
      whole.push(...noted);
      noted = [];
    }
    whole.push(...this.#writtenOver(Math.ceil(noted.length / mostNotes), [...whole, ...noted]));
    return { whole, noted };
  }

  /** Those whose last note is in a row that is now written over, but for those that are written anyway. */
  #writtenOver(rows: number, anyway: readonly Keepable[]): readonly Notable[] {
    const kept = this.#row + rows - ring;
    const isWrittenOver = (ahead: Ahead | undefined) => ahead !== undefined && ahead.row < kept;
    if (!isWrittenOver(this.#ahead.oldest)) return [];
    const again = new Set(anyway);
    const found: Notable[] = [];
    for (const ahead of this.#ahead) {
      if (!isWrittenOver(ahead)) break;
      if (!again.has(ahead.what)) found.push(ahead.what);
    }
    return found;
  }

  /** The journal's next rows. */
  #journalOf(noted: readonly Notable[]): Kept[] {
    const kept: Kept[] = [];
    const now = this.#options.clock.now();
    for (let from = 0; from < noted.length; from += mostNotes) {
      this.#page.begin(now);
      for (const one of noted.slice(from, from + mostNotes)) {
        const numbers = one.note();
        if (numbers !== undefined) this.#page.add(one.keyText, one.id, numbers);
      }
      const key = journalKey(this.#run, this.#row++);
      const { octets } = this.#page;
      kept.push({ key, octets: this.#seal(key, { octets, lastContact: now }) });
    }
    return kept;
  }

  async #readNotes(): Promise<Notes> {
    this.#touched ??= new Set();
    const notes = new Notes();
    await this.#readNotesInto(notes);
    if (notes.rows.length === 0) this.#touched = undefined;
    if (notes.incomplete) {
      this.#options.log.warn(
        'connections of before are lost: what was noted of them is unreadable',
      );
    }
    return notes;
  }

  async #readNotesInto(notes: Notes): Promise<void> {
    const { store } = this.#options;
    const page = 500;
    for (let after: Uint8Array = beforeJournals; ; ) {
      const found = await store.list(after, page);
      for (const { key, octets } of found) {
        if (!isOfJournal(key)) return;
        if (equal(key.subarray(1, 1 + runLength), this.#run)) continue;
        notes.rows.push(key);
        try {
          const opened = this.#open(key, octets);
          if (opened === undefined) notes.incomplete = true;
          else notes.add(opened);
        } catch (error) {
          if (!(error instanceof BytesError)) throw error;
          notes.incomplete = true;
        }
      }
      const last = found.at(-1);
      if (last === undefined || found.length < page) return;
      after = last.key;
    }
  }

  #rest(): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => clock.after(1000, resolve));
  }

  #seal(
    key: Uint8Array,
    { octets, lastContact }: { readonly octets: Uint8Array; readonly lastContact: number },
  ): Uint8Array {
    const sealed = new Uint8Array(headLength + octets.length + tagLength);
    const number = new Writer(numberLength).uint48(this.#number++).done();
    const head = new Writer(headLength)
      .uint8(version)
      .uint24(Math.floor(lastContact / hour))
      .bytes(this.#run)
      .bytes(number)
      .done();
    const cipher = createCipheriv('aes-256-gcm', this.#sealKey, nonceOf(number));
    cipher.setAAD(concat(head, key));
    sealed.set(head);
    sealed.set(cipher.update(octets), headLength);
    cipher.final(); // holds nothing: it is a stream
    sealed.set(cipher.getAuthTag(), headLength + octets.length);
    return sealed;
  }

  #open(key: Uint8Array, octets: Uint8Array): Uint8Array | undefined {
    if (octets.length < headLength + tagLength || !knownVersions.includes(octets[0])) {
      return undefined;
    }
    const head = octets.subarray(0, headLength);
    const reader = new Reader(head.subarray(4));
    const [run, number] = [reader.bytes(runLength), reader.bytes(numberLength)];
    for (const runKeyOf of this.#keysOf(run)) {
      const decipher = createDecipheriv('aes-256-gcm', runKeyOf, nonceOf(number));
      decipher.setAAD(concat(head, key));
      decipher.setAuthTag(octets.subarray(octets.length - tagLength));
      try {
        const ciphertext = octets.subarray(headLength, octets.length - tagLength);
        return concat(decipher.update(ciphertext), decipher.final());
      } catch {
        // of another key
      }
    }
    this.#options.log.drop('kept connection does not open');
    return undefined;
  }

  /** Few runs wrote what is still there; the keys of the last ones looked for are remembered. */
  #keysOf(run: Uint8Array): readonly Uint8Array[] {
    const name = toHex(run);
    const known = this.#runKeys.get(name);
    if (known !== undefined) return known;
    const { key, formerKeys = [] } = this.#options;
    const keys = [key, ...formerKeys].map((one) => runKey(one, run));
    if (this.#runKeys.size >= 256) this.#runKeys.clear();
    this.#runKeys.set(name, keys);
    return keys;
  }

  /** Tried again every second, and said after 1 s, 2 s, 4 s and so on, at last every ten minutes. */
  #unwritten(error: unknown): void {
    const now = this.#options.clock.now();
    this.#failed = true;
    this.#tries++;
    if (Math.abs(now - this.#said) < this.#quiet) return;
    this.#complain('connections cannot be written', error);
    this.#said = now;
    this.#quiet = Math.min(Math.max(1000, 2 * this.#quiet), 600_000);
  }

  #written(): void {
    if (this.#failed)
      this.#options.log.info('connections are written again', { tries: this.#tries });
    this.#failed = false;
    this.#tries = 0;
    this.#said = Number.NEGATIVE_INFINITY;
    this.#quiet = 0;
  }

  #complain(event: string, error: unknown): void {
    if (error instanceof BytesError) return;
    this.#options.log.error(event, { why: error instanceof Error ? error.message : String(error) });
  }
}

function runKey(key: Uint8Array, run: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, run, utf8('coap-eim dtls kept'), 32));
}

function nonceOf(number: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12);
  nonce.set(number, 12 - numberLength);
  return nonce;
}

/** The hour of last contact, in hours since 1970. */
function hourOf(octets: Uint8Array): number {
  return octets.length < headLength ? 0 : new Reader(octets.subarray(1)).uint24();
}
