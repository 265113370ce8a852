/** The profiles on the eUICC: listed, enabled, disabled, deleted (SGP.22 5.7.15 to 5.7.18, SGP.32 2.11). */
import { hex, toHex } from '../../../src/base/bytes.ts';
import {
  DeleteProfileResult,
  DisableProfileResult,
  EnableProfileResult,
  ProfileInfoListRequest,
  ProfileInfoListResponse,
  SetFallbackAttributeResult,
  UnsetFallbackAttributeResult,
} from '../../../src/messages/psmo.ts';
import { type ProfileInfo, ProfileState, StoreMetadataRequest } from '../../../src/messages/rsp.ts';
import { tagsOf } from '../../../src/messages/tag-list.ts';
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
  const { serviceSpecificDataNotStoredInEuicc: _, unknown: __, ...stored } = metadataOf(record);
  return {
    ...stored,
    isdpAid: hex(record.aid),
    profileState: record.enabled ? ProfileState.enabled : ProfileState.disabled,
    fallbackAttribute: record.fallbackAttribute ?? false,
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

/**
 * Enables a disabled profile; the enabled one is disabled with it. The device sees it at the next reset. With
 * `rollback` there must be one to go back to.
 */
export function enableProfile(chip: Chip, iccid: Uint8Array, rollback = false): number {
  const record = find(chip, iccid);
  if (record === undefined) return EnableProfileResult.iccidOrAidNotFound;
  if (record.enabled) return EnableProfileResult.profileNotInDisabledState;
  const enabled = enabledProfile(chip);
  if (rollback && enabled === undefined) return EnableProfileResult.rollbackNotAvailable;
  if (enabled !== undefined && hasRule(metadataOf(enabled), 'ppr1')) {
    return EnableProfileResult.disallowedByPolicy;
  }
  if (chip.faults.catBusy === true) return EnableProfileResult.catBusy;
  switchTo(chip, record);
  delete chip.state.fallback;
  return EnableProfileResult.ok;
}

export function disableProfile(chip: Chip, iccid: Uint8Array): number {
  const record = find(chip, iccid);
  if (record === undefined) return DisableProfileResult.iccidOrAidNotFound;
  if (!record.enabled) return DisableProfileResult.profileNotInEnabledState;
  if (hasRule(metadataOf(record), 'ppr1')) return DisableProfileResult.disallowedByPolicy;
  if (chip.faults.catBusy === true) return DisableProfileResult.catBusy;
  switchTo(chip, undefined);
  delete chip.state.fallback;
  return DisableProfileResult.ok;
}

/** Deletes a disabled profile; its notification outlives it. `keep` is the ICCID that a rollback would go back to. */
export function deleteProfile(chip: Chip, iccid: Uint8Array, keep?: string): number {
  const record = find(chip, iccid);
  if (record === undefined) return DeleteProfileResult.iccidOrAidNotFound;
  if (record.enabled) return DeleteProfileResult.profileNotInDisabledState;
  const metadata = metadataOf(record);
  if (hasRule(metadata, 'ppr2')) return DeleteProfileResult.disallowedByPolicy;
  if (record.iccid === keep) return DeleteProfileResult.rollbackNotAvailable;
  if (record.iccid === chip.state.fallback?.previous) {
    return DeleteProfileResult.returnFallbackProfile;
  }
  addNotifications(chip, 'notificationDelete', metadata);
  chip.state.profiles = chip.state.profiles.filter((profile) => profile !== record);
  chip.state.freeMemory += record.size;
  return DeleteProfileResult.ok;
}

/** Moves the attribute to this profile, whose metadata must allow it (SGP.32 2.9.1). */
export function setFallbackAttribute(chip: Chip, iccid: Uint8Array): number {
  const record = find(chip, iccid);
  if (record === undefined) return SetFallbackAttributeResult.iccidOrAidNotFound;
  if (metadataOf(record).fallbackAllowed !== true) {
    return SetFallbackAttributeResult.fallbackNotAllowed;
  }
  if (chip.state.fallback !== undefined) return SetFallbackAttributeResult.fallbackProfileEnabled;
  for (const profile of chip.state.profiles) delete profile.fallbackAttribute;
  record.fallbackAttribute = true;
  return SetFallbackAttributeResult.ok;
}

export function unsetFallbackAttribute(chip: Chip): number {
  const record = chip.state.profiles.find((profile) => profile.fallbackAttribute);
  if (record === undefined) return UnsetFallbackAttributeResult.noFallbackAttribute;
  if (chip.state.fallback !== undefined) return UnsetFallbackAttributeResult.fallbackProfileEnabled;
  delete record.fallbackAttribute;
  return UnsetFallbackAttributeResult.ok;
}

/**
 * Disables the enabled profile, and enables `record` where there is one: each with its notifications, the disabled one's
 * first.
 */
export function switchTo(chip: Chip, record: ProfileRecord | undefined): void {
  const enabled = enabledProfile(chip);
  if (enabled !== undefined) {
    enabled.enabled = false;
    addNotifications(chip, 'notificationDisable', metadataOf(enabled));
  }
  if (record !== undefined) {
    record.enabled = true;
    addNotifications(chip, 'notificationEnable', metadataOf(record));
  }
  chip.state.refreshPending = true;
}

export function enabledProfile(chip: Chip): ProfileRecord | undefined {
  return chip.state.profiles.find((profile) => profile.enabled);
}

/** The profile with this ICCID in hex. */
export function profileOf(chip: Chip, iccid: string | undefined): ProfileRecord | undefined {
  return chip.state.profiles.find((profile) => profile.iccid === iccid);
}

export function metadataOf(record: ProfileRecord): StoreMetadataRequest {
  return StoreMetadataRequest.decode(hex(record.metadata));
}

function find(chip: Chip, iccid: Uint8Array): ProfileRecord | undefined {
  return profileOf(chip, toHex(iccid));
}

function hasRule(metadata: StoreMetadataRequest, rule: 'ppr1' | 'ppr2'): boolean {
  return metadata.profilePolicyRules?.includes(rule) ?? false;
}
