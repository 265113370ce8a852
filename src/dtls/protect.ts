/** Which protection goes with which cipher. */
import { AeadProtection, overheadOf } from './aead.ts';
import { CbcProtection, cbcOverhead } from './cbc.ts';
import { Ccm } from './ccm.ts';
import type { CipherHolder, CipherPool } from './cipher-pool.ts';
import type { EpochKeys } from './key-schedule.ts';
import type { DtlsRecord, RecordHeader } from './record.ts';
import type { RecordProtection } from './record-protection.ts';

/** How `side` protects the records that it sends. With a pool, CCM gets ciphers that live on. */
export function protect(
  keys: EpochKeys,
  side: 'client' | 'server',
  pool?: CipherPool,
): RecordProtection {
  return new SideProtection(keys, side, pool);
}

/** Finished and one more, or the whole of a device's day: ciphers that live on pay from the third record on. */
const mostCold = 2;

/** Made anew for each record: there are many connections, and most of them are silent. But see cipher-pool.ts. */
class SideProtection implements RecordProtection, CipherHolder {
  readonly #keys: EpochKeys;
  readonly #side: 'client' | 'server';
  readonly #pool: CipherPool | undefined;
  #warm: AeadProtection | undefined;
  /** Whether it had a record since it was last asked. */
  #used = false;
  /** Records that it had without ciphers that live on. */
  #cold = 0;

  constructor(keys: EpochKeys, side: 'client' | 'server', pool: CipherPool | undefined) {
    this.#keys = keys;
    this.#side = side;
    this.#pool = pool;
  }

  get overhead(): number {
    const { cipher } = this.#keys.suite;
    return cipher.algorithm === 'aes-128-cbc' ? cbcOverhead : overheadOf(cipher);
  }

  seal(header: RecordHeader, plaintext: Uint8Array, before?: number): Uint8Array {
    return this.#protection().seal(header, plaintext, before);
  }

  open(record: DtlsRecord): Uint8Array | undefined {
    return this.#protection().open(record);
  }

  release(): void {
    this.#pool?.release(this);
  }

  wasUsed(): boolean {
    const used = this.#used;
    this.#used = false;
    return used;
  }

  cool(): void {
    this.#warm = undefined;
  }

  /** The first ones go without ciphers that live on: they may be all for a day. */
  #protection(): RecordProtection {
    this.#used = true;
    if (this.#warm !== undefined) return this.#warm;
    if (this.#cold >= mostCold) return this.#warmUp();
    this.#cold++;
    return this.#make();
  }

  #warmUp(): RecordProtection {
    const { suite, [this.#side]: keys } = this.#keys;
    const { cipher } = suite;
    const pool = this.#pool;
    const isCcm = cipher.algorithm === 'aes-128-ccm' || cipher.algorithm === 'aes-256-ccm';
    if (!isCcm || pool?.admit(this) !== true) return this.#make();
    this.#warm = new AeadProtection(cipher, keys, new Ccm(keys.key, cipher.tagLength, pool.bench));
    return this.#warm;
  }

  #make(): RecordProtection {
    const { suite, encryptThenMac, [this.#side]: keys } = this.#keys;
    const { cipher } = suite;
    return cipher.algorithm === 'aes-128-cbc'
      ? new CbcProtection(cipher, keys, encryptThenMac)
      : new AeadProtection(cipher, keys);
  }
}
