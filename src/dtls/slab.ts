/**
 * Octets under keys, in slots of one size in a few large buffers: a hundred thousand entries cost their octets and
 * little more, and the garbage collector sees a handful of objects.
 *
 *   slot:  key length(1) value length(2) list(1) key value
 *
 * A value that does not fit its slot stands beside. Keys are found by a table of slot numbers (linear probing), and
 * each entry is in one of the lists, in the order in which entries were put there.
 */

/** Slots of one buffer. */
const chunkSlots = 1024;
const headLength = 4;
const none = -1;

export interface SlabOptions {
  /** Octets of a slot. */
  readonly slot: number;
  /** How many lists there are. */
  readonly lists?: number;
  /** Decides where keys fall in the table; of chance, so that nobody can make many fall together. */
  readonly seed: number;
}

export class Slab {
  readonly #slot: number;
  readonly #seed: number;
  #chunks: Uint8Array[] = [];
  readonly #beside = new Map<number, Uint8Array>();
  /** Slot + 1 by hash of the key; 0: free. */
  #table = new Int32Array(64);
  /** Neighbours in the list; of a free slot, `next` is another free one. */
  #next = new Int32Array(0);
  #previous = new Int32Array(0);
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #sizes: Int32Array;
  #free = none;
  #size = 0;

  constructor({ slot, lists = 1, seed }: SlabOptions) {
    this.#slot = slot;
    this.#seed = seed | 0;
    this.#first = new Int32Array(lists).fill(none);
    this.#last = new Int32Array(lists).fill(none);
    this.#sizes = new Int32Array(lists);
  }

  get size(): number {
    return this.#size;
  }

  /** Entries of one list. */
  sizeOf(list: number): number {
    return this.#sizes[list] ?? 0;
  }

  /** Octets of memory it takes. */
  get octets(): number {
    let beside = 0;
    for (const value of this.#beside.values()) beside += value.length;
    const chunks = this.#chunks.length * chunkSlots * this.#slot;
    return chunks + 4 * (this.#table.length + 2 * this.#next.length) + beside;
  }

  /** Puts an entry at the end of a list, in place of one with the same key. A key has at most 255 octets. */
  put(key: Uint8Array, value: Uint8Array, list = 0): void {
    const known = this.#find(key);
    if (known !== none) this.#leave(known);
    if ((this.#size + 1) * 2 > this.#table.length) this.#grow();
    const slot = this.#take();
    const chunk = this.#chunkOf(slot);
    const at = this.#placeOf(slot);
    chunk[at] = key.length;
    chunk[at + 1] = value.length >> 8;
    chunk[at + 2] = value.length & 255;
    chunk[at + 3] = list;
    const from = at + headLength;
    for (let i = 0; i < key.length; i++) chunk[from + i] = key[i] ?? 0;
    if (headLength + key.length + value.length <= this.#slot) chunk.set(value, from + key.length);
    else this.#beside.set(slot, value.slice());
    this.#link(slot, list);
    this.#insert(slot, this.#home(key));
    this.#size++;
  }

  has(key: Uint8Array): boolean {
    return this.#find(key) !== none;
  }

  /** A copy of the value. */
  get(key: Uint8Array): Uint8Array | undefined {
    const place = this.#find(key);
    return place === none ? undefined : this.#valueOf((this.#table[place] ?? 0) - 1);
  }

  /** The value, which leaves. */
  take(key: Uint8Array): Uint8Array | undefined {
    const value = this.get(key);
    this.delete(key);
    return value;
  }

  delete(key: Uint8Array): boolean {
    const place = this.#find(key);
    if (place === none) return false;
    this.#leave(place);
    return true;
  }

  /** Has the entry at that place of the table leave. */
  #leave(place: number): void {
    const slot = (this.#table[place] ?? 0) - 1;
    this.#remove(place);
    this.#unlink(slot);
    this.#beside.delete(slot);
    const at = this.#placeOf(slot);
    this.#chunkOf(slot).fill(0, at, at + this.#slot); // it may have held secrets
    this.#next[slot] = this.#free;
    this.#free = slot;
    this.#size--;
  }

  /** The key of the entry that is in the list for longest. */
  oldest(list = 0): Uint8Array | undefined {
    const slot = this.#first[list] ?? none;
    return slot === none ? undefined : this.#keyOf(slot);
  }

  /** Keys and values, list by list, the oldest first. Nothing may be put or deleted meanwhile. */
  *entries(): Iterable<readonly [key: Uint8Array, value: Uint8Array]> {
    for (const first of this.#first) {
      for (let slot = first; slot !== none; slot = this.#next[slot] ?? none) {
        yield [this.#keyOf(slot), this.#valueOf(slot)];
      }
    }
  }

  #chunkOf(slot: number): Uint8Array {
    const chunk = this.#chunks[Math.floor(slot / chunkSlots)];
    if (chunk === undefined) throw new RangeError(`slot ${slot}`);
    return chunk;
  }

  /** Where in its chunk a slot begins. */
  #placeOf(slot: number): number {
    return (slot % chunkSlots) * this.#slot;
  }

  /** A copy. */
  #keyOf(slot: number): Uint8Array {
    const chunk = this.#chunkOf(slot);
    const at = this.#placeOf(slot);
    const from = at + headLength;
    return chunk.slice(from, from + (chunk[at] ?? 0));
  }

  /** A copy. */
  #valueOf(slot: number): Uint8Array {
    const beside = this.#beside.get(slot);
    if (beside !== undefined) return beside.slice();
    const chunk = this.#chunkOf(slot);
    const at = this.#placeOf(slot);
    const from = at + headLength + (chunk[at] ?? 0);
    return chunk.slice(from, from + ((chunk[at + 1] ?? 0) << 8) + (chunk[at + 2] ?? 0));
  }

  /** A free slot. */
  #take(): number {
    if (this.#free === none) this.#addChunk();
    const slot = this.#free;
    this.#free = this.#next[slot] ?? none;
    return slot;
  }

  #addChunk(): void {
    const from = this.#chunks.length * chunkSlots;
    this.#chunks.push(new Uint8Array(chunkSlots * this.#slot));
    this.#next = grown(this.#next, from + chunkSlots);
    this.#previous = grown(this.#previous, from + chunkSlots);
    for (let slot = from + chunkSlots - 1; slot >= from; slot--) {
      this.#next[slot] = this.#free;
      this.#free = slot;
    }
  }

  #link(slot: number, list: number): void {
    const last = this.#last[list] ?? none;
    this.#previous[slot] = last;
    this.#next[slot] = none;
    if (last === none) this.#first[list] = slot;
    else this.#next[last] = slot;
    this.#last[list] = slot;
    this.#sizes[list] = this.sizeOf(list) + 1;
  }

  #unlink(slot: number): void {
    const list = this.#chunkOf(slot)[this.#placeOf(slot) + 3] ?? 0;
    const next = this.#next[slot] ?? none;
    const previous = this.#previous[slot] ?? none;
    if (previous === none) this.#first[list] = next;
    else this.#next[previous] = next;
    if (next === none) this.#last[list] = previous;
    else this.#previous[next] = previous;
    this.#sizes[list] = this.sizeOf(list) - 1;
  }

  /** Where in the table the key's slot stands. */
  #find(key: Uint8Array): number {
    const mask = this.#table.length - 1;
    for (let place = this.#home(key); ; place = (place + 1) & mask) {
      const entry = this.#table[place] ?? 0;
      if (entry === 0) return none;
      if (this.#hasKey(entry - 1, key)) return place;
    }
  }

  /** Octet by octet: to show its key apart would take longer. */
  #hasKey(slot: number, key: Uint8Array): boolean {
    const chunk = this.#chunkOf(slot);
    const at = this.#placeOf(slot);
    if (chunk[at] !== key.length) return false;
    const from = at + headLength;
    for (let i = 0; i < key.length; i++) if (chunk[from + i] !== key[i]) return false;
    return true;
  }

  #insert(slot: number, home: number): void {
    const mask = this.#table.length - 1;
    let place = home;
    while (this.#table[place] !== 0) place = (place + 1) & mask;
    this.#table[place] = slot + 1;
  }

  /** Empties a place and moves up what was put behind it for want of room. */
  #remove(place: number): void {
    const mask = this.#table.length - 1;
    let gap = place;
    for (let at = (gap + 1) & mask; ; at = (at + 1) & mask) {
      const entry = this.#table[at] ?? 0;
      if (entry === 0) break;
      const home = this.#homeOf(entry - 1);
      // It may move to the gap unless its home lies behind the gap.
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      this.#table[gap] = entry;
      gap = at;
    }
    this.#table[gap] = 0;
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Int32Array(old.length * 2);
    for (const entry of old) if (entry !== 0) this.#insert(entry - 1, this.#homeOf(entry - 1));
  }

  /** Where in the table a key belongs. */
  #home(key: Uint8Array): number {
    return this.#homeOfOctets(key, 0, key.length);
  }

  /** Where the key in a slot does. */
  #homeOf(slot: number): number {
    const chunk = this.#chunkOf(slot);
    const at = this.#placeOf(slot);
    return this.#homeOfOctets(chunk, at + headLength, chunk[at] ?? 0);
  }

  #homeOfOctets(octets: Uint8Array, from: number, length: number): number {
    let hash = this.#seed;
    for (let i = from; i < from + length; i++) {
      hash = Math.imul(hash ^ (octets[i] ?? 0), 0x01000193);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
    return (hash ^ (hash >>> 15)) & (this.#table.length - 1);
  }
}

/** Room for `least` numbers or more, doubled as a rule. */
function grown(numbers: Int32Array<ArrayBuffer>, least: number): Int32Array<ArrayBuffer> {
  if (least <= numbers.length) return numbers;
  const larger = new Int32Array(Math.max(least, numbers.length * 2));
  larger.set(numbers);
  return larger;
}
