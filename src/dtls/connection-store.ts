/** Where connections live on over a restart: what the owner of a server supplies. */

/** A connection or session at rest: its octets are encrypted, and only the server that wrote them reads them. */
export interface Kept {
  readonly key: Uint8Array;
  readonly octets: Uint8Array;
}

export interface ConnectionStore {
  /**
   * Keeps and deletes, all or nothing, in the order of calls. When it resolves a kill -9 does not undo it, nor does a power
   * cut what is to be `lasting`.
   */
  save(kept: readonly Kept[], gone: readonly Uint8Array[], lasting: boolean): Promise<void>;
  load(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Up to `limit` entries behind the key `after`, in the order of keys. */
  list(after: Uint8Array | undefined, limit: number): Promise<readonly Kept[]>;
}
