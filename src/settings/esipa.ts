/** ESipa: where it is served, and what is answered. */
import { z } from 'zod';
import { duration, flag, setting } from './setting.ts';

export const esipa = {
  paths: setting(
    z.array(z.string().regex(/^[^/].*[^/]$/, "a path without '/' at its ends")).min(1),
    ['gsma/rsp2/asn1', 'esipa'],
    'Uri-Paths that ESipa is served under over CoAP (SGP.32 6.1); devices in the field use either.',
  ),
  contentFormats: setting(
    z.array(z.int().min(0).max(65535)).min(1),
    [42],
    'Content-Formats a request may carry (42: octet-stream); none is always accepted. The first is answered.',
  ),
  unknownEid: setting(
    z.enum(['eidNotFound', 'noEimPackageAvailable']),
    'eidNotFound',
    'What a poll for an EID nobody knows is answered: eidNotFound (SGP.32 v1.2) or noEimPackageAvailable,',
    'all that devices of v1.0 know.',
  ),
  boundEidsOpen: setting(
    flag,
    false,
    'true: an EID that a device is bound to may also be spoken for by others.',
  ),
  reportKept: setting(
    duration,
    '10m',
    'How long a notification or result that a device sends once more, octet for octet, is acknowledged without being',
    'taken again; at most coap.bodyLifetime. 0s: it is taken again.',
  ),
} as const;
