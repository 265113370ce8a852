/** A DTLS connection as CoAP and what is above it see it: made for each message, so it works out only what is asked for. */
import type { CoapPeer } from './coap/request.ts';
import type { PeerCredential } from './dtls/credentials.ts';
import type { DtlsPeer } from './dtls/server.ts';
import type { PeerIdentity } from './fleet/device.ts';
import type { Caller } from './procedures/eim.ts';

export interface CoapDevice extends CoapPeer {
  readonly caller: Caller;
}

/** One that connected to us. `identity`: who it proved to be, where that has been asked for already. */
export function coapDevice(peer: DtlsPeer, identity = identityOf(peer.credential)): CoapDevice {
  return new ConnectedDevice(peer, identity);
}

/** Who a peer proved to be; undefined where it proved nothing. */
export function identityOf(credential: PeerCredential): PeerIdentity | undefined {
  return credential.type === 'anonymous'
    ? undefined
    : { kind: credential.type, name: credential.identity };
}

class ConnectedDevice implements CoapDevice {
  readonly #peer: DtlsPeer;
  readonly #identity: PeerIdentity | undefined;
  readonly id: string;
  readonly identity?: string;

  constructor(peer: DtlsPeer, identity: PeerIdentity | undefined) {
    this.#peer = peer;
    this.#identity = identity;
    this.id = peer.id;
    if (identity !== undefined) this.identity = identity.name;
  }

  get maxPayload(): number {
    return this.#peer.maxPayload;
  }

  get allowance(): number {
    return this.#peer.allowance;
  }

  get caller(): Caller {
    const { id: peerId, handle: connection } = this.#peer;
    const identity = this.#identity;
    return identity === undefined ? { peerId, connection } : { peerId, connection, identity };
  }

  send(message: Uint8Array): void {
    this.#peer.send(message);
  }
}
