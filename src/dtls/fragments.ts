/** Handshake messages out of fragments, in the order of their numbers (RFC 6347 §4.2.2, §4.2.3). */
import {
  type Fragment,
  fragmentAt,
  type HandshakeMessage,
  handshakeHeaderLength,
} from './messages/handshake-message.ts';

/** The fragments of a record of handshake messages; undefined where it is not made of such. */
export function readFragments(record: Uint8Array): readonly Fragment[] | undefined {
  const fragments: Fragment[] = [];
  for (let at = 0; at < record.length; ) {
    const fragment = fragmentAt(record, at);
    if (fragment === undefined) return undefined;
    at += handshakeHeaderLength + fragment.body.length;
    if (at === record.length && fragments.length === 0) return [fragment]; // as nearly every one
    fragments.push(fragment);
  }
  return fragments;
}

/** Whether the fragment is its whole message. */
export function isWhole(fragment: Fragment): boolean {
  return fragment.offset === 0 && fragment.body.length === fragment.length;
}

export interface ReassemblyLimits {
  /** Longest body of a message, in octets. */
  readonly handshakeMessage: number;
  /** Most fragments kept for messages whose turn has not come. */
  readonly bufferedFragments: number;
  /** Most octets of those. */
  readonly bufferedOctets: number;
}

/**
 * Puts together the message that is due; fragments of later ones are kept as they are, within bounds. What finds no
 * room is forgotten: the peer repeats its flight.
 */
export class Reassembly {
  readonly #limits: ReassemblyLimits;
  #due: number;
  #pieces: Pieces | undefined;
  #later: Fragment[] = [];
  #laterOctets = 0;

  /** `due` is the message_seq of the first message. */
  constructor(due: number, limits: ReassemblyLimits) {
    this.#due = due;
    this.#limits = limits;
  }

  /** Takes a fragment in; says why where it is dropped. */
  add(fragment: Fragment): string | undefined {
    const { length, offset, sequence, body } = fragment;
    if (length > this.#limits.handshakeMessage) return 'handshake message too long';
    if (offset + body.length > length) return 'fragment past the end of its message';
    if (body.length === 0 && length > 0) return 'empty fragment';
    if (sequence < this.#due) return 'handshake message received before';
    if (sequence > this.#due) return this.#keep(fragment);
    this.#pieces ??= new Pieces(fragment);
    return this.#pieces.add(fragment);
  }

  /** The message that is due, once it is whole; then the one after it is due. */
  next(): HandshakeMessage | undefined {
    const message = this.#pieces?.message();
    if (message === undefined) return undefined;
    this.#due++;
    this.#pieces = undefined;
    this.#release();
    return message;
  }

  #keep(fragment: Fragment): string | undefined {
    const { bufferedFragments, bufferedOctets } = this.#limits;
    const octets = this.#laterOctets + fragment.body.length;
    if (this.#later.length >= bufferedFragments || octets > bufferedOctets) {
      return 'no room for an early handshake message';
    }
    this.#later.push({ ...fragment, body: fragment.body.slice() });
    this.#laterOctets = octets;
    return undefined;
  }

  /** Gives the kept fragments another try, now that another message is due. */
  #release(): void {
    if (this.#later.length === 0) return;
    const kept = this.#later;
    this.#later = [];
    this.#laterOctets = 0;
    for (const fragment of kept) this.add(fragment);
  }
}

/** A message of which some fragments are there: any split, in any order, repeated or overlapping. */
class Pieces {
  readonly #type: number;
  readonly #sequence: number;
  readonly #body: Uint8Array;
  /** One flag for each octet of the body; undefined while the message is all missing or whole. */
  #have: Uint8Array | undefined;
  #missing: number;

  constructor(first: Fragment) {
    const whole = isWhole(first); // as nearly every message comes
    this.#type = first.type;
    this.#sequence = first.sequence;
    this.#body = whole ? new Uint8Array(first.body) : new Uint8Array(first.length);
    this.#missing = whole ? 0 : first.length;
  }

  add(fragment: Fragment): string | undefined {
    if (fragment.type !== this.#type || fragment.length !== this.#body.length) {
      return 'fragments of one message disagree';
    }
    if (this.#missing === 0) return undefined;
    this.#have ??= new Uint8Array(fragment.length);
    for (let i = 0; i < fragment.body.length; i++) {
      const at = fragment.offset + i;
      if (this.#have[at] === 1) continue;
      this.#have[at] = 1;
      this.#body[at] = fragment.body[i] ?? 0;
      this.#missing--;
    }
    return undefined;
  }

  message(): HandshakeMessage | undefined {
    if (this.#missing > 0) return undefined;
    return { type: this.#type, sequence: this.#sequence, body: this.#body };
  }
}
