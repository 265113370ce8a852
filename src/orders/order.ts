/**
 * An order: what the operator asked for one EID, and how far it got. `step` is the only way it changes; effects
 * (storing, sending) are the caller's.
 *
 * ```
 *   new ──fetched──▶ work ──finished──▶ done
 *    │                │ ▲                 ▲
 *    │                └─┘ delivered again │
 *    └───────── cancelled, expired ───────┘
 * ```
 */
import type { Eid } from '../messages/ids.ts';

/** The facilities of the REST API; an order belongs to one. */
export const facilities = ['download', 'psmo', 'eco', 'edr', 'euicc'] as const;
export type Facility = (typeof facilities)[number];

/** An order's request in JSON, exactly as it was posted (member `order`); its shape is checked in rest/api.ts. */
export type OrderRequest =
  | { readonly download: DownloadRequest }
  | { readonly psmo: readonly PsmoRequest[] }
  | { readonly eco: readonly EcoRequest[] }
  | { readonly edr: { readonly tagList: string } }
  | { readonly euicc: unknown };

export interface DownloadRequest {
  /** SGP.22 4.1, without `LPA:`. */
  readonly activationCode: string;
}

/** ICCIDs are nibble-swapped hex, as in EF.ICCID. */
export type PsmoRequest =
  | { readonly enable: { readonly iccid: string; readonly rollback?: boolean } }
  | { readonly disable: { readonly iccid: string } }
  | { readonly delete: { readonly iccid: string } }
  | {
      readonly listProfileInfo: {
        readonly searchCriteria?:
          | { readonly iccid: string }
          | { readonly isdpAid: string }
          | { readonly profileClass: number };
        readonly tagList?: string;
      };
    };

/** Not built yet; kept as posted. */
export type EcoRequest = Readonly<Record<string, unknown>>;

/** One entry for each operation, in the words of the REST API: `{ enableResult: 'ok' }`. */
export type Outcome = Readonly<Record<string, unknown>>;

/** What left for the device, kept so that the same bytes can leave again. */
export interface Dispatch {
  /** The eIM package's own eimTransactionId. */
  readonly eimTransactionId: Uint8Array;
  /** The eIM package as sent: `BF51…`, `BF52…` or `BF54…`. */
  readonly eimPackage: Uint8Array;
  /** counterValue of an eUICC Package. */
  readonly counterValue?: number;
  /** When it first left, and when last; milliseconds since 1970. */
  readonly first: number;
  readonly last: number;
  readonly deliveries: number;
}

export type OrderState =
  | { readonly at: 'new' }
  | { readonly at: 'work'; readonly dispatch: Dispatch }
  | {
      readonly at: 'done';
      readonly success: boolean;
      readonly outcome: readonly Outcome[];
      /** For people: why it ended so, with the other side's own words where there are any. */
      readonly reason: string;
    };

/** A line of an order's history; `detail` is for people and holds no secret. */
export interface HistoryEntry {
  readonly at: number;
  readonly event: string;
  readonly detail?: string;
}

export interface Order {
  /** UUID v4. */
  readonly id: string;
  readonly eid: Eid;
  readonly facility: Facility;
  readonly request: OrderRequest;
  readonly state: OrderState;
  /** Milliseconds since 1970: when it was submitted, when its state last changed. */
  readonly submitted: number;
  readonly changed: number;
  readonly history: readonly HistoryEntry[];
}

export type OrderEvent =
  | { readonly type: 'fetched'; readonly dispatch: Dispatch }
  | { readonly type: 'delivered again' }
  | {
      readonly type: 'finished';
      readonly success: boolean;
      readonly outcome: readonly Outcome[];
      readonly reason: string;
    }
  | { readonly type: 'cancelled'; readonly reason: string }
  | { readonly type: 'noted'; readonly event: string; readonly detail?: string };
