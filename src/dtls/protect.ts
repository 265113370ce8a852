/** Which protection goes with which cipher. */
import { AeadProtection } from './aead.ts';
import { CbcProtection } from './cbc.ts';
import type { EpochKeys } from './key-schedule.ts';
import type { RecordProtection } from './record-protection.ts';

/** How `side` protects the records that it sends. */
export function protect(keys: EpochKeys, side: 'client' | 'server'): RecordProtection {
  const { cipher } = keys.suite;
  return cipher.algorithm === 'aes-128-cbc'
    ? new CbcProtection(cipher, keys[side], keys.encryptThenMac)
    : new AeadProtection(cipher, keys[side]);
}
