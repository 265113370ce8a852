/**
 * What an eUICC says became of an eUICC Package (SGP.32 2.11.2): verified, matched to its order, then believed. A
 * result that does not fit leaves the order as it was; it is logged, and the order's history tells of it. A result that
 * comes again (lost acknowledgement) is acknowledged again.
 */
import type { KeyObject } from 'node:crypto';
import { concat } from '../base/bytes.ts';
import type { EuiccRecord } from '../fleet/euiccs.ts';
import type {
  EuiccPackageErrorDataSigned,
  EuiccPackageErrorUnsigned,
  EuiccPackageResult,
  EuiccPackageResultDataSigned,
} from '../messages/euicc-package.ts';
import type { Eid } from '../messages/ids.ts';
import type { Signed } from '../messages/schema.ts';
import type { Order } from '../orders/order.ts';
import { euiccPackageError, isSuccess } from '../orders/outcome.ts';
import { ecPublicKey } from '../trust/ec-key.ts';
import { verifyEcdsa } from '../trust/ecdsa.ts';
import { tokenTlv } from '../trust/eim-signer.ts';
import type { Eim } from './eim.ts';
import { outcomesOf } from './outcomes.ts';
import { profilesAfter } from './profiles.ts';

/** What the IPA is to be told of a result. */
export type ResultAnswer =
  /** The eUICC may forget the result with this seqNumber. */
  | { readonly type: 'acknowledge'; readonly seqNumber: number }
  | { readonly type: 'nothing' }
  /** The eIM package was for another EID (provideEimPackageResultError eidNotFound). */
  | { readonly type: 'other EID' };

const nothing: ResultAnswer = { type: 'nothing' };

/** The names by which a result says which package it is of. */
interface Correlation {
  readonly eimId: string;
  readonly counterValue?: number;
  readonly eimTransactionId?: Uint8Array | undefined;
}

/** Takes a result of the eUICC with this EID. */
export async function euiccPackageResult(
  eim: Eim,
  eid: Eid,
  result: EuiccPackageResult,
): Promise<ResultAnswer> {
  switch (result.type) {
    case 'euiccPackageResultSigned': {
      const { euiccPackageResultDataSigned, euiccSignEPR } = result.value;
      return executed(eim, eid, euiccPackageResultDataSigned, euiccSignEPR);
    }
    case 'euiccPackageErrorSigned': {
      const { euiccPackageErrorDataSigned, euiccSignEPE } = result.value;
      return refused(eim, eid, euiccPackageErrorDataSigned, euiccSignEPE);
    }
    case 'euiccPackageErrorUnsigned':
      return notTrusted(eim, eid, result.value);
  }
}

async function executed(
  eim: Eim,
  eid: Eid,
  { value, raw }: Signed<EuiccPackageResultDataSigned>,
  signature: Uint8Array,
): Promise<ResultAnswer> {
  const found = await find(eim, eid, value);
  if (found === 'other EID') return { type: 'other EID' };
  const record = await eim.euiccs.ensure(eid);
  const doubt = doubtIn(eim, record, value, found, { data: raw, signature });
  if (doubt !== undefined) return disbelieve(eim, eid, found, doubt);
  const acknowledgement: ResultAnswer = record.consumerEuicc
    ? nothing
    : { type: 'acknowledge', seqNumber: value.seqNumber };
  if (found?.state.at !== 'work') {
    eim.log.info('result of a package that is no longer in work', { eid, seq: value.seqNumber });
    return acknowledgement;
  }
  const outcome = outcomesOf(value.euiccResult);
  const profiles = profilesAfter(
    record.profiles,
    found.request,
    value.euiccResult,
    eim.clock.now(),
  );
  await eim.orders.finish(
    found.id,
    {
      success: outcome.length > 0 && outcome.every(isSuccess),
      outcome,
      reason: `the eUICC's signed result, seqNumber ${value.seqNumber}`,
    },
    profiles === undefined ? [] : eim.euiccs.change(eid, { profiles }),
  );
  return acknowledgement;
}

/** A signed error has no seqNumber and is not kept on the card: there is nothing to acknowledge. */
async function refused(
  eim: Eim,
  eid: Eid,
  { value, raw }: Signed<EuiccPackageErrorDataSigned>,
  signature: Uint8Array,
): Promise<ResultAnswer> {
  const found = await find(eim, eid, value);
  if (found === 'other EID') return { type: 'other EID' };
  const record = await eim.euiccs.ensure(eid);
  const doubt = doubtIn(eim, record, value, found, { data: raw, signature });
  if (doubt !== undefined) return disbelieve(eim, eid, found, doubt);
  if (found?.state.at !== 'work') return nothing;
  const outcome = euiccPackageError(value.euiccPackageErrorCode);
  await eim.orders.finish(found.id, {
    success: false,
    outcome: [outcome],
    reason: `the eUICC refused the package, signed: ${Object.values(outcome).join()}`,
  });
  return nothing;
}

/**
 * The eUICC could not tell that the package is this eIM's (unknown eimId, wrong signature, wrong association token).
 * Anyone could say so: it counts only from one who knows the package's own eimTransactionId, and it changes nothing
 * but the order that it names.
 */
async function notTrusted(
  eim: Eim,
  eid: Eid,
  error: EuiccPackageErrorUnsigned,
): Promise<ResultAnswer> {
  const found = await find(eim, eid, error);
  if (found === 'other EID') return { type: 'other EID' };
  if (found?.state.at !== 'work') return nothing;
  if (error.eimTransactionId === undefined) {
    return disbelieve(eim, eid, found, 'an unsigned error that names no eimTransactionId');
  }
  const token =
    error.associationToken === undefined
      ? ''
      : `; it says that its association token is ${error.associationToken}`;
  await eim.orders.finish(found.id, {
    success: false,
    outcome: [{ euiccPackageErrorCode: 'undefinedError' }],
    reason: `the eUICC does not take the package for this eIM's (eimId, signing key or association token)${token}`,
  });
  return nothing;
}

/** The order that a result is of: by eimTransactionId; where the result has none, the one in work with its counter. */
async function find(
  eim: Eim,
  eid: Eid,
  { eimTransactionId, counterValue }: Correlation,
): Promise<Order | 'other EID' | undefined> {
  if (eimTransactionId !== undefined) {
    const order = await eim.orders.byTransaction(undefined, eimTransactionId);
    return order === undefined || order.eid === eid ? order : 'other EID';
  }
  const current = await eim.orders.next(eid);
  if (current?.state.at !== 'work') return undefined;
  return current.state.dispatch.counterValue === counterValue ? current : undefined;
}

/**
 * Why this result is not to be believed; undefined where nothing speaks against it. A consumer eUICC behind an IPA
 * that emulates SGP.32 signs nothing that could be checked: the operator has said so of it, and it is believed.
 */
function doubtIn(
  eim: Eim,
  record: EuiccRecord,
  value: Correlation,
  order: Order | undefined,
  signed: { readonly data: Uint8Array; readonly signature: Uint8Array },
): string | undefined {
  if (record.consumerEuicc) return undefined;
  if (value.eimId !== eim.id) return `it is for eIM ${JSON.stringify(value.eimId)}`;
  const key = publicKeyOf(record);
  if (key === undefined) return 'the key of this eUICC is not known';
  // SGP.32 2.11.2: see docs/interpretation-log.md#euiccsignepr-input
  const input = concat(signed.data, tokenTlv(record.associationToken));
  if (!verifyEcdsa(key, input, signed.signature)) {
    return `its signature does not fit the eUICC's key and association token ${record.associationToken}`;
  }
  if (order?.state.at !== 'work') return undefined;
  const { dispatch } = order.state;
  if (value.counterValue !== dispatch.counterValue) {
    return `its counterValue is ${value.counterValue}, that of the package ${dispatch.counterValue}`;
  }
  return undefined;
}

/** Leaves the order as it was; says so in the log and in the order's history. */
async function disbelieve(
  eim: Eim,
  eid: Eid,
  order: Order | undefined,
  because: string,
): Promise<ResultAnswer> {
  eim.log.warn('result not believed', { eid, order: order?.id, because });
  const concerned = order ?? (await eim.orders.next(eid));
  if (concerned?.state.at === 'work') {
    await eim.orders.note(concerned.id, 'result not believed', because);
  }
  return nothing;
}

/** The eUICC's key as learned through its certificate chain, or as the operator set it. */
export function publicKeyOf(record: EuiccRecord): KeyObject | undefined {
  const { publicKey, signAlgo } = record;
  if (publicKey === undefined) return undefined;
  return ecPublicKey(publicKey, signAlgo);
}
