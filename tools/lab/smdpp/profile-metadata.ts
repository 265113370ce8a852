/** Profile Metadata (SGP.22 2.4a): what the eUICC and the user learn of a profile before its package. */
import { type Iccid, iccidOctets } from '../../../src/messages/ids.ts';
import { IconType, ProfileClass, StoreMetadataRequest } from '../../../src/messages/rsp.ts';

const eventNames = {
  install: 'notificationInstall',
  enable: 'notificationEnable',
  disable: 'notificationDisable',
  delete: 'notificationDelete',
} as const;

export type ProfileEvent = keyof typeof eventNames;

/** Whom the eUICC tells of which events of the profile. */
export interface NotificationTarget {
  readonly events: readonly ProfileEvent[];
  /** FQDN, or host:port in a lab. */
  readonly address: string;
}

export interface ProfileMetadata {
  readonly iccid: Iccid;
  /** At most 32 characters. */
  readonly serviceProviderName: string;
  /** At most 64 characters. */
  readonly profileName: string;
  /** Default operational. */
  readonly profileClass?: keyof typeof ProfileClass;
  /** Default: this SM-DP+, of every event, one entry each. */
  readonly notifications?: readonly NotificationTarget[];
  readonly icon?: { readonly type: keyof typeof IconType; readonly image: Uint8Array };
  /** MCC and MNC as in TS 24.008 (3 octets), and GIDs where the operator has them. */
  readonly owner?: {
    readonly mccMnc: Uint8Array;
    readonly gid1?: Uint8Array;
    readonly gid2?: Uint8Array;
  };
  readonly profilePolicyRules?: readonly ('ppr1' | 'ppr2')[];
  /** SGP.32: may become the fallback profile. */
  readonly fallbackAllowed?: boolean;
  /** SGP.32: an emergency profile. */
  readonly ecallIndication?: boolean;
}

/** StoreMetadataRequest `BF25…`. Throws DerError where a value does not fit. */
export function storeMetadataRequest(metadata: ProfileMetadata, smdpAddress: string): Uint8Array {
  const targets = metadata.notifications ?? everyEventTo(smdpAddress);
  const { icon, owner, profilePolicyRules, fallbackAllowed, ecallIndication } = metadata;
  return StoreMetadataRequest.encode({
    iccid: iccidOctets(metadata.iccid),
    serviceProviderName: metadata.serviceProviderName,
    profileName: metadata.profileName,
    ...(icon && { iconType: IconType[icon.type], icon: icon.image }),
    profileClass: ProfileClass[metadata.profileClass ?? 'operational'],
    ...(targets.length > 0 && {
      notificationConfigurationInfo: targets.map(({ events, address }) => ({
        profileManagementOperation: events.map((event) => eventNames[event]),
        notificationAddress: address,
      })),
    }),
    ...(owner && { profileOwner: owner }),
    ...(profilePolicyRules && { profilePolicyRules }),
    ...(ecallIndication !== undefined && { ecallIndication }),
    ...(fallbackAllowed !== undefined && { fallbackAllowed }),
  });
}

function everyEventTo(address: string): NotificationTarget[] {
  const events: readonly ProfileEvent[] = ['install', 'enable', 'disable', 'delete'];
  return events.map((event) => ({ events: [event], address }));
}
