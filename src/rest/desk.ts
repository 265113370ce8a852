/** What the operator's side is given. */
import type { Clock } from '../base/clock.ts';
import type { ConnectionFacts } from '../base/connection-facts.ts';
import type { IntroductionChange, TlsTrust } from '../base/introduction.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { NotificationFacts, NotificationFilter } from '../base/notification-facts.ts';
import type { Random } from '../base/random.ts';
import type { Readiness, ReloadReport } from '../base/running-facts.ts';
import type { Devices } from '../fleet/devices.ts';
import type { Euiccs } from '../fleet/euiccs.ts';
import type { Quirks } from '../fleet/quirks.ts';
import type { Eid } from '../messages/ids.ts';
import type { Orders } from '../orders/orders.ts';
import type { Store } from '../store/store.ts';

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

/** The DTLS connections in memory. */
export interface PeerConnections {
  readonly holds: {
    readonly handshakes: number;
    readonly awake: number;
    readonly asleep: number;
    readonly sessions: number;
  };
  connections(): Iterable<ConnectionFacts>;
  connection(id: string): ConnectionFacts | undefined;
  /** Ends those that match; gives how many. */
  end(match: (connection: { readonly id: string }) => boolean): number;
}

/** A notification of a eUICC that its SM-DP+ does not have yet. */
export type Notification = NotificationFacts<Eid>;

/** The notifications that are kept. */
export interface Notifications {
  list(filter: NotificationFilter<Eid>): Promise<readonly Notification[]>;
  get(id: string): Promise<Notification | undefined>;
  /** Takes it to its SM-DP+ now; gives what is left of it then, nothing where it was delivered. */
  retry(id: string): Promise<Notification | undefined>;
  /** Takes it out undelivered; false where there is none. */
  drop(id: string): Promise<boolean>;
}

/** The eIM as a process. */
export interface RunningEim {
  readiness(): Promise<Readiness>;
  /** Reads certificates, trust and the like again; says what came of it. */
  reload(): Promise<ReloadReport>;
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
  info(trust?: TlsTrust, change?: IntroductionChange): Info;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}
