/** The profiles on the eUICC: listed, enabled, disabled, deleted (SGP.22 5.7.15 to 5.7.18, SGP.32 2.11). */
import { hex, toHex } from '../../../src/base/bytes.ts';
import {
  DeleteProfileResult,
  DisableProfileResult,
  EnableProfileResult,
  ProfileInfoListRequest,
  ProfileInfoListResponse,
} from '../../../src/messages/psmo.ts';
import { type ProfileInfo, ProfileState, StoreMetadataRequest } from '../../../src/messages/rsp.ts';
import type { Chip } from './chip.ts';
import { addNotifications } from './notifications.ts';
import type { ProfileRecord } from './state.ts';

/** What is told of a profile unless a tagList asks for other things (SGP.32 5.9.14). */
const defaultTags: readonly number[] = [
  0x5a, 0x4f, 0x9f70, 0x91, 0x92, 0x95, 0x9f7b, 0x9f26, 0x9f67,
];

/** The field of ProfileInfo that a tag of a tagList stands for. */
const fieldOf = new Map<number, keyof ProfileInfo>([
  [0x5a, 'iccid'],
  [0x4f, 'isdpAid'],
  [0x9f70, 'profileState'],
  [0x90, 'profileNickname'],
  [0x91, 'serviceProviderName'],
  [0x92, 'profileName'],
  [0x93, 'iconType'],
  [0x94, 'icon'],
  [0x95, 'profileClass'],
  [0xb6, 'notificationConfigurationInfo'],
  [0xb7, 'profileOwner'],
  [0x99, 'profilePolicyRules'],
  [0xbf22, 'serviceSpecificDataStoredInEuicc'],
  [0x9f7b, 'ecallIndication'],
  [0x9f26, 'fallbackAttribute'],
  [0x9f67, 'fallbackAllowed'],
]);

/** ES10c.GetProfilesInfo, `BF2D`. */
export function getProfilesInfo(chip: Chip, command: Uint8Array): Uint8Array {
  const profileInfoListOk = listProfileInfo(chip, ProfileInfoListRequest.decode(command));
  return ProfileInfoListResponse.encode({ type: 'profileInfoListOk', value: profileInfoListOk });
}

/** The profiles that the criteria match, each with what the tagList asks for and the profile has. */
export function listProfileInfo(chip: Chip, request: ProfileInfoListRequest): ProfileInfo[] {
  const tags = request.tagList === undefined ? defaultTags : tagsOf(request.tagList);
  const fields = new Set<string>();
  for (const tag of tags) fields.add(fieldOf.get(tag) ?? '');
  return chip.state.profiles
    .map(profileInfo)
    .filter((info) => matches(info, request.searchCriteria))
    .map((info) => {
      const wanted = Object.entries(info).filter(([name]) => fields.has(name));
      return { fallbackAttribute: false, ...Object.fromEntries(wanted) };
    });
}

function profileInfo(record: ProfileRecord): ProfileInfo {
  const metadata = StoreMetadataRequest.decode(hex(record.metadata));
  const { serviceSpecificDataNotStoredInEuicc: _, unknown: __, ...stored } = metadata;
  return {
    ...stored,
    isdpAid: hex(record.aid),
    profileState: record.enabled ? ProfileState.enabled : ProfileState.disabled,
    fallbackAttribute: false,
  };
}

function matches(info: ProfileInfo, criteria: ProfileInfoListRequest['searchCriteria']): boolean {
  switch (criteria?.type) {
    case 'isdpAid':
      return toHex(info.isdpAid ?? new Uint8Array()) === toHex(criteria.value);
    case 'iccid':
      return toHex(info.iccid ?? new Uint8Array()) === toHex(criteria.value);
    case 'profileClass':
      return info.profileClass === criteria.value;
    default:
      return true;
  }
}

/** The tags of a tagList: one octet, or two where the first says so. */
function tagsOf(tagList: Uint8Array): number[] {
  const tags: number[] = [];
  let first: number | undefined;
  for (const octet of tagList) {
    if (first !== undefined) tags.push(first * 256 + octet);
    else if ((octet & 0x1f) !== 0x1f) tags.push(octet);
    first = first === undefined && (octet & 0x1f) === 0x1f ? octet : undefined;
  }
  return tags;
}

/** Enables a disabled profile; the enabled one is disabled with it. The device sees it at the next reset. */
export function enableProfile(chip: Chip, iccid: Uint8Array): number {
  const record = find(chip, iccid);
  if (record === undefined) return EnableProfileResult.iccidOrAidNotFound;
  if (record.enabled) return EnableProfileResult.profileNotInDisabledState;
  const enabled = chip.state.profiles.find((profile) => profile.enabled);
  if (enabled !== undefined) {
    const metadata = StoreMetadataRequest.decode(hex(enabled.metadata));
    if (hasRule(metadata, 'ppr1')) return EnableProfileResult.disallowedByPolicy;
    enabled.enabled = false;
    addNotifications(chip, 'notificationDisable', metadata);
  }
  record.enabled = true;
  chip.state.refreshPending = true;
  addNotifications(chip, 'notificationEnable', StoreMetadataRequest.decode(hex(record.metadata)));
  return EnableProfileResult.ok;
}

export function disableProfile(chip: Chip, iccid: Uint8Array): number {
  const record = find(chip, iccid);
  if (record === undefined) return DisableProfileResult.iccidOrAidNotFound;
  if (!record.enabled) return DisableProfileResult.profileNotInEnabledState;
  const metadata = StoreMetadataRequest.decode(hex(record.metadata));
  if (hasRule(metadata, 'ppr1')) return DisableProfileResult.disallowedByPolicy;
  record.enabled = false;
  chip.state.refreshPending = true;
  addNotifications(chip, 'notificationDisable', metadata);
  return DisableProfileResult.ok;
}

/** Deletes a disabled profile; its notification outlives it. */
export function deleteProfile(chip: Chip, iccid: Uint8Array): number {
  const record = find(chip, iccid);
  if (record === undefined) return DeleteProfileResult.iccidOrAidNotFound;
  if (record.enabled) return DeleteProfileResult.profileNotInDisabledState;
  const metadata = StoreMetadataRequest.decode(hex(record.metadata));
  if (hasRule(metadata, 'ppr2')) return DeleteProfileResult.disallowedByPolicy;
  addNotifications(chip, 'notificationDelete', metadata);
  chip.state.profiles = chip.state.profiles.filter((profile) => profile !== record);
  chip.state.freeMemory += record.size;
  return DeleteProfileResult.ok;
}

function find(chip: Chip, iccid: Uint8Array): ProfileRecord | undefined {
  return chip.state.profiles.find((profile) => profile.iccid === toHex(iccid));
}

function hasRule(metadata: StoreMetadataRequest, rule: 'ppr1' | 'ppr2'): boolean {
  return metadata.profilePolicyRules?.includes(rule) ?? false;
}
