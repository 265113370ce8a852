/** Whom to believe of eUICCs, and how a new one begins. */
import { z } from 'zod';
import { duration, flag, onePath, paths, setting, text } from './setting.ts';

function isUrl(value: unknown): boolean {
  return typeof value === 'string' && /^[a-z]+:\/\//i.test(value);
}

/** A file, or where to fetch one. */
const crlSource = text.refine(
  (source) => !isUrl(source) || (/^https:/i.test(source) && URL.canParse(source)),
  {
    error: 'must be a file or an https URL: have lists of plain http fetched into a file',
  },
);

export const euicc = {
  roots: paths(
    'PEM files of the CI certificates that EUM and eUICC certificates must lead to (SGP.22 4.5.2.1).',
  ),
  crls: {
    ...setting(
      z.array(crlSource),
      [],
      'Revocation lists of those CIs (SGP.22 4.5.2): files (DER or PEM) and https URLs. A certificate that one of them',
      "names is not believed. What a certificate says of where its CI's lists are is not followed.",
    ),
    paths: (value: unknown, absolute: (path: string) => string): unknown =>
      Array.isArray(value)
        ? value.map((one) => (isUrl(one) ? one : onePath(one, absolute)))
        : value,
  },
  crlRefresh: setting(duration, '1h', 'How often the revocation lists are read again.'),
  crlGrace: setting(
    duration,
    '3d',
    'How long after its nextUpdate a revocation list counts as fresh; from nextUpdate on there are warnings.',
  ),
  staleCrl: setting(
    z.enum(['refuse', 'accept']),
    'refuse',
    'What a revocation list that is stale, or was never read, does: refuse: the key of an eUICC is not learned from',
    'certificates of that CI, and keys learned before stay good; accept: nothing, for a lab whose CI publishes none.',
  ),
  consumerEuicc: setting(
    flag,
    false,
    'true: a new eUICC counts as a consumer eUICC, whose results are believed without a signature check.',
  ),
  associationToken: setting(
    z.int(),
    1,
    'associationToken of a new eUICC (SGP.32 2.11.1.1.2): eUICCs count from 1.',
  ),
  counterStart: setting(
    z
      .int()
      .min(0)
      .max(2 ** 23 - 1),
    1,
    'counterValue in EimConfigurationData, and the last one taken as used for a new eUICC: packages go on from it.',
  ),
} as const;
