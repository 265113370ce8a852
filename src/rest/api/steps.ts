/** The steps that an order is made of, as /v1 takes them. */
import { z } from 'zod';
import { parseDuration } from '../../base/duration.ts';
import { parseActivationCode } from '../../messages/activation-code.ts';
import { parseSmdpAddress } from '../../messages/smdp-address.ts';
import type { DownloadSource } from '../../orders/order.ts';
import { oneOf, parsed } from '../checks.ts';
import { ecos, namedDataRequest, psmos } from '../operations.ts';
import { anyIccid } from './ids.ts';

/** An activation code, without `LPA:` afterwards. */
export const activationCode: z.ZodType<string> = parsed(
  (text) => parseActivationCode(text).text,
  'Activation code (SGP.22 4.1), with or without LPA:: 1$smdp.example.com$MATCHING-ID',
);

/** As its user would type it (SGP.22 3.1.1.3): never kept or told in clear. */
export const confirmationCode = z
  .string()
  .regex(
    /^[^\p{C}\p{Z}](?:[^\p{C}]{0,126}[^\p{C}\p{Z}])?$/u,
    'must be 1 to 128 printable characters',
  )
  .describe('As its user would type it; kept as its hash, told never');

/** Host, or host:port, of an SM-DS. */
const serverAddress = parsed((text) => parseSmdpAddress(text).text, 'SM-DS: a host, or host:port');

/** EventID of an SM-DS: the matchingId at the SM-DP+ (SGP.22 4.1.1). */
const eventId = z
  .string()
  .regex(/^[A-Za-z0-9._~-]{1,128}$/, "must be of letters, digits, '-', '.', '_' and '~'")
  .describe('EventID of the SM-DS');

const sources = ['activationCode', 'defaultSmdp', 'smds'] as const;

/** A download: its source is exactly one of three. */
const download = z
  .strictObject({
    activationCode: activationCode.exactOptional(),
    defaultSmdp: z
      .literal(true)
      .exactOptional()
      .describe('The SM-DP+ whose address the eUICC holds'),
    smds: z
      .strictObject({ address: serverAddress.exactOptional(), eventId: eventId.exactOptional() })
      .exactOptional()
      .describe(
        "Without an address: the eUICC's root SM-DS; without an event: the first that it has",
      ),
    confirmationCode: confirmationCode.exactOptional(),
    mode: z
      .enum(['indirect', 'direct'])
      .exactOptional()
      .describe('through the eIM, or by the device itself; absent: as its IPA can'),
  })
  .transform(({ confirmationCode, mode, ...source }, context) => {
    const given = sources.filter((name) => source[name] !== undefined);
    const { activationCode: code, smds } = source;
    if (given.length !== 1) {
      const path = given.slice(1, 2);
      context.addIssue({
        code: 'custom',
        path,
        message: `must be exactly one of ${sources.join(', ')}`,
      });
      return z.NEVER;
    }
    const wanted: DownloadSource =
      code !== undefined
        ? { activationCode: code }
        : smds !== undefined
          ? { smds }
          : { defaultSmdp: true };
    return {
      ...wanted,
      ...(confirmationCode === undefined ? {} : { confirmationCode }),
      ...(mode === undefined ? {} : { mode }),
    };
  });

const minute = 60_000;
const day = 24 * 60 * minute;

/** Milliseconds, of a text such as `2h`. */
const within = parsed(parseDuration).refine((length) => length >= minute && length <= 90 * day, {
  error: 'must be from 1m to 90d',
});

/** That the device comes back, and proves it, in so many polls and so long at the most. */
const confirm = z
  .strictObject({
    polls: z
      .int()
      .min(1)
      .max(100)
      .exactOptional()
      .describe('how often the question is handed out at the most; absent: 3'),
    within: within.exactOptional().describe('how long the device may stay away; absent: 24h'),
  })
  .transform((wanted) => ({ polls: 3, within: day, ...wanted }));

const operations = psmos(anyIccid);

/** One step of an order, as /v1 takes it. */
export const Step = oneOf({
  download: download.describe('Download a profile and install it'),
  ...operations,
  enable: operations.enable
    .extend({ iccid: anyIccid.exactOptional() })
    .describe('Enable a profile: without an ICCID the one that the download before it installed'),
  ...ecos,
  edr: namedDataRequest.describe('Ask for data of eUICC, IPA and device'),
  confirm: confirm.describe('Have the device come back, and prove it'),
});
export type Step = z.infer<typeof Step>;
