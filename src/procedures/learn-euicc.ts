/** What the eIM learns of an eUICC: its key, only through a chain that ends in a configured CI root. */
import type { KeyObject } from 'node:crypto';
import { equal } from '../base/bytes.ts';
import type { EuiccRecord } from '../fleet/euiccs.ts';
import type { Change } from '../store/store.ts';
import { readCertificate } from '../trust/certificate.ts';
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
 * The changes that keep what the chain proves. Throws ChainError where it proves nothing, or proves another EID. A key
 * that the operator set stands: what the certificates say is kept beside it.
 */
export function learnt(eim: Eim, record: EuiccRecord, chain: ChainSeen): readonly Change[] {
  const { eid } = record;
  const { euiccCertificate, eumCertificate } = chain;
  const { roots, revocations, clock } = eim;
  const now = clock.now();
  const believed = isSame(record, chain);
  const proven = checkEuiccChain({ ...chain, roots, revocations, believed, now });
  if (proven.eid !== eid) {
    throw new ChainError('eid', 'euicc', `it is the certificate of EID ${proven.eid}`);
  }
  const { point, curve } = pointOf(proven.publicKey);
  const origin = { at: now, source: 'its certificates', sure: 'proven' } as const;
  const certificates = { euiccCertificate, eumCertificate };
  const known = record.origins.publicKey?.sure === 'set' ? keyOf(eim, record) : undefined;
  if (known !== undefined && 'key' in known && !known.key.equals(proven.publicKey)) {
    eim.log.warn('the certificates of an eUICC prove another key than the one set, which stands', {
      eid,
    });
    return eim.euiccs.change(eid, certificates, origin);
  }
  return eim.euiccs.change(eid, { ...certificates, publicKey: point, signAlgo: curve }, origin);
}

function isSame(record: EuiccRecord, { euiccCertificate, eumCertificate }: ChainSeen): boolean {
  return (
    record.euiccCertificate !== undefined &&
    record.eumCertificate !== undefined &&
    equal(record.euiccCertificate, euiccCertificate) &&
    equal(record.eumCertificate, eumCertificate)
  );
}

/** The eUICC's key, or why there is none to be believed. */
export type KnownKey = { readonly key: KeyObject } | { readonly doubt: string };

/** The eUICC's key as learned through its certificate chain and not revoked since, or as the operator set it. */
export function keyOf(eim: Eim, record: EuiccRecord): KnownKey {
  const { publicKey, signAlgo } = record;
  if (publicKey === undefined) return { doubt: 'the key of this eUICC is not known' };
  let key: KeyObject;
  try {
    key = ecPublicKey(publicKey, signAlgo);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { doubt: `the public key set for this eUICC is no point of ${signAlgo}` };
  }
  const revoked = record.origins.publicKey?.sure === 'set' ? undefined : revokedIn(eim, record);
  return revoked === undefined
    ? { key }
    : { doubt: `the certificates of this eUICC are not good any more: ${revoked}` };
}

/** Why the certificates that the key was learned from are not good any more; undefined where they are. */
function revokedIn(eim: Eim, record: EuiccRecord): string | undefined {
  const { euiccCertificate, eumCertificate } = record;
  const { roots, revocations, clock } = eim;
  if (!revocations.any || euiccCertificate === undefined || eumCertificate === undefined) {
    return undefined;
  }
  try {
    const eum = readCertificate(eumCertificate, 'eum');
    const euicc = readCertificate(euiccCertificate, 'euicc');
    const { authorityKeyIdentifier: ci } = eum;
    const common = { now: clock.now(), believed: true };
    const issuers = ci === undefined ? [] : roots.find(ci);
    revocations.check({ certificate: eum, issuers, member: 'eum', ...common });
    revocations.check({ certificate: euicc, issuers: [eum], member: 'euicc', ...common });
    return undefined;
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    return error.message;
  }
}
