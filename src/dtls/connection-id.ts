/** Connection IDs (RFC 9146): what two sides agree on, and which ones we hand out. */
import { timingSafeEqual } from 'node:crypto';
import { concat } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import { type Extension, type Extensions, ExtensionType, extension } from './extensions.ts';
import { Hmac } from './hmac.ts';

/** The connection ID in the records of one direction. */
export interface DirectionCid {
  readonly octets: Uint8Array;
  /** Covered by the MAC as in draft-05 rather than RFC 9146. */
  readonly draft: boolean;
}

/** What a handshake agreed on; undefined in a direction whose records bear none. */
export interface ConnectionIds {
  /** In what we receive. */
  readonly own: DirectionCid | undefined;
  /** In what we send. */
  readonly peers: DirectionCid | undefined;
}

export const noConnectionIds: ConnectionIds = { own: undefined, peers: undefined };

/**
 * The code points: RFC 9146's before those of the drafts, which are 53 until draft-08 (Californium 2 and 3) and 254 in
 * mbedTLS 2.x before any was given out. Those go with the MAC of draft-05.
 */
const connectionIdTypes = [
  ExtensionType.connectionId,
  ExtensionType.connectionIdDeprecated,
  ExtensionType.connectionIdMbedTls2,
] as const;

/** How a server deals with connection IDs. */
export interface ConnectionIdPolicy {
  /** Whether code points of the drafts are answered. */
  readonly drafts: boolean;
  /** A connection ID for a new connection; undefined: we can send them, and want none. */
  next(): Uint8Array | undefined;
  /** Told that a client offered nothing but a code point of a draft, and drafts are not answered. */
  refused(type: number): void;
}

/** What a client's hello and the policy make of it. */
export interface ConnectionIdAgreement {
  readonly cids: ConnectionIds;
  /** The ServerHello's; undefined: none. */
  readonly extension: Extension | undefined;
}

const nothingAgreed: ConnectionIdAgreement = { cids: noConnectionIds, extension: undefined };

/** Throws HandshakeError(decodeError) where the extension is malformed. */
export function agreeOnConnectionIds(
  offered: Extensions,
  policy: ConnectionIdPolicy | undefined,
): ConnectionIdAgreement {
  const type = offeredType(offered);
  const theirs = type === undefined ? undefined : offered.connectionId(type);
  const draft = type !== ExtensionType.connectionId;
  if (policy === undefined || type === undefined || theirs === undefined) return nothingAgreed;
  if (draft && !policy.drafts) {
    policy.refused(type);
    return nothingAgreed;
  }
  const ours = policy.next();
  return {
    cids: connectionIds(ours, theirs, draft),
    extension: extension.connectionId(type, ours ?? new Uint8Array()),
  };
}

/** Whether the client is mbedTLS 2: it forgets what it agreed on of connection IDs when it resumes a session. */
export function forgetsConnectionIds(offered: Extensions): boolean {
  return offeredType(offered) === ExtensionType.connectionIdMbedTls2;
}

function offeredType(offered: Extensions) {
  for (const type of connectionIdTypes) if (offered.has(type)) return type;
  return undefined;
}

/** An empty connection ID means that its side wants none (RFC 9146 §3). */
export function connectionIds(
  own: Uint8Array | undefined,
  peers: Uint8Array,
  draft: boolean,
): ConnectionIds {
  return { own: directionCid(own, draft), peers: directionCid(peers, draft) };
}

function directionCid(octets: Uint8Array | undefined, draft: boolean): DirectionCid | undefined {
  if (octets === undefined || octets.length === 0) return undefined;
  return { octets: octets.slice(), draft };
}

/** Octets of the part that shows that a connection ID is ours. */
const tagLength = 3;

/** Octets that chance decides, at the least. */
const leastRandom = 2;

export interface TaggedCidsOptions {
  /** Octets of a connection ID. */
  readonly length: number;
  /** The first octets of each: which node of a cluster it belongs to. */
  readonly prefix: Uint8Array;
  /**
   * For the tags; of 32 octets each. Connection IDs are made with the first, and known by any: the same keys know them
   * after a restart.
   */
  readonly keys: readonly [Uint8Array, ...(readonly Uint8Array[])];
  readonly random: Random;
}

/** Makes connection IDs of one length, and knows its own. */
export interface Cids {
  readonly length: number;
  make(): Uint8Array;
  /** Whether one of its length is one of its own. */
  knows(cid: Uint8Array): boolean;
}

/**
 * Connection IDs made of chance.
 *
 *   prefix(0..) random(2..) tag(3)     tag = HMAC-SHA-256(key, prefix random), cut
 *
 * They go in the clear and say nothing of the device. The tag tells at once one that is made up, so that strangers
 * who guess cannot have us look into the store: one guess in 16 million gets so far.
 */
export class TaggedCids implements Cids {
  readonly #options: TaggedCidsOptions;
  readonly #tag: Hmac;
  readonly #knownTags: readonly Hmac[];

  constructor(options: TaggedCidsOptions) {
    const least = options.prefix.length + leastRandom + tagLength;
    if (options.length < least || options.length > 32) {
      throw new RangeError(
        `connection IDs of ${options.length} octets; ${least} to 32 are possible`,
      );
    }
    this.#options = options;
    const [first, ...former] = options.keys;
    this.#tag = new Hmac('sha256', first);
    this.#knownTags = [this.#tag, ...former.map((key) => new Hmac('sha256', key))];
  }

  get length(): number {
    return this.#options.length;
  }

  make(): Uint8Array {
    const { length, prefix, random } = this.#options;
    const head = concat(prefix, random(length - prefix.length - tagLength));
    return concat(head, tagOf(this.#tag, head));
  }

  knows(cid: Uint8Array): boolean {
    const end = cid.length - tagLength;
    const [head, tag] = [cid.subarray(0, end), cid.subarray(end)];
    return this.#knownTags.some((key) => timingSafeEqual(tagOf(key, head), tag));
  }
}

function tagOf(key: Hmac, head: Uint8Array): Uint8Array {
  return key.cut(tagLength, head);
}

/** Whether the text, from there on, is the octets in upper-case hex: for each record, so without making any text. */
export function isHexOf(text: string, octets: Uint8Array, from = 0): boolean {
  if (text.length - from !== 2 * octets.length) return false;
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i] ?? 0;
    if (text.charCodeAt(from + 2 * i) !== digits.charCodeAt(octet >> 4)) return false;
    if (text.charCodeAt(from + 2 * i + 1) !== digits.charCodeAt(octet & 15)) return false;
  }
  return true;
}
const digits = '0123456789ABCDEF';
