/** What the eIM learns of an eUICC: its key, only through a chain that ends in a configured CI root. */
import type { KeyObject } from 'node:crypto';
import type { EuiccRecord } from '../fleet/euiccs.ts';
import type { Eid } from '../messages/ids.ts';
import type { Change } from '../store/store.ts';
import { ChainError } from '../trust/chain-error.ts';
import { ecPublicKey, pointOf } from '../trust/ec-key.ts';
import { checkEuiccChain } from '../trust/euicc-chain.ts';
import type { Eim } from './eim.ts';

export interface ChainSeen {
  /** DER. */
  readonly euiccCertificate: Uint8Array;
  readonly eumCertificate: Uint8Array;
}

/**
 * The changes that keep what the chain proves. Throws ChainError where it proves nothing, or proves another EID.
 */
export function learnt(eim: Eim, eid: Eid, chain: ChainSeen): readonly Change[] {
  const proven = checkEuiccChain({ ...chain, roots: eim.roots, now: eim.clock.now() });
  if (proven.eid !== eid) {
    throw new ChainError('eid', 'euicc', `it is the certificate of EID ${proven.eid}`);
  }
  const { point, curve } = pointOf(proven.publicKey);
  const { euiccCertificate, eumCertificate } = chain;
  return eim.euiccs.change(eid, {
    euiccCertificate,
    eumCertificate,
    publicKey: point,
    signAlgo: curve,
  });
}

/**
 * The eUICC's key as learned through its certificate chain, or as the operator set it; undefined where there is none,
 * or one that is no point of its curve.
 */
export function publicKeyOf(
  eim: Eim,
  { eid, publicKey, signAlgo }: EuiccRecord,
): KeyObject | undefined {
  if (publicKey === undefined) return undefined;
  try {
    return ecPublicKey(publicKey, signAlgo);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    eim.log.warn('the public key set for this eUICC is none', { eid, curve: signAlgo });
    return undefined;
  }
}
