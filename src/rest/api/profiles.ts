/** Profiles of all eUICCs, as they told of them last. */
import { z } from 'zod';
import { anyIccid, eidText } from './ids.ts';
import { pageLimit } from './query.ts';

/** GET /v1/profiles: in the order of EIDs, then of ICCIDs. */
export const ProfileQuery = z.strictObject({
  eid: eidText.exactOptional().describe('of this eUICC alone'),
  iccid: anyIccid.exactOptional().describe('printed digits, or the hex of EF.ICCID'),
  state: z.enum(['enabled', 'disabled']).exactOptional().describe('in that state alone'),
  after: z
    .string()
    .regex(/^[0-9]{32}\/[0-9A-Fa-f]{1,20}$/, 'must be the `next` of the page before')
    .exactOptional()
    .describe('`next` of the page before: `<eid>/<efIccid>`'),
  limit: pageLimit,
});

/** A profile, without whose eUICC's it is. */
export const ProfileView = z.strictObject({
  iccid: z.string().describe('Printed digits; the hex where it holds none'),
  efIccid: z.string().describe('As in EF.ICCID: 20 hex digits, nibble-swapped'),
  isdpAid: z.string().exactOptional().describe('AID of its ISD-P, hex'),
  state: z.string().exactOptional().describe('enabled or disabled'),
  class: z.string().exactOptional().describe('test, provisioning or operational'),
  name: z.string().exactOptional().describe('profileName'),
  serviceProviderName: z.string().exactOptional().describe('Of whose network it is'),
  nickname: z.string().exactOptional().describe('profileNickname'),
  fallback: z.boolean().exactOptional().describe('It has the fallback attribute (SGP.32 2.11.1.1)'),
  fallbackAllowed: z.boolean().exactOptional().describe('It may have the fallback attribute'),
});
export type ProfileView = z.infer<typeof ProfileView>;

/** One of the fleet's profiles. */
export const FleetProfileView = ProfileView.extend({
  eid: z.string().describe('EID of its eUICC'),
  told: z.iso.datetime().describe('When the eUICC told of it'),
});
export type FleetProfileView = z.infer<typeof FleetProfileView>;

export const ProfileList = z.strictObject({
  profiles: z.array(FleetProfileView).describe('By EID, then by ICCID'),
  next: z
    .string()
    .exactOptional()
    .describe('There may be more: ask again with `after` set to this'),
});
export type ProfileList = z.infer<typeof ProfileList>;
