/**
 * An order: what the operator asked for one EID, and how far it got. `step` is the only way it changes; effects
 * (storing, sending) are the caller's.
 *
 * ```
 *   new ──fetched──▶ work ──finished, overdue──▶ done
 *    │                │ ▲                         ▲
 *    │                └─┘ delivered again,        │
 *    │                    rebuilt                 │
 *    └────── finished, cancelled, overdue ────────┘
 * ```
 *
 * What is done never changes again, but for a last line in its history.
 */
import type { NotificationEvent } from '../messages/basic.ts';
import type { Eid } from '../messages/ids.ts';
import type { Infer } from '../messages/schema.ts';

/** The facilities of the drop-in REST API. */
export const facilities = ['download', 'psmo', 'eco', 'edr', 'euicc'] as const;
export type DropInFacility = (typeof facilities)[number];
/** An order belongs to one; `whole`: it is of several stages, one after the other, and /v1 alone knows it. */
export type Facility = DropInFacility | 'whole';

/** An order's request in JSON, exactly as it was posted (member `order`); its shape is checked in rest/api/. */
export type OrderRequest =
  | { readonly download: DownloadRequest }
  | { readonly psmo: readonly PsmoRequest[] }
  | { readonly eco: readonly EcoRequest[] }
  | { readonly edr: EdrRequest }
  | { readonly euicc: unknown }
  | { readonly whole: readonly StageRequest[] };

/** A stage of a whole order: what travels in one eIM package. */
export type StageRequest =
  | { readonly download: DownloadRequest }
  | { readonly psmo: readonly PsmoRequest[] }
  | { readonly eco: readonly EcoRequest[] }
  | { readonly edr: EdrRequest }
  /** Enables the profile that the download before it installed. */
  | { readonly enableInstalled: { readonly rollback?: boolean } }
  | { readonly confirm: ConfirmRequest };

/** The device is to come back, and to prove it by its eUICC's own word. */
export interface ConfirmRequest {
  /** In how many polls at the most. */
  readonly polls: number;
  /** Within how many milliseconds from when the stage before it was done. */
  readonly within: number;
}

/** Where the profile is (SGP.32 2.11.1.3), and how it comes to the device. */
export type DownloadRequest = DownloadSource & {
  /** What is kept of the confirmation code: never the code in clear. */
  readonly confirmationCode?: string;
  /** Whether the eIM is to relay, or the device to go to the servers itself; absent: as the IPA can. */
  readonly mode?: 'indirect' | 'direct';
};

export type DownloadSource =
  /** SGP.22 4.1, without `LPA:`. */
  | { readonly activationCode: string }
  /** The SM-DP+ whose address the eUICC holds. */
  | { readonly defaultSmdp: true }
  /** An SM-DS, host or host:port; without an address the eUICC's root SM-DS. */
  | { readonly smds: { readonly address?: string; readonly eventId?: string } };

type NotificationEventName = Infer<typeof NotificationEvent>[number];

/** An operation without parameters. */
type Nothing = Readonly<Record<string, never>>;
/** ICCIDs are nibble-swapped hex, as in EF.ICCID. */
type OneProfile = { readonly iccid: string };

/** One PSMO (SGP.32 2.11.1.1), in the words of the standard. */
export type PsmoRequest =
  | { readonly enable: OneProfile & { readonly rollback?: boolean } }
  | { readonly disable: OneProfile }
  | { readonly delete: OneProfile }
  | {
      readonly listProfileInfo: {
        readonly searchCriteria?:
          | { readonly iccid: string }
          | { readonly isdpAid: string }
          | { readonly profileClass: number };
        /** Hex. */
        readonly tagList?: string;
      };
    }
  | { readonly getRAT: Nothing }
  | {
      /** Without the flag, immediate enabling is switched off. */
      readonly configureImmediateEnable: {
        readonly immediateEnableFlag?: boolean;
        readonly defaultSmdpOid?: string;
        readonly defaultSmdpAddress?: string;
      };
    }
  | {
      /** The same as SGP.32 v1.0 calls it, and the drop-in API still does. */
      readonly configureAutoEnable: {
        readonly autoEnableFlag?: boolean;
        readonly smdpOid?: string;
        readonly smdpAddress?: string;
      };
    }
  | { readonly setFallbackAttribute: OneProfile }
  | { readonly unsetFallbackAttribute: Nothing }
  | { readonly setDefaultDpAddress: { readonly defaultDpAddress: string } };

/** One eCO (SGP.32 2.11.1.1.1); an EimConfigurationData is its DER, `30…`, in hex. */
export type EcoRequest =
  | { readonly addEim: { readonly eimConfigurationData: string } }
  | { readonly updateEim: { readonly eimConfigurationData: string } }
  | { readonly deleteEim: { readonly eimId: string } }
  | { readonly listEim: Nothing };

/** IpaEuiccDataRequest (SGP.32 2.11.1.2). */
export interface EdrRequest {
  /** Tags of IpaEuiccData, one after the other, in hex. */
  readonly tagList: string;
  /** SubjectKeyIdentifier of the CI whose certificates are wanted, or its first octets, in hex. */
  readonly euiccCiPKId?: string;
  readonly searchCriteriaNotification?:
    | { readonly seqNumber: number }
    | { readonly profileManagementOperation: readonly NotificationEventName[] };
  readonly searchCriteriaEuiccPackageResult?: { readonly seqNumber: number };
}

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
  /** The package before, which the eUICC took for a replay. */
  readonly former?: { readonly eimTransactionId: Uint8Array; readonly counterValue: number };
}

export type OrderState =
  | { readonly at: 'new' }
  | { readonly at: 'work'; readonly dispatch: Dispatch }
  | {
      readonly at: 'done';
      readonly success: boolean;
      /** It rests on what no signature proves. */
      readonly unproven?: true;
      readonly outcome: readonly Outcome[];
      /** For people: why it ended so, with the other side's own words where there are any. */
      readonly reason: string;
      /** What had left for the device, where anything had. */
      readonly dispatch?: Dispatch;
    };

/** A line of an order's history; `detail` is for people and holds no secret. */
export interface HistoryEntry {
  readonly at: number;
  readonly event: string;
  readonly detail?: string;
}

/** How far a stage of a whole order got. */
export interface StageProgress {
  readonly state: OrderState;
  /** Milliseconds since 1970: when its turn came, absent before; when `state.at` last changed. */
  readonly began?: number;
  readonly changed: number;
}

export interface Order {
  /** UUID v4; that of a stage (whole.ts): the order's, a dot and its number. */
  readonly id: string;
  readonly eid: Eid;
  readonly facility: Facility;
  readonly request: OrderRequest;
  /** To be brought to the device (package injection, SGP.32 3.1.1.2), rather than wait for its poll alone. */
  readonly push?: boolean;
  /** It is the eIM's own question, and why it asks; absent where the operator ordered. */
  readonly byEim?: string;
  readonly state: OrderState;
  /** Of a whole order, one for each entry of its request. */
  readonly stages?: readonly StageProgress[];
  /** How often its package is handed out at the most, where the order says so. */
  readonly mostDeliveries?: number;
  /** Milliseconds since 1970: when it was submitted, when `state.at` (of a stage, if it has some) last changed. */
  readonly submitted: number;
  readonly changed: number;
  readonly history: readonly HistoryEntry[];
}

/**
 * How an order can be late: `new` for longer than noShow, or `work` for longer than stuck (see OrderSettings); in a
 * confirmation, for longer than that may take (see whole.ts).
 */
export type Deadline = 'no-show' | 'stuck' | 'unconfirmed';

export type OrderEvent =
  | { readonly type: 'fetched'; readonly dispatch: Dispatch }
  | { readonly type: 'delivered again' }
  /** Nothing came of the package, and another leaves in its place. */
  | { readonly type: 'rebuilt'; readonly dispatch: Dispatch; readonly reason: string }
  /** What the device still says of an order that has ended. */
  | { readonly type: 'told late'; readonly reason: string }
  | {
      readonly type: 'finished';
      readonly success: boolean;
      readonly unproven?: boolean;
      readonly outcome: readonly Outcome[];
      readonly reason: string;
    }
  | { readonly type: 'cancelled'; readonly reason: string }
  | { readonly type: 'overdue'; readonly deadline: Deadline; readonly reason: string }
  | { readonly type: 'noted'; readonly event: string; readonly detail?: string };

/** An event that cannot be in this state: our bug, or the loser of a race (see Orders). */
export class TransitionError extends Error {
  override readonly name = 'TransitionError';

  constructor(state: OrderState, event: OrderEvent) {
    super(`an order that is ${state.at} cannot be ${eventText(event)}`);
  }
}

/** The only way an order's state changes; `now` in milliseconds since 1970. Throws TransitionError. */
export function step(state: OrderState, event: OrderEvent, now: number): OrderState {
  switch (state.at) {
    case 'new':
      switch (event.type) {
        case 'fetched':
          return { at: 'work', dispatch: event.dispatch };
        case 'finished':
          return finished(event);
        case 'cancelled':
          return failed('abortedOrder', event.reason);
        case 'overdue':
          if (event.deadline === 'no-show') return failed('noshowOrder', event.reason);
          break;
        case 'noted':
          return state;
      }
      break;
    case 'work':
      switch (event.type) {
        case 'delivered again': {
          const { dispatch } = state;
          return {
            at: 'work',
            dispatch: { ...dispatch, last: now, deliveries: dispatch.deliveries + 1 },
          };
        }
        case 'rebuilt':
          return { at: 'work', dispatch: event.dispatch };
        case 'finished':
          return finished(event, state.dispatch);
        case 'cancelled':
          return failed('abortedOrder', event.reason, state.dispatch);
        case 'overdue':
          if (event.deadline === 'stuck') {
            return failed('stuckOrder', event.reason, state.dispatch);
          }
          break;
        case 'noted':
          return state;
      }
      break;
    case 'done':
      if (event.type === 'told late') return state;
      break;
  }
  throw new TransitionError(state, event);
}

function finished(
  { success, unproven = false, outcome, reason }: Extract<OrderEvent, { type: 'finished' }>,
  dispatch?: Dispatch,
): OrderState {
  return {
    at: 'done',
    success,
    ...(unproven ? { unproven } : {}),
    outcome,
    reason,
    ...(dispatch && { dispatch }),
  };
}

/** Ended by the eIM itself: the outcome is the REST API's word for it. */
function failed(
  procedureError: 'abortedOrder' | 'noshowOrder' | 'stuckOrder',
  reason: string,
  dispatch?: Dispatch,
): OrderState {
  return {
    at: 'done',
    success: false,
    outcome: [{ procedureError }],
    reason,
    ...(dispatch && { dispatch }),
  };
}

/** Lines of history kept: the first, then the newest. */
export const longestHistory = 64;
/** Characters of a history line's detail; the rest is cut off. */
const longestDetail = 1000;

/** The order after the event: its state stepped, the event in its history. Throws TransitionError. */
export function apply(order: Order, event: OrderEvent, now: number): Order {
  const state = step(order.state, event, now);
  return {
    ...order,
    state,
    changed: state.at === order.state.at ? order.changed : now,
    history: withLine(order.history, historyLine(order.state, event, now)),
  };
}

/** The history with one line more: the first stays, and the newest. */
export function withLine(
  history: readonly HistoryEntry[],
  line: HistoryEntry,
): readonly HistoryEntry[] {
  const whole = [...history, line];
  if (whole.length <= longestHistory) return whole;
  return [...whole.slice(0, 1), ...whole.slice(1 - longestHistory)];
}

/** The line that tells of an event. */
export function historyLine(before: OrderState, event: OrderEvent, now: number): HistoryEntry {
  const name = event.type === 'noted' ? event.event : eventText(event);
  const detail = detailOf(before, event);
  return { at: now, event: name, ...(detail === undefined ? {} : { detail: cut(detail) }) };
}

function detailOf(before: OrderState, event: OrderEvent): string | undefined {
  switch (event.type) {
    case 'fetched': {
      const { counterValue } = event.dispatch;
      return counterValue === undefined ? undefined : `counterValue ${counterValue}`;
    }
    case 'delivered again':
      return undefined;
    case 'rebuilt':
      return `counterValue ${event.dispatch.counterValue}: ${event.reason}`;
    case 'noted':
      return event.detail;
    case 'cancelled':
      if (before.at !== 'work') return event.reason;
      return `${event.reason}; the device has it already and may still execute it`;
    case 'finished':
    case 'overdue':
    case 'told late':
      return event.reason;
  }
}

function eventText(event: OrderEvent): string {
  return event.type === 'overdue' ? event.deadline : event.type;
}

function cut(text: string): string {
  return text.length <= longestDetail ? text : `${text.slice(0, longestDetail)}…`;
}
