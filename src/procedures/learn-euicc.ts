/** What the eIM learns of an eUICC: its key, only through a chain that ends in a configured CI root. */
import type { Eid } from '../messages/ids.ts';
import type { Change } from '../store/store.ts';
import { ChainError } from '../trust/chain-error.ts';
import { pointOf } from '../trust/ec-key.ts';
import { checkEuiccChain } from '../trust/euicc-chain.ts';
import type { Eim } from './eim.ts';

export interface ChainSeen {
  /** DER. */
  readonly euiccCertificate: Uint8Array;
  readonly eumCertificate: Uint8Array;
}

/** What may come with it; unproven, so it is kept only as what the device says of itself. */
export interface SaidOfItself {
  readonly associationToken?: number | undefined;
}

/**
 * The changes that keep what the chain proves. Throws ChainError where it proves nothing, or proves another EID.
 */
export function learnt(
  eim: Eim,
  eid: Eid,
  chain: ChainSeen,
  said: SaidOfItself = {},
): readonly Change[] {
  const proven = checkEuiccChain({ ...chain, roots: eim.roots, now: eim.clock.now() });
  if (proven.eid !== eid) {
    throw new ChainError('eid', 'euicc', `it is the certificate of EID ${proven.eid}`);
  }
  const { point, curve } = pointOf(proven.publicKey);
  return eim.euiccs.change(eid, {
    ...chain,
    publicKey: point,
    signAlgo: curve,
    ...(said.associationToken === undefined ? {} : { associationToken: said.associationToken }),
  });
}
