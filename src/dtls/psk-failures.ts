/**
 * Says which device cannot connect with its PSK, and what to do about it. The device itself hears nothing: strangers
 * would learn which identities there are.
 */
import { type Address, addressText } from '../base/address.ts';
import { BoundedMap } from '../base/bounded-map.ts';
import { BytesError, fromUtf8, toHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { PacedLog } from './paced-log.ts';

/** What a handshake said of itself: a PSK identity, and whether there is a key for it. */
export interface PskClaim {
  readonly identity: Uint8Array;
  readonly known: boolean;
}

export interface PskFailuresOptions {
  readonly clock: Clock;
  readonly log: PacedLog;
}

/** A device that tries again and again is told of so often, in milliseconds. */
const interval = 10 * 60_000;
/** Identities told of lately, at the most. */
const mostTold = 1000;
/** Characters of an identity that are shown: it is a stranger's text. */
const mostShown = 64;

export class PskFailures {
  readonly #options: PskFailuresOptions;
  readonly #told: BoundedMap<string, number>;

  constructor(options: PskFailuresOptions) {
    const { clock } = options;
    this.#options = options;
    this.#told = new BoundedMap({ clock, ceiling: mostTold, lifetime: interval });
  }

  /** What came under the key of this identity did not open. */
  failed({ identity, known }: PskClaim, from: Address): void {
    const { clock, log } = this.#options;
    const name = toHex(identity.subarray(0, mostShown));
    const last = this.#told.get(name);
    const now = clock.now();
    if (last !== undefined && now - last < interval) return;
    this.#told.set(name, now);
    const fields = { identity: shown(identity), address: addressText(from) };
    if (known) {
      log.info('a device does not have the PSK of its identity', {
        ...fields,
        advice:
          'give the device the PSK that it was added with, or the eIM the one that it has: eim device rotate --psk',
      });
    } else {
      log.info('nobody has the PSK identity that a device names', {
        ...fields,
        advice:
          'eim device add --identity, or correct the identity in the device; or it is none of ours',
      });
    }
  }
}

/** As text where it is text that can be shown, else in hex; cut. */
function shown(identity: Uint8Array): string {
  const cut = identity.length > mostShown ? '…' : '';
  const head = identity.subarray(0, mostShown);
  try {
    const text = fromUtf8(head);
    if (/^[\p{L}\p{N}\p{P}\p{S} ]+$/u.test(text)) return `${text}${cut}`;
  } catch (error) {
    if (!(error instanceof BytesError)) throw error;
  }
  return `0x${toHex(head)}${cut}`;
}
