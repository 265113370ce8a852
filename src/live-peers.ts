/** Whose connections are live: so that those of a device end when it is revoked. */

/** What is asked of a connection. */
export interface LivePeer {
  readonly id: string;
  close(): void;
}

interface Live<Peer> {
  readonly peer: Peer;
  readonly name: string;
}

export class LivePeers<Peer extends LivePeer> {
  readonly #byId = new Map<string, Live<Peer>>();
  readonly #byName = new Map<string, Set<Live<Peer>>>();

  /** @param name of its device; absent where the peer proved nothing */
  opened(peer: Peer, name: string | undefined): void {
    if (name === undefined) return;
    this.closed(peer);
    const live = { peer, name };
    this.#byId.set(peer.id, live);
    const same = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, same.add(live));
  }

  closed({ id }: Peer): void {
    const live = this.#byId.get(id);
    if (live === undefined) return;
    this.#byId.delete(id);
    const { name } = live;
    const same = this.#byName.get(name);
    same?.delete(live);
    if (same?.size === 0) this.#byName.delete(name);
  }

  /** Ends every connection of this device; says how many. */
  end(name: string): number {
    const live = [...(this.#byName.get(name) ?? [])];
    for (const { peer } of live) peer.close();
    return live.length;
  }
}
