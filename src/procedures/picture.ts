/** The eIM's picture of an eUICC, brought up to date by the results that the eUICC signed. */
import type { EuiccPatch, EuiccRecord } from '../fleet/euiccs.ts';
import type { Origin } from '../fleet/knowledge.ts';
import type { EuiccResultData } from '../messages/euicc-package.ts';
import type { PackageRequest } from '../orders/operations.ts';
import type { Order, OrderState, PsmoRequest } from '../orders/order.ts';
import { dispatchOf } from '../orders/whole.ts';
import type { Change } from '../store/store.ts';
import { eimsVerdict, profilesVerdict, type Verdict } from './contradictions.ts';
import type { Eim } from './eim.ts';
import { eimsAfter } from './eims.ts';
import { ownAssociation } from './own-association.ts';
import { profilesAfter } from './profiles.ts';
import { doubtsAbout, settledBy } from './settle.ts';

/** A package's results, believed. */
export interface Believed {
  readonly order: Order & { readonly request: PackageRequest };
  readonly results: readonly EuiccResultData[];
  readonly seqNumber: number;
}

/** The changes that results make to what is known of the eUICC, and to what is in doubt. */
export function learnedFrom(
  eim: Eim,
  record: EuiccRecord,
  { order, results, seqNumber }: Believed,
): readonly Change[] {
  const { eid, outstanding, consumerEuicc, profiles, eims } = record;
  const { request } = order;
  const now = eim.clock.now();
  const origin: Origin = {
    at: now,
    source: `result of order ${order.id}`,
    sure: consumerEuicc ? 'reported' : 'proven',
  };
  // A number that the eUICC gave before this package left tells nothing against what came of the package.
  const before = isToldSince(record, order.state) ? (profiles?.seqNumber ?? 0) : 0;
  const newest = Math.max(seqNumber, before);
  const picture = pictureAfter(record, eim.id, request, results, { now, seqNumber: newest });
  const verdict =
    'eco' in request
      ? eimsVerdict(record.eims, request.eco, results)
      : profilesVerdict(profiles, request.psmo, results);
  const isOutrun = picture.profiles !== undefined && before > seqNumber;
  const isSameEims = 'eco' in request && picture.eims === undefined && eims !== undefined;
  const outrun = { settled: false, doubt: 'a result came after what the eUICC told later' };
  return [
    ...eim.euiccs.change(eid, picture, origin),
    ...(isSameEims ? eim.euiccs.change(eid, { eims: { ...eims, seqNumber } }) : []),
    ...(outstanding?.orderId === order.id ? eim.euiccs.forget(eid, 'outstanding') : []),
    ...judged(eim, record, isOutrun ? outrun : verdict, order),
  ];
}

/** Whether the picture of the profiles may have been told after the package first left. */
function isToldSince({ origins }: EuiccRecord, state: OrderState): boolean {
  const left = dispatchOf(state)?.first;
  const told = origins.profiles?.at;
  return left === undefined || told === undefined || told >= left;
}

function judged(
  eim: Eim,
  record: EuiccRecord,
  { settled, doubt }: Verdict,
  { request, state }: Believed['order'],
): readonly Change[] {
  const topic = 'eco' in request ? 'eims' : 'profiles';
  if (doubt !== undefined) return doubtsAbout(eim, record, [topic], doubt);
  return settled ? settledBy(eim, record, topic, state) : [];
}

/** What these results of this package change; `ownId` is this eIM's, `now` in milliseconds since 1970. */
function pictureAfter(
  { profiles, eims }: EuiccRecord,
  ownId: string,
  request: PackageRequest,
  results: readonly EuiccResultData[],
  { now, seqNumber }: { readonly now: number; readonly seqNumber: number },
): EuiccPatch {
  if ('eco' in request) {
    const after = eimsAfter(eims, request.eco, results, now);
    return {
      ...(after === undefined ? {} : { eims: { ...after, seqNumber } }),
      ...ownAssociation(ownId, request.eco, results),
    };
  }
  const after = profilesAfter(profiles, request.psmo, results, now);
  return {
    ...(after === undefined ? {} : { profiles: { ...after, seqNumber } }),
    ...defaultDp(request.psmo, results),
    ...rulesTable(results),
  };
}

function rulesTable(results: readonly EuiccResultData[]): EuiccPatch {
  const told = results.find((result) => result.type === 'getRATResult');
  return told === undefined ? {} : { rulesAuthorisationTable: told.value };
}

function defaultDp(
  operations: readonly PsmoRequest[],
  results: readonly EuiccResultData[],
): EuiccPatch {
  let patch: EuiccPatch = {};
  for (const [i, result] of results.entries()) {
    const operation = operations[i];
    if (operation === undefined || !('setDefaultDpAddress' in operation)) continue;
    if (result.type !== 'setDefaultDpAddressResult') continue;
    if (result.value.setDefaultDpAddressResult !== 0) continue;
    patch = { defaultSmdpAddress: operation.setDefaultDpAddress.defaultDpAddress };
  }
  return patch;
}
