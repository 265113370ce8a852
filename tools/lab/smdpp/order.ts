/** A profile and the order that it is in: its states and the only steps between them (SGP.22 3.1.6). */
import { createHash, timingSafeEqual } from 'node:crypto';
import { concat, utf8 } from '../../../src/base/bytes.ts';
import type { Eid, Iccid } from '../../../src/messages/ids.ts';
import type { BspKeys, OneTimeKey } from '../bsp/session-keys.ts';

/** Why an order ended without an installed profile. */
export type OrderFailure =
  | { readonly cause: 'expired' | 'attempts' | 'confirmationCode' }
  | { readonly cause: 'cancelled'; readonly reason: number }
  | { readonly cause: 'installation'; readonly bppCommandId: number; readonly errorReason: number };

export type OrderState =
  /** Nobody ordered it. */
  | { readonly at: 'available' }
  /** Ordered, for whichever eUICC. */
  | { readonly at: 'allocated' }
  /** Ordered for an EID. */
  | { readonly at: 'linked' }
  /** It has a matchingId, and is not to be downloaded yet. */
  | { readonly at: 'confirmed' }
  | { readonly at: 'released' }
  /** A package was bound and handed out. */
  | { readonly at: 'downloaded' }
  | { readonly at: 'installed' }
  /** Installed once and deleted since, or taken out by the operator. */
  | { readonly at: 'unavailable' }
  | { readonly at: 'error'; readonly failure: OrderFailure };

/** What eUICCs and time do to an order. */
export type OrderEvent =
  | { readonly type: 'bound' | 'installed' | 'deleted' }
  | { readonly type: 'failed'; readonly failure: OrderFailure };

/** What the operator does to it (ES2+). */
export type OperatorEvent =
  | { readonly type: 'ordered'; readonly linked: boolean }
  | { readonly type: 'confirmed'; readonly release: boolean }
  | { readonly type: 'released' }
  | { readonly type: 'withdrawn'; readonly final: 'available' | 'unavailable' };

/** CancelSessionReason (SGP.22 5.7.14): these two leave the order open for another try. */
const retryable: readonly number[] = [1, 2];

/** Whether it may be downloaded now. */
export function isOpen({ at }: OrderState): boolean {
  return at === 'released' || at === 'downloaded';
}

/** The next state. What a late or repeated notification asks for and cannot be leaves the state as it is. */
export function step(state: OrderState, event: OrderEvent): OrderState {
  switch (event.type) {
    case 'bound':
      return isOpen(state) ? { at: 'downloaded' } : state;
    case 'installed':
      // The eUICC has it, whatever came between: a cancellation, the end of the order's time.
      return state.at === 'unavailable' ? state : { at: 'installed' };
    case 'deleted':
      return state.at === 'installed' ? { at: 'unavailable' } : state;
    case 'failed': {
      const { failure } = event;
      if (!isOpen(state) || (failure.cause === 'cancelled' && retryable.includes(failure.reason))) {
        return state;
      }
      return { at: 'error', failure };
    }
  }
}

/** The next state; undefined where the operator may not do that now. */
export function operatorStep(state: OrderState, event: OperatorEvent): OrderState | undefined {
  switch (event.type) {
    case 'ordered':
      if (state.at !== 'available') return undefined;
      return { at: event.linked ? 'linked' : 'allocated' };
    case 'confirmed':
      if (state.at !== 'allocated' && state.at !== 'linked') return undefined;
      return { at: event.release ? 'released' : 'confirmed' };
    case 'released':
      return state.at === 'confirmed' ? { at: 'released' } : undefined;
    case 'withdrawn': {
      const without: readonly OrderState['at'][] = ['available', 'installed', 'unavailable'];
      return without.includes(state.at) ? undefined : { at: event.final };
    }
  }
}

/** What a package was bound with, kept until its result is there: the same otPK.EUICC gets the same keys again. */
export interface Binding {
  readonly eid: Eid;
  readonly euiccOtpk: Uint8Array;
  readonly smdpOtKey: OneTimeKey;
  readonly hostId: Uint8Array;
  readonly ppk?: BspKeys;
}

export interface ProfileOrder {
  readonly iccid: Iccid;
  /** What operators order by where they name no ICCID. */
  readonly profileType: string;
  /** Unprotected profile package. */
  readonly upp: Uint8Array;
  /** StoreMetadataRequest `BF25…`. */
  readonly storeMetadata: Uint8Array;
  readonly protection: 'ppk' | 'session';
  /** May be downloaded over and over, to any eUICC: for development. */
  readonly reusable: boolean;
  /** Absent before it is confirmed; empty for an order that its EID finds (default SM-DP+). */
  matchingId?: string;
  /** SHA-256 of the confirmation code. */
  confirmationCodeHash?: Uint8Array;
  /** Milliseconds since 1970, from when on it is too late. */
  expires?: number;
  /** The EID that it is for: ordered so, or that of the first download. */
  eid?: Eid;
  /** The SM-DS that holds its event, or will as it is released. */
  smdsAddress?: string;
  state: OrderState;
  /** Packages handed out. */
  attempts: number;
  wrongConfirmationCodes: number;
  binding?: Binding;
}

/** A profile that is as if nobody had ever ordered it. */
export function forgetOrder(order: ProfileOrder): void {
  delete order.matchingId;
  delete order.confirmationCodeHash;
  delete order.expires;
  delete order.eid;
  delete order.smdsAddress;
  delete order.binding;
  order.attempts = 0;
  order.wrongConfirmationCodes = 0;
}

export function hashOfConfirmationCode(code: string): Uint8Array {
  return sha256(utf8(code));
}

/** Whether hashCc is that of the order's code in this transaction (SGP.22 3.1.3): SHA-256(SHA-256(CC) ‖ TX). */
export function confirmationFits(
  codeHash: Uint8Array,
  transactionId: Uint8Array,
  hashCc: Uint8Array,
): boolean {
  const due = sha256(concat(codeHash, transactionId));
  return hashCc.length === due.length && timingSafeEqual(hashCc, due);
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

/** All profiles of an SM-DP+, ordered or not. */
export class OrderBook {
  readonly #orders: ProfileOrder[] = [];

  get all(): readonly ProfileOrder[] {
    return this.#orders;
  }

  /** Throws where another order has the matchingId (none: where its EID has such an order). */
  add(order: ProfileOrder): void {
    const { matchingId, eid } = order;
    if (matchingId !== undefined && this.find(matchingId, eid) !== undefined) {
      throw new Error(`there is an order for matchingId "${matchingId}" already`);
    }
    this.#orders.push(order);
  }

  /** As it was kept. */
  restore(order: ProfileOrder): void {
    this.#orders.push(order);
  }

  /**
   * By matchingId. Where that is empty, by EID: an order without a matchingId, or one whose event is at an SM-DS; one
   * that may be downloaded rather than one that ended.
   */
  find(matchingId: string, eid: Eid | undefined): ProfileOrder | undefined {
    if (matchingId !== '') return this.#orders.find((order) => order.matchingId === matchingId);
    const found = this.#orders.filter(
      (order) =>
        eid !== undefined &&
        order.eid === eid &&
        (order.matchingId === '' || order.smdsAddress !== undefined),
    );
    return found.find(({ state }) => isOpen(state)) ?? found[0];
  }

  withIccid(iccid: Iccid): ProfileOrder | undefined {
    return this.#orders.find((order) => order.iccid === iccid);
  }

  /** Those of a type, in the order of their arrival. */
  ofType(profileType: string): readonly ProfileOrder[] {
    return this.#orders.filter((order) => order.profileType === profileType);
  }

  /** The order whose profile is on this eUICC. */
  installedOn(eid: Eid, iccid: Iccid): ProfileOrder | undefined {
    return this.#orders.find(
      (order) => order.state.at === 'installed' && order.eid === eid && order.iccid === iccid,
    );
  }

  /** Whether `find` would find it, whatever the EID. */
  named(matchingId: string): ProfileOrder | undefined {
    return this.#orders.find((order) => order.matchingId === matchingId);
  }
}
