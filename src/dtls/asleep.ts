/**
 * Connections asleep, as octets in slabs. Those of peers that proved nothing stand apart: whoever makes many of them
 * displaces no others.
 */
import type { Address } from '../base/address.ts';
import { concat, toHex, utf8 } from '../base/bytes.ts';
import { isHexOf } from './connection-id.ts';
import { addressOctets } from './ip.ts';
import { type KeptConnection, packConnection, unpackConnection } from './kept-connection.ts';
import { setUint16 } from './record.ts';
import { Slab } from './slab.ts';

/** Octets that a connection with connection IDs and an EID for identity takes, and some more. */
const slotLength = 208;

/** Lists of a slab. */
export const lists = { anonymous: 0, proved: 1 } as const;
export type Standing = keyof typeof lists;

/** Whether the peer of a connection is one that the owner knows. */
export function standingOf(credential: KeptConnection['credential']): Standing {
  return credential.type === 'anonymous' ? 'anonymous' : 'proved';
}

export class Asleep {
  readonly #slab: Slab;

  constructor(seed: number) {
    this.#slab = new Slab({ slot: slotLength, lists: 2, seed });
  }

  get size(): number {
    return this.#slab.size;
  }

  get octets(): number {
    return this.#slab.octets;
  }

  put(key: Uint8Array, kept: KeptConnection): void {
    this.#slab.put(key, packConnection(kept), lists[standingOf(kept.credential)]);
  }

  get(key: Uint8Array): KeptConnection | undefined {
    const octets = this.#slab.get(key);
    return octets === undefined ? undefined : unpackConnection(octets);
  }

  has(key: Uint8Array): boolean {
    return this.#slab.has(key);
  }

  delete(key: Uint8Array): boolean {
    return this.#slab.delete(key);
  }

  /** The one that went to sleep first. */
  oldest(standing: Standing): { key: Uint8Array; kept: KeptConnection } | undefined {
    const key = this.#slab.oldest(lists[standing]);
    const kept = key === undefined ? undefined : this.get(key);
    return key === undefined || kept === undefined ? undefined : { key, kept };
  }

  *entries(): Iterable<readonly [key: Uint8Array, kept: KeptConnection]> {
    for (const [key, octets] of this.#slab.entries()) yield [key, unpackConnection(octets)];
  }
}

/** Under which a connection is found: by the first octet, a connection ID, an address or a session. */
export const kinds = { cid: 0x63, address: 0x61, session: 0x73 } as const;
/** In hex. */
export const cidPrefix = toHex(Uint8Array.of(kinds.cid));

export function keyOfCid(cid: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(kinds.cid), cid);
}

/** Whether the key, in hex, was made of this connection ID. */
export function isKeyOfCid(keyText: string, cid: Uint8Array): boolean {
  return keyText.startsWith(cidPrefix) && isHexOf(keyText, cid, cidPrefix.length);
}

/** The connection ID of a key that was made of one. */
export function cidOfKey(key: Uint8Array): Uint8Array | undefined {
  return key[0] === kinds.cid ? key.subarray(1) : undefined;
}

export function keyOfSession(id: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(kinds.session), id);
}

export function keyOfAddress({ address, port }: Address): Uint8Array {
  const octets = addressOctets(address) ?? utf8(address);
  const key = new Uint8Array(octets.length + 3);
  key[0] = kinds.address;
  for (let i = 0; i < octets.length; i++) key[i + 1] = octets[i] ?? 0;
  setUint16(key, octets.length + 1, port);
  return key;
}
