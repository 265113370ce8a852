/** The eIM's picture of an eUICC, brought up to date by the results that the eUICC signed. */

import { hex } from '../base/bytes.ts';
import type { EimList, EuiccPatch, EuiccRecord } from '../fleet/euiccs.ts';
import { DeleteEimResult, EimConfigurationData } from '../messages/eco.ts';
import type { EuiccResultData } from '../messages/euicc-package.ts';
import type { PackageRequest } from '../orders/operations.ts';
import type { EcoRequest, PsmoRequest } from '../orders/order.ts';
import { profilesAfter } from './profiles.ts';

/** What these results of this package change; `ownId` is this eIM's, `now` in milliseconds since 1970. */
export function pictureAfter(
  { profiles, eims }: EuiccRecord,
  ownId: string,
  request: PackageRequest,
  results: readonly EuiccResultData[],
  now: number,
): EuiccPatch {
  if ('eco' in request) {
    return {
      ...eimsAfter(eims, request.eco, results, now),
      ...ownCounter(ownId, request.eco, results),
    };
  }
  const after = profilesAfter(profiles, request.psmo, results, now);
  return {
    ...(after === undefined ? {} : { profiles: after }),
    ...defaultDp(request.psmo, results),
  };
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

function eimsAfter(
  known: EimList | undefined,
  operations: readonly EcoRequest[],
  results: readonly EuiccResultData[],
  now: number,
): EuiccPatch {
  let after = known;
  for (const [i, result] of results.entries()) {
    const operation = operations[i];
    if (operation === undefined) break;
    if (result.type === 'listEimResult') {
      if (result.value.type !== 'eimIdList') continue;
      const list = result.value.value.map(({ eimId, eimIdType }) => ({
        eimId,
        ...(eimIdType === undefined ? {} : { eimIdType }),
      }));
      after = { since: now, list };
    } else if (result.type === 'deleteEimResult' && 'deleteEim' in operation) {
      if (result.value === DeleteEimResult.lastEimDeleted) after = { since: now, list: [] };
      if (result.value !== DeleteEimResult.ok || after === undefined) continue;
      const { eimId } = operation.deleteEim;
      after = { ...after, list: after.list.filter((one) => one.eimId !== eimId) };
    } else if (result.type === 'addEimResult' && 'addEim' in operation && after !== undefined) {
      const { type, value } = result.value;
      if (type === 'addEimResultCode' && value !== 0) continue;
      const { eimId, eimIdType } = configurationOf(operation.addEim);
      after = {
        ...after,
        list: [...after.list, { eimId, ...(eimIdType === undefined ? {} : { eimIdType }) }],
      };
    }
  }
  return after === undefined || after === known ? {} : { eims: after };
}

/** The counterValue that an updateEim of this eIM itself has put on the card: packages go on from it. */
function ownCounter(
  ownId: string,
  operations: readonly EcoRequest[],
  results: readonly EuiccResultData[],
): EuiccPatch {
  let patch: EuiccPatch = {};
  for (const [i, result] of results.entries()) {
    const operation = operations[i];
    if (operation === undefined || !('updateEim' in operation)) continue;
    if (result.type !== 'updateEimResult' || result.value !== 0) continue;
    const { eimId, counterValue } = configurationOf(operation.updateEim);
    if (eimId === ownId && counterValue !== undefined) patch = { counterValue };
  }
  return patch;
}

function configurationOf(operation: {
  readonly eimConfigurationData: string;
}): EimConfigurationData {
  return EimConfigurationData.decode(hex(operation.eimConfigurationData));
}
