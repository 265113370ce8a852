/** What the owner of a server supplies, and what the server says of a peer. */
import type { KeyObject } from 'node:crypto';

export interface ServerCertificate {
  /** X.509 as DER, the server's own first. */
  readonly chain: readonly Uint8Array[];
  /** The private key of the first, on P-256. */
  readonly key: KeyObject;
}

export interface DtlsCredentials {
  /** The pre-shared key of an identity, undefined for one unknown. Absent: no PSK suites. */
  psk?(identity: Uint8Array): Uint8Array | undefined;
  /** Told to clients, so that they choose among their identities (RFC 4279 §5.2). */
  readonly pskHint?: string;
  /** Absent: no suites with a certificate. */
  readonly certificate?: ServerCertificate;
}

/** Who a peer proved to be. */
export type PeerCredential =
  | { readonly type: 'psk'; readonly identity: string }
  | { readonly type: 'anonymous' };

/** What a client has: a key of its own, or only the means to tell whether a server is the right one. */
export type ClientCredential =
  | { readonly type: 'psk'; readonly identity: string; readonly key: Uint8Array }
  | {
      readonly type: 'certificate';
      /** Throws where the server's chain (X.509 as DER, its own first) is not to be trusted. */
      trust(chain: readonly Uint8Array[]): void;
      /** Sent as server_name (RFC 6066 §3). */
      readonly serverName?: string;
    };
