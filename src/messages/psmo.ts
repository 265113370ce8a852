/** Profile state management operations and their results (SGP.32 2.11.1, 2.11.2). */

import { hex } from '../base/bytes.ts';
import { Iccid, OctetTo16 } from './basic.ts';
import {
  profileListBare,
  profileListErrorWrapped,
  setDefaultDpAddressResultUniversal,
} from './field-shapes.ts';
import {
  bitString,
  integer,
  nothing,
  objectIdentifier,
  octetString,
  utf8String,
} from './primitives.ts';
import { OperatorId, PprIds, ProfileClass, ProfileInfo } from './rsp.ts';
import {
  application,
  choice,
  context,
  define,
  type Infer,
  openChoice,
  optional,
  sequence,
  sequenceOf,
} from './schema.ts';
import { tolerating } from './tolerating.ts';

/** SGP.22 5.7.15, tag BF2D: searchCriteria [0] (4F, 5A or 95), tagList 5C; without them all profiles, default data. */
export const ProfileInfoListRequest = define(
  'ProfileInfoListRequest',
  context(
    45,
    sequence({
      searchCriteria: optional(
        context(
          0,
          choice({
            isdpAid: application(15, OctetTo16),
            iccid: Iccid,
            profileClass: context(21, integer(ProfileClass)),
          }),
        ),
      ),
      tagList: optional(application(28, octetString())),
    }),
  ),
);
export type ProfileInfoListRequest = Infer<typeof ProfileInfoListRequest>;

/**
 * What an eUICC tells of a profile where no tagList is sent (SGP.32 5.9.14), and the nickname: ICCID, AID, state,
 * nickname, service provider, name, class, eCall indication, fallback attribute, fallback allowed.
 */
export const defaultProfileTags = hex('5A 4F 9F70 90 91 92 95 9F7B 9F26 9F67');

export const ProfileInfoListError = {
  incorrectInputValues: 1,
  profileChangeOngoing: 11,
  undefinedError: 127,
} as const;

/** Tag BF2D: A0 with the profiles, or 81. */
export const ProfileInfoListResponse = define(
  'ProfileInfoListResponse',
  tolerating(
    context(
      45,
      choice({
        profileInfoListOk: sequenceOf(ProfileInfo),
        profileInfoListError: integer(ProfileInfoListError),
      }),
    ),
    profileListBare,
    profileListErrorWrapped,
  ),
);
export type ProfileInfoListResponse = Infer<typeof ProfileInfoListResponse>;

/** SGP.32, tag BF65: an FQDN. */
export const SetDefaultDpAddressRequest = define(
  'SetDefaultDpAddressRequest',
  context(101, sequence({ defaultDpAddress: utf8String() })),
);

export const SetDefaultDpAddressResult = { ok: 0, undefinedError: 127 } as const;

export const SetDefaultDpAddressResponse = define(
  'SetDefaultDpAddressResponse',
  tolerating(
    context(101, sequence({ setDefaultDpAddressResult: integer(SetDefaultDpAddressResult) })),
    setDefaultDpAddressResultUniversal,
  ),
);

const oneProfile = sequence({ iccid: application(26, Iccid) });

/** One operation: the numbers of its arms are those of the standard, 3 to 9, 45 and 101. */
export const Psmo = define(
  'Psmo',
  openChoice({
    enable: context(
      3,
      sequence({ iccid: application(26, Iccid), rollbackFlag: optional(nothing()) }),
    ),
    disable: context(4, oneProfile),
    delete: context(5, oneProfile),
    listProfileInfo: context(45, ProfileInfoListRequest),
    getRAT: context(6, sequence({})),
    configureImmediateEnable: context(
      7,
      sequence({
        immediateEnableFlag: optional(context(0, nothing())),
        defaultSmdpOid: optional(context(1, objectIdentifier())),
        defaultSmdpAddress: optional(context(2, utf8String())),
      }),
    ),
    setFallbackAttribute: context(8, oneProfile),
    unsetFallbackAttribute: context(9, sequence({})),
    setDefaultDpAddress: context(101, SetDefaultDpAddressRequest),
  }),
);
export type Psmo = Infer<typeof Psmo>;

export const EnableProfileResult = {
  ok: 0,
  iccidOrAidNotFound: 1,
  profileNotInDisabledState: 2,
  disallowedByPolicy: 3,
  catBusy: 5,
  rollbackNotAvailable: 20,
  undefinedError: 127,
} as const;

export const DisableProfileResult = {
  ok: 0,
  iccidOrAidNotFound: 1,
  profileNotInEnabledState: 2,
  disallowedByPolicy: 3,
  catBusy: 5,
  undefinedError: 127,
} as const;

export const DeleteProfileResult = {
  ok: 0,
  iccidOrAidNotFound: 1,
  profileNotInDisabledState: 2,
  disallowedByPolicy: 3,
  rollbackNotAvailable: 20,
  returnFallbackProfile: 21,
  undefinedError: 127,
} as const;

export const ConfigureImmediateEnableResult = {
  ok: 0,
  insufficientMemory: 1,
  commandError: 7,
  undefinedError: 127,
} as const;

export const RollbackProfileResult = { ok: 0, undefinedError: 127 } as const;

export const SetFallbackAttributeResult = {
  ok: 0,
  iccidOrAidNotFound: 1,
  fallbackNotAllowed: 2,
  fallbackProfileEnabled: 3,
  undefinedError: 127,
} as const;

export const UnsetFallbackAttributeResult = {
  ok: 0,
  noFallbackAttribute: 2,
  fallbackProfileEnabled: 3,
  commandError: 7,
  undefinedError: 127,
} as const;

/** pprIds [0], allowedOperators [1], pprFlags [2]. */
export const ProfilePolicyAuthorisationRule = define(
  'ProfilePolicyAuthorisationRule',
  sequence({
    pprIds: PprIds,
    allowedOperators: sequenceOf(OperatorId),
    pprFlags: bitString(['consentRequired']),
  }),
);

export const RulesAuthorisationTable = define(
  'RulesAuthorisationTable',
  sequenceOf(ProfilePolicyAuthorisationRule),
);
export type RulesAuthorisationTable = Infer<typeof RulesAuthorisationTable>;
