/** What the operator's side is given. */
import type { Address } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Random } from '../base/random.ts';
import type { Devices } from '../fleet/devices.ts';
import type { Euiccs } from '../fleet/euiccs.ts';
import type { Quirks } from '../fleet/quirks.ts';
import type { Eid } from '../messages/ids.ts';
import type { Orders } from '../orders/orders.ts';
import type { Store } from '../store/store.ts';

/** trustedPublicKeyDataTls (SGP.32 2.11.1.1.1): the certificate, or its bare key. */
export type TlsTrust = 'certificate' | 'key';

/** The eIM itself, as the info page and /v1/info show it. */
export interface Info {
  readonly version: string;
  readonly hostname: string;
  /** Milliseconds since 1970. */
  readonly started: number;
  readonly eimId: string;
  readonly eimFqdn?: string;
  /** Where devices are listened for; the port really bound. */
  readonly coaps: { readonly host: string; readonly port: number };
  /** The same over HTTPS, where that is enabled; without TLS it is plain HTTP. */
  readonly https?: { readonly host: string; readonly port: number; readonly tls: boolean };
  /** EimConfigurationData (SGP.32 2.11.1.1.1), `30…`. */
  readonly eimConfigurationData: Uint8Array;
  /** AddInitialEimRequest (SGP.32 5.9.4), `BF57…`. */
  readonly addInitialEimRequest: Uint8Array;
  /** PEM: the certificate that eUICC Packages are verified with, or the bare public key. */
  readonly eimCertificate: string;
  /** PEM: the DTLS server certificate, leaf first. */
  readonly tlsCertificate: string;
  /** PEM, one each: the CI roots that eUICC chains lead to. */
  readonly rootCiCertificates: readonly string[];
  /** Of EimConfigurationData. */
  readonly counterValue: number;
  /** The default for new eUICCs. */
  readonly consumerEuicc: boolean;
  /** What was dropped since the start, by reason. */
  readonly drops: Readonly<Record<string, number>>;
  /** What is switched off that keeps others out, for people. */
  readonly warnings: readonly string[];
}

/** A DTLS connection, as operators see it. Times in milliseconds since 1970, octets in hex. */
export interface PeerConnection {
  readonly id: string;
  readonly state: 'awake' | 'asleep';
  readonly address: Address;
  readonly credential:
    | { readonly type: 'anonymous' }
    | { readonly type: 'psk' | 'certificate' | 'rawPublicKey'; readonly identity: string };
  readonly suite: string;
  readonly cid?: string;
  readonly peerCid?: string;
  readonly began: number;
  readonly lastContact: number;
  readonly moves: number;
  readonly datagramsIn: number;
  readonly datagramsOut: number;
  readonly octetsIn: number;
  readonly octetsOut: number;
  readonly drops: Readonly<Record<string, number>>;
}

/** The DTLS connections in memory. */
export interface PeerConnections {
  readonly holds: {
    readonly handshakes: number;
    readonly awake: number;
    readonly asleep: number;
    readonly sessions: number;
  };
  connections(): Iterable<PeerConnection>;
  connection(id: string): PeerConnection | undefined;
  /** Ends those that match; gives how many. */
  end(match: (connection: { readonly id: string }) => boolean): number;
}

/** A notification of a eUICC that its SM-DP+ does not have yet. Times in milliseconds since 1970. */
export interface Notification {
  /** `<eid>-<seqNumber>-<address>`. */
  readonly id: string;
  readonly eid: Eid;
  readonly seqNumber: number;
  /** As the standard names it: `notificationEnable`. */
  readonly operation: string;
  /** As in EF.ICCID, hex. */
  readonly iccid?: string;
  /** Where it is taken. */
  readonly address: string;
  /** Where the eUICC says that it belongs. */
  readonly announcedAddress: string;
  readonly state: 'waiting' | 'refused';
  readonly received: number;
  readonly tries: number;
  readonly lastTry?: number;
  readonly nextTry?: number;
  /** What came of the last try. */
  readonly reason?: string;
  /** `BF37…` or `30…`. */
  readonly pendingNotification: Uint8Array;
}

/** The notifications that are kept. */
export interface Notifications {
  list(filter: {
    readonly eid?: Eid;
    readonly state?: 'waiting' | 'refused';
    readonly after?: string;
    readonly limit: number;
  }): Promise<readonly Notification[]>;
  get(id: string): Promise<Notification | undefined>;
  /** Takes it to its SM-DP+ now; gives what is left of it then, nothing where it was delivered. */
  retry(id: string): Promise<Notification | undefined>;
  /** Takes it out undelivered; false where there is none. */
  drop(id: string): Promise<boolean>;
}

/** The eIM as a process. */
export interface RunningEim {
  /** Whether it can work; each check is `ok`, or says what is wrong. */
  readiness(): Promise<{
    readonly ready: boolean;
    readonly checks: { readonly store: string; readonly coaps: string; readonly stopping: string };
  }>;
  /** Reads certificates, trust and the like again; says what came of it. */
  reload(): Promise<{
    /** Milliseconds since 1970. */
    readonly at: number;
    readonly applied: readonly string[];
    readonly kept: readonly { readonly part: string; readonly why: string }[];
    readonly restart: readonly string[];
  }>;
}

export interface Desk {
  readonly orders: Pick<
    Orders,
    'submit' | 'get' | 'placed' | 'list' | 'finish' | 'cancel' | 'delete' | 'onChange' | 'events'
  >;
  /** Tokens and keys of requests are kept there. */
  readonly store: Store;
  readonly euiccs: Pick<Euiccs, 'get' | 'list' | 'ensure' | 'update' | 'takeBack'>;
  readonly quirks: Pick<Quirks, 'of' | 'ofEums'>;
  readonly devices: Pick<
    Devices,
    'add' | 'addAll' | 'get' | 'list' | 'remove' | 'revoke' | 'rotate' | 'setAddress'
  >;
  readonly dtls: PeerConnections;
  readonly notifications: Notifications;
  readonly running: RunningEim;
  /** What GET /metrics tells; the DTLS side is added to it. */
  readonly metrics: Metrics;
  /** Most octets of an eUICC Package, `BF51…`. */
  readonly packageLimit: number;
  /** The keys that this eIM signs with (SubjectPublicKeyInfo, DER). */
  readonly signingKeys: readonly Uint8Array[];
  /**
   * @param trust what eUICCs are to trust of the DTLS server; absent: as configured
   * @param change what else a eUICC is to be told otherwise than by default
   */
  info(
    trust?: TlsTrust,
    change?: {
      readonly counterValue?: number;
      readonly associationToken?: 'none' | 'generate';
      readonly euiccCiPKId?: Uint8Array;
    },
  ): Info;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}
