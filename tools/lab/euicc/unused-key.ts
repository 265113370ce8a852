/**
 * The one-time key pair of a download whose package never got to its end (SGP.22 3.1.3.3, 5.7.5): kept over a reset, so
 * that the SM-DP+ that bound a package to it need not bind another.
 */
import { equal, hex, toHex } from '../../../src/base/bytes.ts';
import type { CurveName } from '../../../src/trust/ec-key.ts';
import { type OneTimeKey, oneTimeKeyOf } from '../bsp/session-keys.ts';
import type { Chip } from './chip.ts';

/** The key pair that this SM-DP+ says it bound a package to; undefined where the eUICC has it no more. */
export function keptKey(
  { state: { unusedKey } }: Chip,
  due: {
    readonly smdpOid: string;
    readonly bppEuiccOtpk: Uint8Array | undefined;
    readonly curve: CurveName;
  },
): OneTimeKey | undefined {
  if (due.bppEuiccOtpk === undefined || unusedKey?.smdpOid !== due.smdpOid) return undefined;
  const key = oneTimeKeyOf(hex(unusedKey.privateKey), due.curve);
  return key !== undefined && equal(key.publicKey, due.bppEuiccOtpk) ? key : undefined;
}

/** Keeps a key pair in the place of any that was kept before. */
export function keepKey({ state }: Chip, smdpOid: string, key: OneTimeKey): void {
  state.unusedKey = { smdpOid, privateKey: toHex(key.privateKey) };
}
