/**
 * Answers that left in ACKs, oldest first, for the requests that come again (RFC 7252 section 4.5). An ACK bears Message
 * ID and token of its request, so it is all that is kept of one:
 * ```
 *   … | when the request came (6) | length (1) | ACK (length) | …
 * ```
 * They lie in one row of octets, for each peer has some: nothing is made for a request that the next collection of
 * garbage would find in use, copy and, once it is forgotten, clear away.
 */
import { equal } from '../base/bytes.ts';

/** Octets of an ACK that may be kept here: answers to polls are so short, blocks are not. */
export const longestPastAck = 64;

const timeOctets = 6;
const headOctets = timeOctets + 1;
/** Octets that the first ACK makes room for: two or three answers to polls, and V8 has them in its own heap. */
const firstRoom = 64;

export class PastAcks {
  #octets = new Uint8Array();
  /** Where the oldest begins, and the newest ends. */
  #start = 0;
  #end = 0;
  #size = 0;
  /** Message ID of the newest. */
  #newest = 0;
  /** Whether the Message IDs count on from the oldest to the newest, as peers' do. */
  #ascends = true;

  get size(): number {
    return this.#size;
  }

  /** When the oldest of the requests came, in milliseconds since the epoch; Infinity where there is none. */
  get oldest(): number {
    return this.#size === 0 ? Infinity : this.#timeAt(this.#start);
  }

  /** Keeps an ACK of at most `longestPastAck` octets; none of a request with its Message ID is here. */
  add(began: number, ack: Uint8Array): void {
    this.#makeRoom(headOctets + ack.length);
    const octets = this.#octets;
    const messageId = ((ack[2] ?? 0) << 8) | (ack[3] ?? 0);
    if (this.#size > 0 && this.#isWithin(messageId)) this.#ascends = false;
    this.#newest = messageId;
    let at = this.#end;
    const high = Math.floor(began / 2 ** 32); // 48 bits are more than the operators of 32 take
    octets[at++] = high >> 8;
    octets[at++] = high;
    octets[at++] = began >>> 24;
    octets[at++] = began >>> 16;
    octets[at++] = began >>> 8;
    octets[at++] = began;
    octets[at++] = ack.length;
    for (let i = 0; i < ack.length; i++) octets[at + i] = ack[i] ?? 0;
    this.#end = at + ack.length;
    this.#size++;
  }

  /** The ACK of that request, where that came at `oldest` or later; memory of its own. */
  find(messageId: number, token: Uint8Array, oldest: number): Uint8Array | undefined {
    const at = this.#placeOf(messageId);
    if (at < 0 || this.#timeAt(at) < oldest) return undefined;
    const ack = this.#octets.slice(at + headOctets, this.#after(at));
    return equal(ack.subarray(4, 4 + ((ack[0] ?? 0) & 15)), token) ? ack : undefined;
  }

  /** Forgets the oldest. */
  dropOldest(): void {
    this.#start = this.#after(this.#start);
    this.#size--;
    if (this.#size === 0) this.clear();
  }

  /** Forgets that of the request with that Message ID. */
  drop(messageId: number): void {
    const at = this.#placeOf(messageId);
    if (at < 0) return;
    const after = this.#after(at);
    this.#octets.copyWithin(at, after, this.#end);
    this.#end -= after - at;
    this.#size--;
    if (this.#size === 0) this.clear();
  }

  clear(): void {
    this.#start = 0;
    this.#end = 0;
    this.#size = 0;
    this.#ascends = true;
  }

  /** Where that of the request with that Message ID begins; below 0 where there is none. */
  #placeOf(messageId: number): number {
    if (this.#size === 0) return -1;
    // As a rule it is the next one: that is told without a look at each.
    if (this.#ascends && !this.#isWithin(messageId)) return -1;
    const octets = this.#octets;
    const high = messageId >> 8;
    const low = messageId & 0xff;
    for (let at = this.#start; at < this.#end; at = this.#after(at)) {
      const ack = at + headOctets;
      if (octets[ack + 3] === low && octets[ack + 2] === high) return at;
    }
    return -1;
  }

  /** Whether a Message ID is one of those from the oldest's to the newest's, modulo 2^16. */
  #isWithin(messageId: number): boolean {
    const ack = this.#start + headOctets;
    const oldest = ((this.#octets[ack + 2] ?? 0) << 8) | (this.#octets[ack + 3] ?? 0);
    return ((messageId - oldest) & 0xffff) <= ((this.#newest - oldest) & 0xffff);
  }

  /** Where what begins there ends. */
  #after(at: number): number {
    return at + headOctets + (this.#octets[at + timeOctets] ?? 0);
  }

  #timeAt(at: number): number {
    const octets = this.#octets;
    let time = 0;
    for (let i = at; i < at + timeOctets; i++) time = time * 256 + (octets[i] ?? 0);
    return time;
  }

  /** Makes room for so many more octets: where those that were forgotten have left enough, else in more memory. */
  #makeRoom(more: number): void {
    if (this.#end + more <= this.#octets.length) return;
    const used = this.#end - this.#start;
    let room = Math.max(firstRoom, this.#octets.length);
    while (used + more > room * enough) room *= 2;
    const before = this.#octets;
    if (room > before.length) this.#octets = new Uint8Array(room);
    this.#octets.set(before.subarray(this.#start, this.#end));
    this.#start = 0;
    this.#end = used;
  }
}

/** How much of the room may be in use after all was moved to its front: else that would be done each time. */
const enough = 0.8;
