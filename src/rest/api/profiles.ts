/** Profiles of all eUICCs, as they told of them last. */
import { z } from 'zod';
import { anyIccid, eidText } from './ids.ts';
import { queryNumber } from './query.ts';

/** GET /v1/profiles: in the order of EIDs, then of ICCIDs. */
export const ProfileQuery = z.strictObject({
  eid: eidText.exactOptional(),
  iccid: anyIccid.exactOptional(),
  state: z.enum(['enabled', 'disabled']).exactOptional(),
  /** `next` of the page before: `<eid>/<efIccid>`. */
  after: z
    .string()
    .regex(/^[0-9]{32}\/[0-9A-Fa-f]{1,20}$/, 'must be the `next` of the page before')
    .exactOptional(),
  limit: queryNumber(1, 1000).exactOptional(),
});

/** A profile, without whose eUICC's it is. */
export const ProfileView = z.strictObject({
  /** Printed digits; the hex where it holds none. */
  iccid: z.string(),
  /** As in EF.ICCID: 20 hex digits, nibble-swapped. */
  efIccid: z.string(),
  isdpAid: z.string().exactOptional(),
  state: z.string().exactOptional(),
  class: z.string().exactOptional(),
  name: z.string().exactOptional(),
  serviceProviderName: z.string().exactOptional(),
  nickname: z.string().exactOptional(),
  fallback: z.boolean().exactOptional(),
  fallbackAllowed: z.boolean().exactOptional(),
});
export type ProfileView = z.infer<typeof ProfileView>;

/** One of the fleet's profiles. */
export const FleetProfileView = ProfileView.extend({
  eid: z.string(),
  /** When the eUICC told of it. */
  told: z.iso.datetime(),
});
export type FleetProfileView = z.infer<typeof FleetProfileView>;

export const ProfileList = z.strictObject({
  profiles: z.array(FleetProfileView),
  /** There may be more: ask again with `after` set to this. */
  next: z.string().exactOptional(),
});
export type ProfileList = z.infer<typeof ProfileList>;
