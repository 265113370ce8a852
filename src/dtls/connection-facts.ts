/** What is counted of a connection, and shown of it: for operators, and for nobody's decisions. */
import { toHex } from '../base/bytes.ts';
import type { ConnectionFacts } from '../base/connection-facts.ts';
import { cipherSuites } from './cipher-suites.ts';
import type { KeptConnection } from './kept-connection.ts';

/** A record that the keys of its connection do not open. */
export const notAuthentic = 'record not authentic';

/** Why records of a connection were dropped, as few words; the order is that of the kept form and only grows. */
export const dropReasons = [
  'other',
  'record received before',
  notAuthentic,
  'connection ID of another connection',
  'record without the connection ID',
  'plaintext on an established connection',
  'handshake message after the handshake',
  'malformed alert',
  'more than an unconfirmed address may get',
  'no room until the store has written',
  'change_cipher_spec in a protected epoch',
] as const;

/** Of a connection's whole life, its handshake included. Octets are those of UDP payload. */
export class Counts {
  datagramsIn = 0;
  datagramsOut = 0;
  octetsIn = 0;
  octetsOut = 0;
  /** How often the peer's address changed. */
  moves = 0;
  #drops: Map<string, number> | undefined;

  drop(reason: string): void {
    const known: readonly string[] = dropReasons;
    this.addDrops(known.includes(reason) ? reason : dropReasons[0], 1);
  }

  addDrops(reason: string, count: number): void {
    this.#drops ??= new Map();
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + count);
  }

  /** How often records were dropped, by reason. */
  get drops(): ReadonlyMap<string, number> {
    return this.#drops ?? noDrops;
  }
}

const noDrops: ReadonlyMap<string, number> = new Map();

export function factsOf(state: ConnectionFacts['state'], kept: KeptConnection): ConnectionFacts {
  const { id, address, credential, began, lastContact, counts } = kept;
  const { keys, cids } = kept.state;
  const [suite = 'unknown'] =
    Object.entries(cipherSuites).find(([, one]) => one.id === keys.suite.id) ?? [];
  return {
    id: toHex(id),
    state,
    address,
    credential,
    suite,
    ...(cids.own === undefined ? {} : { cid: toHex(cids.own.octets) }),
    ...(cids.peers === undefined ? {} : { peerCid: toHex(cids.peers.octets) }),
    began,
    lastContact,
    moves: counts.moves,
    datagramsIn: counts.datagramsIn,
    datagramsOut: counts.datagramsOut,
    octetsIn: counts.octetsIn,
    octetsOut: counts.octetsOut,
    drops: Object.fromEntries(counts.drops),
  };
}
