/** The operations that orders are made of, as JSON: PSMOs, eCOs and data requests (SGP.32 2.11.1). */
import { z } from 'zod';
import { hex, toHex } from '../base/bytes.ts';
import type { Iccid } from '../messages/ids.ts';
import { objectIdentifier } from '../messages/primitives.ts';
import { dataTags, tagListOf, tagsOf } from '../messages/tag-list.ts';
import { DerError } from '../messages/tlv.ts';
import { delegate, hexText, oneOf, parsed } from './checks.ts';
import { addedConfiguration, changedConfiguration, eimId } from './eim-configuration.ts';

const nothing = z.strictObject({});
const flag = z.boolean();
const rollback = flag.describe(
  'the device goes back to the profile of before where the new one gives it no connection',
);

const smdpAddress = z
  .string()
  .max(255)
  .regex(/^[^\s/$]*$/, 'must be a host, or host:port')
  .describe('SM-DP+: a host, or host:port');

const oid = parsed((text) => {
  objectIdentifier().encode(text);
  return text;
}, 'OID of the SM-DP+: 1.3.6.1.4.1.99999.1');

/** What listProfileInfo (ES10c.GetProfilesInfo, SGP.22 5.7.15) may ask for; `iccid` in the form that is given. */
function profileSearch(iccid: z.ZodType<Iccid>) {
  return z.strictObject({
    searchCriteria: oneOf({
      iccid,
      isdpAid: hexText(5, 16).describe('AID of its ISD-P, hex'),
      profileClass: z.int().min(0).max(2).describe('0: test, 1: provisioning, 2: operational'),
    })
      .exactOptional()
      .describe('which profiles; absent: all'),
    tagList: hexText(1, 64)
      .exactOptional()
      .describe('tags of ProfileInfo (SGP.22 5.7.15), hex; absent: as the eUICC does by default'),
  });
}

/** PSMOs by their names; `iccid` in the form that is given. */
export function psmos(iccid: z.ZodType<Iccid>) {
  const oneProfile = z.strictObject({ iccid });
  return {
    enable: z
      .strictObject({ iccid, rollback: rollback.exactOptional() })
      .describe('Enable a profile; the one enabled before is disabled'),
    disable: oneProfile.describe('Disable a profile'),
    delete: oneProfile.describe('Delete a profile that is disabled'),
    listProfileInfo: profileSearch(iccid).describe('Ask what profiles there are'),
    getRAT: nothing.describe('Ask for the Rules Authorisation Table'),
    configureImmediateEnable: z
      .strictObject({
        immediateEnableFlag: flag
          .exactOptional()
          .describe('true: a profile is enabled as soon as it is installed; absent: it is not'),
        defaultSmdpOid: oid.exactOptional(),
        defaultSmdpAddress: smdpAddress.exactOptional(),
      })
      .describe('Say whether profiles are enabled as soon as they are installed'),
    setFallbackAttribute: oneProfile.describe('Make a profile the one to fall back to'),
    unsetFallbackAttribute: nothing.describe('Have no profile to fall back to'),
    setDefaultDpAddress: z
      .strictObject({
        defaultDpAddress: smdpAddress.describe(
          'SM-DP+: a host, or host:port; empty: the eUICC is to have none',
        ),
      })
      .describe('Say which SM-DP+ is the default one'),
  };
}

/** configureImmediateEnable as SGP.32 v1.0 calls it. */
export const configureAutoEnable = z.strictObject({
  autoEnableFlag: flag
    .exactOptional()
    .describe('true: a profile is enabled as soon as it is installed; absent: it is not'),
  smdpOid: oid.exactOptional(),
  smdpAddress: smdpAddress.exactOptional(),
});

/** eCOs by their names. An EimConfigurationData comes out as the hex of its DER, whichever way it came in. */
export const ecos = {
  addEim: addedConfiguration.describe('Associate another eIM'),
  updateEim: changedConfiguration.describe('Change what the eUICC holds of an eIM'),
  deleteEim: z
    .strictObject({ eimId })
    .describe('End the association of an eIM; of the last one too'),
  listEim: nothing.describe('Ask what eIMs there are'),
};

/** Tags that v1.0 had in the place of others; those devices know no other. */
const formerTags = [0x80, 0x88, 0xbf2b];

/** All that tells of eUICC, IPA and device (facts: `81 BF20 BF22 83 84 A5 A6 A8 A9`): not what has to be acknowledged. */
function defaultTagList(): string {
  const tags = new Map(dataTags());
  tags.delete('notificationsList');
  tags.delete('euiccPackageResultList');
  return toHex(tagListOf(tags.values()));
}

/** The tags of a tagList in hex. Throws BytesError or DerError. */
function tagsOfHex(text: string): readonly number[] {
  return tagsOf(hex(text));
}

/** A tagList in hex, checked; see docs/interpretation-log.md#data-request-taglist. */
const tagListHex = parsed((text) => {
  const known = [...dataTags().values(), ...formerTags];
  const wrong = tagsOfHex(text).find((tag) => !known.includes(tag));
  if (text === '') throw new DerError('', 'is empty');
  if (wrong === undefined) return text;
  const tag = toHex(tagListOf([wrong]));
  throw new DerError('', `has ${tag}, which no IPA answers${insteadOf[tag] ?? ''}`);
}, 'tags of IpaEuiccData, one after the other, hex: BF20BF22');

const insteadOf: Readonly<Record<string, string>> = {
  '5A': ': the EID is known',
  BF2D: ': profiles are asked for with listProfileInfo',
};

/** Names of IpaEuiccData, as the hex of their tags. */
const tagNames = z
  .array(z.string())
  .min(1)
  .max(32)
  .transform((names, context): string => {
    const known = dataTags();
    const tags = names.map((name) => known.get(name));
    const wrong = names.find((name) => !known.has(name));
    if (wrong !== undefined) {
      const message = `has ${JSON.stringify(wrong)}, which is none of ${[...known.keys()].join(', ')}`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
    return toHex(tagListOf(tags.filter((tag) => tag !== undefined)));
  });

const seqNumber = z.int().min(0).describe('the number that the eUICC gave it');

const events = [
  'notificationInstall',
  'notificationEnable',
  'notificationDisable',
  'notificationDelete',
] as const;

const criteria = {
  euiccCiPKId: hexText(1, 20)
    .exactOptional()
    .describe('key identifier of the CI whose certificates are wanted, or its first octets, hex'),
  searchCriteriaNotification: oneOf({
    seqNumber,
    profileManagementOperation: z
      .array(z.enum(events))
      .min(1)
      .max(4)
      .describe('those of these operations'),
  })
    .exactOptional()
    .describe('which of notificationsList; absent: all'),
  searchCriteriaEuiccPackageResult: oneOf({ seqNumber })
    .exactOptional()
    .describe('which of euiccPackageResultList; absent: all'),
};

interface Asked {
  readonly tagList: string;
  readonly searchCriteriaNotification?: unknown;
  readonly searchCriteriaEuiccPackageResult?: unknown;
}

/** Criteria choose within lists: without the list they would be of no effect, unnoticed. */
function criteriaHaveLists(asked: Asked, context: z.core.$RefinementCtx<Asked>): void {
  // Complained of already.
  if (typeof asked.tagList !== 'string') return;
  const tags = tagsOfHex(asked.tagList);
  const chosen = [
    ['searchCriteriaNotification', 0xa0],
    ['searchCriteriaEuiccPackageResult', 0xa2],
  ] as const;
  for (const [name, tag] of chosen) {
    if (asked[name] === undefined || tags.includes(tag)) continue;
    const message = `chooses within ${toHex(tagListOf([tag]))}, which the tagList does not have`;
    context.addIssue({ code: 'custom', path: [name], message });
  }
}

/** A data request, as facility edr takes it. */
export const dataRequest = z
  .strictObject({ tagList: tagListHex, ...criteria })
  .superRefine(criteriaHaveLists);

/** The same as /v1 takes it: the tagList also as names, or left out. */
export const namedDataRequest = z
  .strictObject({
    tagList: z
      .unknown()
      .optional()
      .describe(
        'names of IpaEuiccData: ["euiccInfo2", "deviceInfo"], or their tags in hex; absent: all but what has to be acknowledged',
      ),
    ...criteria,
  })
  .transform(({ tagList, ...chosen }, context) => {
    const form = Array.isArray(tagList) ? tagNames : tagListHex;
    const tags =
      tagList === undefined ? defaultTagList() : delegate(form, tagList, context, ['tagList']);
    return { tagList: tags, ...chosen };
  })
  .superRefine(criteriaHaveLists);
