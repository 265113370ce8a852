/** Package injection: orders pushed to devices. */
import { z } from 'zod';
import { count, duration, setting } from './setting.ts';

export const push = {
  silence: setting(
    duration,
    '30s',
    'A device that an order is pushed to (package injection, SGP.32 3.1.1.2) and that is silent for so long counts as',
    'not there, and the order waits for its poll. Longer where devices listen seldom (eDRX).',
  ),
  answer: setting(
    duration,
    '3m',
    'Longest wait for the answer of a device that is there: what is pushed may take the eUICC a while.',
  ),
  atOnce: setting(count, 64, 'Most pushes under way; one at a time for each eUICC.'),
  waiting: setting(
    count,
    10_000,
    'Most eUICCs that wait for a push; orders of others wait for their poll.',
  ),
  path: setting(
    z.string().regex(/^[^/].*[^/]$/, "a path without '/' at its ends"),
    'gsma/rsp2/asn1',
    'Uri-Path of TransferEimPackage on the device, which is the CoAP server there.',
  ),
} as const;
