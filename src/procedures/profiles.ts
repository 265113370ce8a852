/** The eIM's picture of an eUICC's profiles, brought up to date by what the eUICC proved. */
import { hex, toHex } from '../base/bytes.ts';
import type { ProfileList, ProfileRecord } from '../fleet/euiccs.ts';
import type { EuiccResultData } from '../messages/euicc-package.ts';
import { type Iccid, iccidOf } from '../messages/ids.ts';
import type { NotificationMetadata } from '../messages/notifications.ts';
import { defaultProfileTags } from '../messages/psmo.ts';
import type { ProfileInfo } from '../messages/rsp.ts';
import { tagsOf } from '../messages/tag-list.ts';
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
    if (!listsAll(operation)) return undefined;
    const tags = tagsAsked(operation);
    const list = result.value.value
      .flatMap(profileRecord)
      .map((told) => withNotAsked(known, told, tags));
    return { since: now, list };
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

/** Whether the operation lists every profile, and by names that tell them apart. */
function listsAll(operation: PsmoRequest): boolean {
  if (!('listProfileInfo' in operation)) return false;
  const { searchCriteria } = operation.listProfileInfo;
  return searchCriteria === undefined && tagsAsked(operation).includes(iccidTag);
}

const iccidTag = 0x5a;
/** The tags of ProfileInfo (SGP.22 5.7.15) by what the picture keeps of it. */
const profileTags = {
  isdpAid: 0x4f,
  state: 0x9f70,
  class: 0x95,
  name: 0x92,
  serviceProviderName: 0x91,
  nickname: 0x90,
  fallback: 0x9f26,
  fallbackAllowed: 0x9f67,
} as const satisfies Readonly<Record<Exclude<keyof ProfileRecord, 'iccid'>, number>>;

function tagsAsked({
  listProfileInfo: { tagList },
}: Extract<PsmoRequest, { listProfileInfo: unknown }>): readonly number[] {
  return tagsOf(tagList === undefined ? defaultProfileTags : hex(tagList));
}

/** Whether the operation tells of every profile what state it is in and whether it is the fallback profile. */
export function tellsAll(operation: PsmoRequest): boolean {
  if (!('listProfileInfo' in operation) || !listsAll(operation)) return false;
  const tags = tagsAsked(operation);
  return tags.includes(profileTags.state) && tags.includes(profileTags.fallback);
}

/** The profile as told, with what was known of it and was not asked for anew (a default is told of that, too). */
function withNotAsked(
  known: ProfileList | undefined,
  told: ProfileRecord,
  tags: readonly number[],
): ProfileRecord {
  const before = known?.list.find((one) => one.iccid === told.iccid);
  const members = Object.entries(profileTags)
    .map(([name, tag]) => [name, tags.includes(tag) ? told : before] as const)
    .map(
      ([name, from]) => [name, from === undefined ? undefined : Reflect.get(from, name)] as const,
    )
    .filter(([, value]) => value !== undefined);
  return { iccid: told.iccid, ...Object.fromEntries(members) };
}

function withEach(
  known: ProfileList,
  change: (one: ProfileRecord) => Partial<ProfileRecord>,
): ProfileList {
  return { ...known, list: known.list.map((one) => ({ ...one, ...change(one) })) };
}

type Event = NonNullable<NotificationMetadata['profileManagementOperation'][number]>;

/**
 * The picture after a notification of the eUICC; undefined where it tells nothing new: it is older than what is known,
 * or says the same. `isKnown` tells whether the profile was in the picture.
 */
export function withNotified(
  known: ProfileList,
  event: Event,
  iccid: Iccid,
  seqNumber: number,
): { readonly after: ProfileList; readonly isKnown: boolean } | undefined {
  if (known.seqNumber !== undefined && seqNumber <= known.seqNumber) return undefined;
  const profile = known.list.find((one) => one.iccid === iccid);
  const isKnown = profile !== undefined;
  const now = { ...known, seqNumber };
  switch (event) {
    case 'notificationEnable':
      if (profile?.state === 'enabled') return undefined;
      return {
        isKnown,
        after: withEach(now, (one) => ({ state: one.iccid === iccid ? 'enabled' : 'disabled' })),
      };
    case 'notificationDisable':
      if (profile?.state === 'disabled') return undefined;
      return {
        isKnown,
        after: withEach(now, (one) => (one.iccid === iccid ? { state: 'disabled' } : {})),
      };
    case 'notificationDelete':
      // Gone already, as was ordered.
      if (!isKnown) return undefined;
      return { isKnown, after: { ...now, list: known.list.filter((one) => one !== profile) } };
    case 'notificationInstall':
      return isKnown ? undefined : { isKnown, after: now };
    default:
      // Of a later version.
      return undefined;
  }
}

/** The picture where it is no longer known which profile is enabled. */
export function withStatesUnknown(known: ProfileList): ProfileList {
  return { ...known, list: known.list.map(({ state: _, ...one }) => one) };
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

/** A profile just installed, as its notification and its metadata tell. */
export interface Installed {
  readonly iccid: Uint8Array;
  readonly aid: Uint8Array;
  readonly seqNumber: number;
}

/** The picture with a profile just installed, which is disabled (SGP.22 3.1.3). */
export function withInstalled(
  known: ProfileList | undefined,
  { iccid, aid, seqNumber }: Installed,
  now: number,
): ProfileList {
  const installed: ProfileRecord = { iccid: iccidOf(iccid), isdpAid: aid, state: 'disabled' };
  const { since, list }: ProfileList = known ?? { since: now, list: [] };
  const others = list.filter((one) => one.iccid !== installed.iccid);
  const partial = known === undefined || known.partial === true ? { partial: true } : {};
  return {
    since,
    ...partial,
    seqNumber: Math.max(seqNumber, known?.seqNumber ?? 0),
    list: [...others, installed],
  };
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
