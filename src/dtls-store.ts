/**
 * Where DTLS connections and sessions live on: a table of the store, and the key that what is in it is encrypted with.
 *
 * ```
 *   dtls!<key, hex>    a connection, a session, the keys of tickets, or notes of many connections, as src/dtls/vault.ts
 *                      seals them
 *   secret!dtls        the key of those, sealed with the key of the secrets
 * ```
 */
import { hex, toHex } from './base/bytes.ts';
import type { Random } from './base/random.ts';
import type { SecretBox } from './base/secret-box.ts';
import type { ConnectionStore } from './dtls/connection-store.ts';
import { put, remove, type Store, table } from './store/store.ts';

const connections = table<Uint8Array>('dtls');
const secrets = table<Uint8Array>('secret');
const place = 'secret!dtls';
const keyLength = 32;

export interface KeptConnections {
  readonly store: ConnectionStore;
  /** 32 octets. */
  readonly key: Uint8Array;
}

/** Finds the key, or makes it. Throws SecretError where it was sealed with another key of the secrets. */
export async function openConnectionStore(
  store: Store,
  box: SecretBox,
  random: Random,
): Promise<KeptConnections> {
  const sealed = await store.get(secrets, 'dtls');
  const key = sealed === undefined ? random(keyLength) : box.open(sealed, place);
  if (sealed === undefined || !box.isCurrent(sealed)) {
    await store.commit([put(secrets, 'dtls', box.seal(key, place))]);
  }
  return { store: connectionStore(store), key };
}

/** Deletes what is kept of connections and sessions. */
export async function forgetConnections(store: Store): Promise<void> {
  for (;;) {
    const rows = await store.list(connections, { limit: 1000 });
    if (rows.length === 0) return;
    await store.commit(rows.map(([key]) => remove(connections, key)));
  }
}

function connectionStore(store: Store): ConnectionStore {
  return {
    async save(kept, gone, lasting) {
      const changes = [
        ...kept.map(({ key, octets }) => put(connections, toHex(key), octets)),
        ...gone.map((key) => remove(connections, toHex(key))),
      ];
      await store.commit(changes, { synced: lasting });
    },
    load: (key) => store.get(connections, toHex(key)),
    async list(after, limit) {
      const options = after === undefined ? { limit } : { limit, after: toHex(after) };
      const rows = await store.list(connections, options);
      return rows.map(([key, octets]) => ({ key: hex(key), octets }));
    },
  };
}
