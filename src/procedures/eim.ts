/** What a procedure is given: the eIM's identity, its rooms, and who is asking. */
import type { BoundedMap } from '../base/bounded-map.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Serial } from '../base/serial.ts';
import type { Es9Client } from '../es9/client.ts';
import type { Es11Client } from '../es11/client.ts';
import { type PeerIdentity, peerText } from '../fleet/device.ts';
import type { Devices } from '../fleet/devices.ts';
import type { Euiccs } from '../fleet/euiccs.ts';
import type { ProtocolLevel } from '../fleet/protocol-level.ts';
import type { Quirks } from '../fleet/quirks.ts';
import type { Eid } from '../messages/ids.ts';
import type { Orders } from '../orders/orders.ts';
import type { Change, Store } from '../store/store.ts';
import type { EimSigner } from '../trust/eim-signer.ts';
import type { Revocations } from '../trust/revocations.ts';
import type { Roots } from '../trust/roots.ts';
import type { SmdsSchedule } from './smds-schedule.ts';

/** What the procedures ask of SM-DP+s. */
export type Es9 = Pick<
  Es9Client,
  | 'initiateAuthentication'
  | 'authenticateClient'
  | 'getBoundProfilePackage'
  | 'cancelSession'
  | 'handleNotification'
>;

/** What the procedures ask of SM-DSs. */
export type Es11 = Pick<Es11Client, 'initiateAuthentication' | 'authenticateClient'>;

export interface Eim {
  /** eimId of EimConfigurationData (SGP.32 2.11.1). */
  readonly id: string;
  readonly store: Store;
  readonly orders: Orders;
  readonly euiccs: Euiccs;
  readonly devices: Devices;
  readonly quirks: Quirks;
  readonly es9: Es9;
  readonly es11: Es11;
  /** When SM-DSs are looked at without an order; absent: never. */
  readonly smdsSchedule?: SmdsSchedule;
  readonly signer: EimSigner;
  /** Of further keys that eUICCs know this eIM by. */
  readonly otherSigners: readonly EimSigner[];
  /** CI roots that an eUICC's chain must end in. */
  readonly roots: Roots;
  /** The revocation lists of those CIs. */
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly settings: ProcedureSettings;
  /** The EID that each peer last polled for: the last resort where a message names none. */
  readonly polls: BoundedMap<string, Eid>;
  /** One procedure at a time for each EID. */
  readonly serial: Serial;
  /** Absent: nobody watches. */
  readonly timed?: Timed;
}

/** Who watches how long ESipa functions take. */
export interface Timed {
  /** Milliseconds, on a clock that nobody sets. */
  now(): number;
  /** A function, by its name, that began at that time has ended. */
  took(name: string, result: 'answered' | 'refused', began: number): void;
}

export interface ProcedureSettings {
  /**
   * What a poll for an EID without orders, record or device gets: `eidNotFound` (2, SGP.32 v1.2) or
   * `noEimPackageAvailable` (1, all that v1.0 IPAs know; some stop polling on anything else). Default eidNotFound.
   */
  readonly unknownEid: 'eidNotFound' | 'noEimPackageAvailable';
  /** How often one eIM package is handed out before its order ends as stuck. Default 16. */
  readonly maxDeliveries: number;
  /**
   * How often in 24 hours the eIM asks one eUICC of itself where its picture of it is in doubt; 0: never, the doubt is
   * shown alone. Default 8.
   */
  readonly ownQuestions: number;
  /** Whether an EID that devices are bound to may be spoken for by other peers. Default false. */
  readonly boundEidsOpen: boolean;
  /** Whether deviations from the standard (messages/quirks.ts) are refused. Default false. */
  readonly strict: boolean;
  /** How long notifications are taken to their SM-DP+ again and again, in milliseconds. */
  readonly notifications: {
    /** The wait after a first try in vain; twice as long after each further one. */
    readonly retry: number;
    /** The longest of these waits. */
    readonly retryLimit: number;
    /** From when a notification came until it is given up. */
    readonly lifetime: number;
  };
}

/** Who is asking: what the transport knows of the peer. */
export interface Caller {
  /** Of the connection; the same as long as it lives. */
  readonly peerId: string;
  /** By which the transport finds the connection again when we have something to say; absent where it cannot. */
  readonly connection?: string;
  /** Who it proved to be, and with what; absent where it proved nothing. */
  readonly identity?: PeerIdentity;
  /** The version of SGP.32 that the transport was told; absent where that tells nothing of it. */
  readonly level?: ProtocolLevel;
}

/** The caller for a log line. */
export function callerText({ identity }: Caller): string {
  return peerText(identity);
}

/**
 * Whether this caller may speak for this EID: a device bound to EIDs speaks for those alone, and an EID bound to
 * devices is spoken for by those alone (unless `boundEidsOpen`). A device that was removed or revoked speaks for none,
 * though its connection may stand.
 */
export function maySpeakFor(eim: Eim, { identity }: Caller, eid: Eid): boolean {
  const bound = identity === undefined ? none : eim.devices.boundTo(identity);
  if (bound === undefined) return false;
  if (bound.includes(eid)) return true;
  if (bound.length > 0) return false;
  return eim.settings.boundEidsOpen || !eim.devices.anyCovers(eid);
}

const none: readonly Eid[] = [];

/** An EID is known by a device that covers it, by its record (made with its first order), or by an open order. */
export async function isKnown(eim: Eim, eid: Eid): Promise<boolean> {
  return (
    eim.devices.anyCovers(eid) ||
    (await eim.euiccs.get(eid)) !== undefined ||
    (await eim.orders.next(eid)) !== undefined
  );
}

/**
 * Whether this EID's eIM packages go to this caller: the device is bound to it, or polled for it last. What is not signed
 * and names no eimTransactionId is believed of such a caller alone.
 */
export function fetchesFor(eim: Eim, { peerId, identity }: Caller, eid: Eid): boolean {
  return (
    eim.polls.get(peerId) === eid || (identity !== undefined && eim.devices.covers(identity, eid))
  );
}

/** An eIM package, and what must be durable together with it. */
export interface BuiltPackage {
  /** `BF51…`, `BF52…` or `BF54…`. */
  readonly eimPackage: Uint8Array;
  readonly counterValue?: number;
  readonly also: readonly Change[];
}
