/**
 * Which devices have shown that they are at the address they write from: by their handshake, and with a connection ID
 * (RFC 9146 section 6), where their address changes without one, by Echo (RFC 9175 section 2.4). An answer goes to
 * nobody who did not ask for it. Off unless `coap.proveAddress` is set; docs/decisions.md says why.
 */
import { type Address, addressText } from './base/address.ts';
import { BoundedMap } from './base/bounded-map.ts';
import type { Clock } from './base/clock.ts';
import type { Freshness } from './coap/echo.ts';
import type { CoapPeer } from './coap/request.ts';

/** Connections whose address is remembered, and for how long after it was shown, in milliseconds. */
const bounds = { ceiling: 250_000, lifetime: 7 * 24 * 3600 * 1000 };

export class AddressProofs<P extends CoapPeer & { readonly address: Address }>
  implements Freshness<P>
{
  /** By connection. */
  readonly #shown: BoundedMap<string, string>;

  constructor(clock: Clock) {
    this.#shown = new BoundedMap({ clock, ...bounds });
  }

  /** The first address that is seen of a connection is the one of its handshake, or of the time before a restart. */
  due(peer: P): boolean {
    if (this.#shown.get(peer.id) === undefined) this.proven(peer);
    return this.#shown.get(peer.id) !== addressText(peer.address);
  }

  proven({ id, address }: P): void {
    this.#shown.set(id, addressText(address));
  }
}
