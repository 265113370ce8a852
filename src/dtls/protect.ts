/** Which protection goes with which cipher. */
import { AeadProtection } from './aead.ts';
import { CbcProtection } from './cbc.ts';
import type { EpochKeys } from './key-schedule.ts';
import type { DtlsRecord, RecordHeader } from './record.ts';
import type { RecordProtection } from './record-protection.ts';

/** How `side` protects the records that it sends. */
export function protect(keys: EpochKeys, side: 'client' | 'server'): RecordProtection {
  return new SideProtection(keys, side);
}

/** Made anew for each record: there are many connections, and most of them are silent. */
class SideProtection implements RecordProtection {
  readonly #keys: EpochKeys;
  readonly #side: 'client' | 'server';

  constructor(keys: EpochKeys, side: 'client' | 'server') {
    this.#keys = keys;
    this.#side = side;
  }

  get overhead(): number {
    return this.#make().overhead;
  }

  seal(header: RecordHeader, plaintext: Uint8Array): Uint8Array {
    return this.#make().seal(header, plaintext);
  }

  open(record: DtlsRecord): Uint8Array | undefined {
    return this.#make().open(record);
  }

  #make(): RecordProtection {
    const { suite, encryptThenMac, [this.#side]: keys } = this.#keys;
    const { cipher } = suite;
    return cipher.algorithm === 'aes-128-cbc'
      ? new CbcProtection(cipher, keys, encryptThenMac)
      : new AeadProtection(cipher, keys);
  }
}
