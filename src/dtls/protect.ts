/** Which protection goes with which cipher. */
import { AeadProtection } from './aead.ts';
import { CbcProtection } from './cbc.ts';
import type { Ccm } from './ccm.ts';
import { CcmProtection } from './ccm-protection.ts';
import type { EpochKeys } from './key-schedule.ts';
import type { RecordProtection } from './record-protection.ts';

/** How `side` protects the records that it sends: CCM with ours, where that is given, all else with node:crypto. */
export function protect(keys: EpochKeys, side: 'client' | 'server', ccm?: Ccm): RecordProtection {
  const { cipher } = keys.suite;
  switch (cipher.algorithm) {
    case 'aes-128-cbc':
      return new CbcProtection(cipher, keys[side], keys.encryptThenMac);
    case 'aes-128-ccm':
    case 'aes-256-ccm':
      return ccm === undefined
        ? new AeadProtection(cipher, keys[side])
        : new CcmProtection(ccm, cipher, keys, side);
    default:
      return new AeadProtection(cipher, keys[side]);
  }
}
