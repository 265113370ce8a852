/** The eIM's picture of an eUICC's profiles, brought up to date by what the eUICC proved. */
import { toHex } from '../base/bytes.ts';
import type { ProfileList, ProfileRecord } from '../fleet/euiccs.ts';
import type { EuiccResultData } from '../messages/euicc-package.ts';
import { type Iccid, iccidOf } from '../messages/ids.ts';
import type { ProfileInfo } from '../messages/rsp.ts';
import type { PsmoRequest } from '../orders/order.ts';

/**
 * The profiles after these results of these PSMOs, `now` in milliseconds since 1970; undefined where nothing is known
 * anew. Results stand in the order of the operations (SGP.32 2.11.2.1).
 */
export function profilesAfter(
  known: ProfileList | undefined,
  operations: readonly PsmoRequest[],
  results: readonly EuiccResultData[],
  now: number,
): ProfileList | undefined {
  let after = known;
  for (const [i, result] of results.entries()) {
    if (result.type === 'rollbackResult') {
      if (result.value === 0) after = rolledBack(known, after);
    } else {
      after = afterOne(after, operations[i], result, now) ?? after;
    }
  }
  return after === known ? undefined : after;
}

function afterOne(
  known: ProfileList | undefined,
  operation: PsmoRequest | undefined,
  result: EuiccResultData,
  now: number,
): ProfileList | undefined {
  if (operation === undefined) return undefined;
  if (result.type === 'listProfileInfoResult') {
    if (result.value.type !== 'profileInfoListOk' || !('listProfileInfo' in operation)) {
      return undefined;
    }
    // A search tells of some profiles only: the picture stays.
    if (operation.listProfileInfo.searchCriteria !== undefined) return undefined;
    return { since: now, list: result.value.value.flatMap(profileRecord) };
  }
  if (known === undefined || result.value !== 0) return undefined;
  if ('enable' in operation && result.type === 'enableResult') {
    const iccid = operation.enable.iccid.toUpperCase();
    return withEach(known, (one) => ({ state: one.iccid === iccid ? 'enabled' : 'disabled' }));
  }
  if ('disable' in operation && result.type === 'disableResult') {
    const iccid = operation.disable.iccid.toUpperCase();
    return withEach(known, (one) => (one.iccid === iccid ? { state: 'disabled' } : {}));
  }
  if ('delete' in operation && result.type === 'deleteResult') {
    const iccid = operation.delete.iccid.toUpperCase();
    return { ...known, list: known.list.filter((one) => one.iccid !== iccid) };
  }
  // One profile at most has the attribute (SGP.32 2.9.1).
  if ('setFallbackAttribute' in operation && result.type === 'setFallbackAttributeResult') {
    const iccid = operation.setFallbackAttribute.iccid.toUpperCase();
    return withEach(known, (one) => ({ fallback: one.iccid === iccid }));
  }
  if ('unsetFallbackAttribute' in operation && result.type === 'unsetFallbackAttributeResult') {
    return withEach(known, () => ({ fallback: false }));
  }
  return undefined;
}

function withEach(
  { since, list }: ProfileList,
  change: (one: ProfileRecord) => Partial<ProfileRecord>,
): ProfileList {
  return { since, list: list.map((one) => ({ ...one, ...change(one) })) };
}

/** The picture where it is no longer known which profile is enabled. */
export function withStatesUnknown({ since, list }: ProfileList): ProfileList {
  return { since, list: list.map(({ state: _, ...one }) => one) };
}

/** Each profile in the state that it had before the package (SGP.32 3.3.1): what was deleted stays so. */
function rolledBack(
  before: ProfileList | undefined,
  after: ProfileList | undefined,
): ProfileList | undefined {
  if (before === undefined || after === undefined) return after;
  const states = new Map(before.list.map(({ iccid, state }) => [iccid, state]));
  return withEach(after, ({ iccid }) => {
    const state = states.get(iccid);
    return state === undefined ? {} : { state };
  });
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
      ...(info.fallbackAllowed === undefined ? {} : { fallbackAllowed: info.fallbackAllowed }),
    },
  ];
}
