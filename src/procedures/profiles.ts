/** The eIM's picture of an eUICC's profiles, brought up to date by what the eUICC proved. */
import { toHex } from '../base/bytes.ts';
import type { ProfileList, ProfileRecord } from '../fleet/euiccs.ts';
import type { EuiccResultData } from '../messages/euicc-package.ts';
import { type Iccid, iccidOf } from '../messages/ids.ts';
import type { ProfileInfo } from '../messages/rsp.ts';
import type { OrderRequest, PsmoRequest } from '../orders/order.ts';

/**
 * The profiles after these results of this order, `now` in milliseconds since 1970; undefined where nothing is known
 * anew. Results stand in the order of the operations (SGP.32 2.11.2.1).
 */
export function profilesAfter(
  known: ProfileList | undefined,
  request: OrderRequest,
  results: readonly EuiccResultData[],
  now: number,
): ProfileList | undefined {
  if (!('psmo' in request)) return undefined;
  let after = known;
  let changed = false;
  for (const [i, result] of results.entries()) {
    const operation = request.psmo[i];
    if (operation === undefined) break;
    const next = afterOne(after, operation, result, now);
    if (next === undefined) continue;
    after = next;
    changed = true;
  }
  return changed ? after : undefined;
}

function afterOne(
  known: ProfileList | undefined,
  operation: PsmoRequest,
  result: EuiccResultData,
  now: number,
): ProfileList | undefined {
  if (result.type === 'listProfileInfoResult') {
    if (result.value.type !== 'profileInfoListOk' || !('listProfileInfo' in operation))
      return undefined;
    // A search tells of some profiles only: the picture stays.
    if (operation.listProfileInfo.searchCriteria !== undefined) return undefined;
    return { since: now, list: result.value.value.flatMap(profileRecord) };
  }
  if (known === undefined || result.value !== 0) return undefined;
  const { since, list } = known;
  if ('enable' in operation && result.type === 'enableResult') {
    const iccid = operation.enable.iccid.toUpperCase();
    return {
      since,
      list: list.map((one) => ({ ...one, state: one.iccid === iccid ? 'enabled' : 'disabled' })),
    };
  }
  if ('disable' in operation && result.type === 'disableResult') {
    const iccid = operation.disable.iccid.toUpperCase();
    return {
      since,
      list: list.map((one) => (one.iccid === iccid ? { ...one, state: 'disabled' } : one)),
    };
  }
  if ('delete' in operation && result.type === 'deleteResult') {
    const iccid = operation.delete.iccid.toUpperCase();
    return { since, list: list.filter((one) => one.iccid !== iccid) };
  }
  return undefined;
}

/** The picture with a profile just installed, which is disabled (SGP.22 3.1.3). */
export function withInstalled(
  known: ProfileList | undefined,
  iccid: Uint8Array,
  { aid }: { readonly aid: Uint8Array },
  now: number,
): ProfileList {
  const installed: ProfileRecord = { iccid: iccidOf(iccid), isdpAid: aid, state: 'disabled' };
  const others = (known?.list ?? []).filter((one) => one.iccid !== installed.iccid);
  return { since: known?.since ?? now, list: [...others, installed] };
}

const states = ['disabled', 'enabled'] as const;
const classes = ['test', 'provisioning', 'operational'] as const;

/** A profile without an ICCID cannot be told from others, and is left out. */
function profileRecord(info: ProfileInfo): ProfileRecord[] {
  if (info.iccid === undefined) return [];
  const state = info.profileState === undefined ? undefined : states[info.profileState];
  const profileClass = info.profileClass === undefined ? undefined : classes[info.profileClass];
  return [
    {
      iccid: toHex(info.iccid) as Iccid,
      ...(info.isdpAid === undefined ? {} : { isdpAid: info.isdpAid }),
      ...(state === undefined ? {} : { state }),
      ...(profileClass === undefined ? {} : { class: profileClass }),
      ...(info.profileName === undefined ? {} : { name: info.profileName }),
      ...(info.serviceProviderName === undefined
        ? {}
        : { serviceProviderName: info.serviceProviderName }),
      ...(info.profileNickname === undefined ? {} : { nickname: info.profileNickname }),
      ...(info.fallbackAttribute === undefined ? {} : { fallback: info.fallbackAttribute }),
    },
  ];
}
