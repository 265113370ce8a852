/** A download order and the profile it is for: its states and the only steps between them (SGP.22 3.1.6). */
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
  | { readonly at: 'released' }
  /** A package was bound and handed out. */
  | { readonly at: 'downloaded' }
  | { readonly at: 'installed' }
  /** Installed once, deleted since. */
  | { readonly at: 'unavailable' }
  | { readonly at: 'error'; readonly failure: OrderFailure };

export type OrderEvent =
  | { readonly type: 'bound' | 'installed' | 'deleted' }
  | { readonly type: 'failed'; readonly failure: OrderFailure };

/** CancelSessionReason (SGP.22 5.7.14): these two leave the order open for another try. */
const retryable: readonly number[] = [1, 2];

/** The next state. What a late or repeated notification asks for and cannot be leaves the state as it is. */
export function step(state: OrderState, event: OrderEvent): OrderState {
  const open = state.at === 'released' || state.at === 'downloaded';
  switch (event.type) {
    case 'bound':
      return open ? { at: 'downloaded' } : state;
    case 'installed':
      // The eUICC has it, whatever came between: a cancellation, the end of the order's time.
      return state.at === 'unavailable' ? state : { at: 'installed' };
    case 'deleted':
      return state.at === 'installed' ? { at: 'unavailable' } : state;
    case 'failed': {
      const { failure } = event;
      if (!open || (failure.cause === 'cancelled' && retryable.includes(failure.reason))) {
        return state;
      }
      return { at: 'error', failure };
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
  /** Empty for an order that its EID finds (default SM-DP+). */
  readonly matchingId: string;
  readonly iccid: Iccid;
  /** Unprotected profile package. */
  readonly upp: Uint8Array;
  /** StoreMetadataRequest `BF25…`. */
  readonly storeMetadata: Uint8Array;
  readonly protection: 'ppk' | 'session';
  /** May be downloaded over and over, to any eUICC: for development. */
  readonly reusable: boolean;
  /** SHA-256 of the confirmation code. */
  readonly confirmationCodeHash?: Uint8Array;
  /** Milliseconds since 1970, from when on it is too late. */
  readonly expires?: number;
  /** The EID that it is for: ordered so, or that of the first download. */
  eid?: Eid;
  state: OrderState;
  /** Packages handed out. */
  attempts: number;
  wrongConfirmationCodes: number;
  binding?: Binding;
}

/** Takes an order to its next state; once its end is known, the one-time keys are forgotten. */
export function settle(order: ProfileOrder, event: OrderEvent): void {
  const next = step(order.state, event);
  const again = order.reusable && (event.type !== 'failed' || event.failure.cause !== 'expired');
  if (!again) order.state = next;
  if (next.at !== 'released' && next.at !== 'downloaded') delete order.binding;
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

/** All orders of an SM-DP+. */
export class OrderBook {
  readonly #orders: ProfileOrder[] = [];

  /** Throws where another order has the matchingId (none: where its EID has such an order). */
  add(order: ProfileOrder): void {
    if (this.find(order.matchingId, order.eid) !== undefined) {
      throw new Error(`there is an order for matchingId "${order.matchingId}" already`);
    }
    this.#orders.push(order);
  }

  /** By matchingId; by EID where that is empty. */
  find(matchingId: string, eid: Eid | undefined): ProfileOrder | undefined {
    return this.#orders.find(
      (order) =>
        order.matchingId === matchingId &&
        (matchingId !== '' || (eid !== undefined && order.eid === eid)),
    );
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
