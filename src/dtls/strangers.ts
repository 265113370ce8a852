/**
 * Connections of peers that proved nothing, by the address that their handshake was done from. Each group of addresses
 * has room for so many: beyond, the one of the group that was heard of least lately makes way for the newest. So whoever makes
 * many displaces nobody but those behind the same address.
 *
 * What counts is where a connection began, for the cookie showed that its peer was there. Where it says it is later may
 * be forged.
 */
/** `Key`: what their keys are called. */
export class Strangers<Key extends string | number = string> {
  readonly #most: number;
  /** By their keys, the one that was heard of least lately first. */
  readonly #groups = new Map<string, Set<Key>>();
  readonly #groupOf = new Map<Key, string>();

  /** `most`: of one group. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#groupOf.size;
  }

  /** Takes in one that has just begun; gives the key of the one that has to make way for it. */
  add(key: Key, group: string): Key | undefined {
    this.delete(key);
    const members = this.#groups.get(group) ?? new Set();
    this.#groups.set(group, members.add(key));
    this.#groupOf.set(key, group);
    if (members.size <= this.#most) return undefined;
    const [oldest] = members;
    if (oldest === undefined) return undefined;
    this.delete(oldest);
    return oldest;
  }

  /** It was heard of. */
  touch(key: Key): void {
    const group = this.#groupOf.get(key);
    const members = group === undefined ? undefined : this.#groups.get(group);
    if (members?.delete(key)) members.add(key);
  }

  /** It has ended. */
  delete(key: Key): void {
    const group = this.#groupOf.get(key);
    if (group === undefined) return;
    this.#groupOf.delete(key);
    const members = this.#groups.get(group);
    members?.delete(key);
    if (members?.size === 0) this.#groups.delete(group);
  }
}
