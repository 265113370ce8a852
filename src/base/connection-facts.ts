/** A DTLS connection as it is shown to operators: what the room that has it and the one that shows it agree on. */
import type { Address } from './address.ts';

/** Times in milliseconds since 1970, octets in hex. */
export interface ConnectionFacts {
  readonly id: string;
  readonly state: 'awake' | 'asleep';
  readonly address: Address;
  /** Who the peer proved to be. */
  readonly credential:
    | { readonly type: 'anonymous' }
    | { readonly type: 'psk' | 'certificate' | 'rawPublicKey'; readonly identity: string };
  readonly suite: string;
  /** Our connection ID, and the peer's; absent where there is none. */
  readonly cid?: string;
  readonly peerCid?: string;
  readonly began: number;
  readonly lastContact: number;
  /** How often its address changed. */
  readonly moves: number;
  readonly datagramsIn: number;
  readonly datagramsOut: number;
  readonly octetsIn: number;
  readonly octetsOut: number;
  /** Records dropped, by reason. */
  readonly drops: Readonly<Record<string, number>>;
}
