/** What the owner of a server supplies, and what the server says of a peer. */
import type { KeyObject } from 'node:crypto';

/** What a side shows of itself, and its private key. The key is on a curve of named-groups.ts. */
export interface OwnCertificate {
  /** X.509 as DER, one's own first. Absent: only the raw public key is shown (RFC 7250). */
  readonly chain?: readonly Uint8Array[];
  readonly key: KeyObject;
}

export interface ServerCertificate extends OwnCertificate {
  /**
   * Names that it is for, as clients ask for them (server_name, RFC 6066 §3); `*.` in front stands for one label.
   * Absent: it is for clients whose name no other certificate is for.
   */
  readonly serverNames?: readonly string[];
}

/** What a peer shows of itself: a chain of X.509 as DER, its own first, or a SubjectPublicKeyInfo. */
export type ShownCertificate =
  | { readonly type: 'certificate'; readonly chain: readonly Uint8Array[] }
  | { readonly type: 'rawPublicKey'; readonly spki: Uint8Array };

/** Whether clients are to show a certificate or a raw public key, and whom we take. */
export interface ClientAuthentication {
  /** `optional`: a client that shows nothing stays anonymous; one that shows what is not taken is refused. */
  readonly mode: 'none' | 'optional' | 'required';
  /** What clients may show; both where it is absent. */
  readonly accepts?: readonly ShownCertificate['type'][];
  /**
   * The name under which the owner knows whom this belongs to. Throws where it is not to be trusted: a HandshakeError
   * has its alert sent, any other error certificate_unknown. That the client has the private key is not yet known.
   */
  check(shown: ShownCertificate): string;
}

export interface DtlsCredentials {
  /**
   * The pre-shared keys of an identity, the likeliest first: several while one takes the place of another, none where
   * it is unknown. Absent: no PSK suites.
   */
  psk?(identity: Uint8Array): readonly Uint8Array[];
  /** Told when a client has proved to have this one of its identity's keys. */
  pskUsed?(identity: string, key: Uint8Array): void;
  /** Told to clients, so that they choose among their identities (RFC 4279 §5.2). */
  readonly pskHint?: string;
  /** In the order of preference. Absent or empty: no suites with a certificate. */
  readonly certificates?: readonly ServerCertificate[];
  /** Absent: none. With PSK suites the key is the client's authentication. */
  readonly clientAuthentication?: ClientAuthentication;
}

/** Who a peer proved to be. `identity` is the owner's name for it. */
export type PeerCredential =
  | { readonly type: 'psk'; readonly identity: string }
  | {
      readonly type: 'certificate';
      readonly identity: string;
      /** Of its own certificate, as node:crypto writes it. */
      readonly subject: string;
      /** SHA-256 of its own certificate, in hex. */
      readonly fingerprint: string;
    }
  | {
      readonly type: 'rawPublicKey';
      readonly identity: string;
      /** SubjectPublicKeyInfo as DER. */
      readonly spki: Uint8Array;
    }
  | { readonly type: 'anonymous' };

/** What a client of ECDHE_ECDSA has besides the means to tell whether a server is the right one. */
interface CertificateClient {
  /** Sent as server_name (RFC 6066 §3). */
  readonly serverName?: string;
  /** Shown where the server asks. Absent: the client stays anonymous. */
  readonly own?: OwnCertificate;
}

/** What a client has: a key of its own, or only the means to tell whether a server is the right one. */
export type ClientCredential =
  | { readonly type: 'psk'; readonly identity: string; readonly key: Uint8Array }
  | (CertificateClient & {
      readonly type: 'certificate';
      /** Throws where the server's chain (X.509 as DER, its own first) is not to be trusted. */
      trust(chain: readonly Uint8Array[]): void;
    })
  | (CertificateClient & {
      readonly type: 'rawPublicKey';
      /** Throws where the server's SubjectPublicKeyInfo (DER) is not to be trusted. */
      trust(spki: Uint8Array): void;
    });
