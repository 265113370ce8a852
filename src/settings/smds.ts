/** When the eIM has SM-DSs asked by itself. */
import { z } from 'zod';
import { readBy } from '../base/read-by.ts';
import { IdError, parseEid } from '../messages/ids.ts';
import { parseSmdpAddress, SmdpAddressError } from '../messages/smdp-address.ts';
import { duration, optional, setting } from './setting.ts';

const address = readBy((text) => parseSmdpAddress(text).text, SmdpAddressError);
const eid = readBy(parseEid, IdError);

export const smds = {
  every: setting(
    optional(duration),
    undefined,
    'How often the eIM has an SM-DS asked for events of each eUICC, as an order would ({download: {smds: …}}), when the',
    'device polls and nothing else is due; what is found is downloaded. Not set: never, for each costs the device a session.',
  ),
  address: setting(
    optional(address),
    undefined,
    "The SM-DS that is asked so, host or host:port. Not set: each eUICC's root SM-DS.",
  ),
  eids: setting(
    z.array(eid),
    [],
    'The EIDs of the eUICCs whose events are looked for so; none: all.',
  ),
} as const;
