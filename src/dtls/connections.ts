/** Who is connected and who is about to be, awake: found by address or connection ID, with ceilings and lifetimes. */
import type { Address } from '../base/address.ts';
import { type InOrder, UseOrder } from '../base/use-order.ts';
import { isKeyOfCid, keyOfCid } from './asleep.ts';
import { AddressNames, type KeyName, nameOfKey } from './key-names.ts';
import type { ServerConnection } from './server-connection.ts';
import type { DtlsLimits, DtlsTimes } from './settings.ts';

/** Who is at an address. */
class Place implements InOrder<Place> {
  readonly name: KeyName;
  handshake: ServerConnection | undefined;
  established: ServerConnection | undefined;
  /** Among those with a handshake. */
  older: Place | undefined;
  newer: Place | undefined;

  constructor(name: KeyName) {
    this.name = name;
  }
}

/**
 * An address has at most one handshake at a time, and at most one connection that is found by it: the connection
 * stays until the handshake is done (RFC 6347 §4.2.8). A connection with an ID of its own is found by that; its
 * address counts only until it sleeps or another connection begins there.
 */
export class Connections {
  readonly #limits: DtlsLimits;
  /** Milliseconds after which a handshake that is not done may make way. */
  readonly #hanging: number;
  readonly #places = new Map<KeyName, Place>();
  /** The one that was asked for last, and is asked for again as a rule. */
  #last: Place | undefined;
  /** Where one is under way; the one that began first, first. */
  readonly #handshakes = new UseOrder<Place>();
  /** The handshakes of each group of addresses, in the same order; once established, they are in that of `#established`. */
  readonly #groups = new Map<KeyName, UseOrder<ServerConnection>>();
  /** By connection ID those about to be, too. */
  readonly #byKey = new Map<KeyName, ServerConnection>();
  /** Of those, by the mark of their connection IDs, some: to make a key's text takes longer than to find what it leads to. */
  readonly #byMark = new Map<number, ServerConnection>();
  /** The established ones, the one unused for longest first. */
  readonly #established = new UseOrder<ServerConnection>();
  readonly #names = new AddressNames();

  constructor(limits: DtlsLimits, times: Pick<DtlsTimes, 'hanging'>) {
    this.#limits = limits;
    this.#hanging = times.hanging;
  }

  get handshakes(): number {
    return this.#handshakes.size;
  }

  /** Of those, from the group of one address. */
  handshakesFrom(address: Address): number {
    return this.#groups.get(this.#names.groupOf(address))?.size ?? 0;
  }

  get established(): number {
    return this.#established.size;
  }

  /** What the key of a connection that is found by this address is called. */
  keyNameAt(address: Address): KeyName {
    return this.#names.ofKey(address);
  }

  handshakeAt(address: Address): ServerConnection | undefined {
    return this.#at(address)?.handshake;
  }

  establishedAt(address: Address): ServerConnection | undefined {
    return this.#at(address)?.established;
  }

  /** By what asleep.ts makes of a connection ID or an address. */
  withKey(key: Uint8Array): ServerConnection | undefined {
    return this.#byKey.get(nameOfKey(key));
  }

  withKeyName(name: KeyName): ServerConnection | undefined {
    return this.#byKey.get(name);
  }

  withCid(cid: Uint8Array): ServerConnection | undefined {
    const mark = markOf(cid);
    const marked = this.#byMark.get(mark);
    if (marked !== undefined && isKeyOfCid(marked.keyText, cid)) return marked;
    const found = this.withKey(keyOfCid(cid));
    if (found !== undefined) this.#byMark.set(mark, found);
    return found;
  }

  /** Of the established ones the one unused for longest. */
  get oldest(): ServerConnection | undefined {
    return this.#established.oldest;
  }

  /** The established ones, the one unused for longest first. */
  all(): Iterable<ServerConnection> {
    return this.#established;
  }

  /**
   * Why no handshake may begin `now` (milliseconds since 1970); undefined where one may. Handshakes that hang make way:
   * whoever begins many and finishes none keeps others out only as long as that takes.
   */
  refusal(address: Address, now: number): string | undefined {
    // The handshake at the same address makes way for the new one.
    const replaced = this.handshakeAt(address) === undefined ? 0 : 1;
    const group = this.#groups.get(this.#names.groupOf(address));
    if (
      group !== undefined &&
      group.size - replaced >= this.#limits.halfOpenPerAddress &&
      !this.#giveUp(group.oldest, now)
    ) {
      return 'too many handshakes from one address';
    }
    const begun = this.#handshakes.size - replaced;
    const oldest = this.#handshakes.oldest?.handshake;
    if (begun >= this.#limits.halfOpen && !this.#giveUp(oldest, now)) {
      return 'too many handshakes';
    }
    return undefined;
  }

  begin(connection: ServerConnection): void {
    const before = this.handshakeAt(connection.address);
    if (before !== undefined) this.#removeHandshake(before);
    const place = this.#placeAt(connection.address);
    place.handshake = connection;
    this.#handshakes.use(place);
    const name = this.#names.groupOf(connection.address);
    const group = this.#groups.get(name);
    if (group !== undefined) group.use(connection);
    else {
      const first = new UseOrder<ServerConnection>();
      first.use(connection);
      this.#groups.set(name, first);
    }
  }

  /** The records that lead to its key are this connection's. */
  claim(connection: ServerConnection): void {
    const before = this.#byKey.get(connection.keyName);
    if (before === connection) return;
    if (before !== undefined) this.#forgetMark(before);
    this.#byKey.set(connection.keyName, connection);
  }

  /** The handshake is done, or the connection awake; gives the one that was found at its address until now. */
  establish(connection: ServerConnection): ServerConnection | undefined {
    const place = this.#placeAt(connection.address);
    const before = place.established;
    place.established = connection;
    this.#removeHandshake(connection);
    this.#established.use(connection);
    this.claim(connection);
    return before;
  }

  /** The connection was heard of. */
  touch(connection: ServerConnection): void {
    if (this.isEstablished(connection)) this.#established.use(connection);
  }

  /** The connection has another address now. */
  move(connection: ServerConnection, from: Address): void {
    if (!this.isEstablished(connection)) return;
    this.#removeAddress(connection, from);
    // One that is found by that address alone keeps it.
    const place = this.#placeAt(connection.address);
    if (place.established?.hasCid !== false) place.established = connection;
  }

  isEstablished(connection: ServerConnection): boolean {
    // Until its handshake is done it is in the order of its group, which its links do not tell from this one.
    return this.handshakeAt(connection.address) !== connection && this.#established.has(connection);
  }

  remove(connection: ServerConnection): void {
    this.#removeHandshake(connection);
    this.#established.delete(connection);
    this.#removeAddress(connection, connection.address);
    const key = connection.keyName;
    if (this.#byKey.get(key) !== connection) return;
    this.#byKey.delete(key);
    this.#forgetMark(connection);
  }

  handshaking(): readonly ServerConnection[] {
    return [...this.#handshakes].flatMap(({ handshake }) => handshake ?? []);
  }

  #forgetMark(connection: ServerConnection): void {
    const { cid } = connection;
    if (cid === undefined) return;
    const mark = markOf(cid);
    if (this.#byMark.get(mark) === connection) this.#byMark.delete(mark);
  }

  #removeAddress(connection: ServerConnection, address: Address): void {
    const place = this.#at(address);
    if (place?.established !== connection) return;
    place.established = undefined;
    this.#tidy(place);
  }

  #removeHandshake(connection: ServerConnection): void {
    const place = this.#at(connection.address);
    if (place?.handshake !== connection) return;
    place.handshake = undefined;
    this.#handshakes.delete(place);
    this.#tidy(place);
    const group = this.#names.groupOf(connection.address);
    const others = this.#groups.get(group);
    others?.delete(connection);
    if (others?.size === 0) this.#groups.delete(group);
  }

  #at(address: Address): Place | undefined {
    const name = this.#names.of(address);
    if (this.#last?.name !== name) this.#last = this.#places.get(name);
    return this.#last;
  }

  #placeAt(address: Address): Place {
    const known = this.#at(address);
    if (known !== undefined) return known;
    const place = new Place(this.#names.of(address));
    this.#places.set(place.name, place);
    return place;
  }

  /** Forgets a place with nobody there. */
  #tidy(place: Place): void {
    if (place.handshake !== undefined || place.established !== undefined) return;
    this.#places.delete(place.name);
    if (this.#last === place) this.#last = undefined;
  }

  /** Ends the first of some handshakes if it has taken too long; says whether it did. */
  #giveUp(first: ServerConnection | undefined, now: number): boolean {
    if (first === undefined || now - first.began < this.#hanging) return false;
    first.connection?.end('made way for another handshake', new Error('made way'));
    return true;
  }
}

/** Of the last octets, which differ from one connection ID to the next. Two may have the same mark. */
function markOf(cid: Uint8Array): number {
  let mark = 0;
  for (let at = Math.max(0, cid.length - 4); at < cid.length; at++) {
    mark = (mark << 8) | (cid[at] ?? 0);
  }
  return mark;
}
