/** Members of queries that several lists have. */
import { z } from 'zod';

/** Yes or no in a query, which is text there. */
export const queryFlag = z.enum(['true', 'false']).transform((text) => text === 'true');

/** A number of a query, which is text there. */
export const queryNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^[0-9]{1,15}$/, `must be a number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, {
      error: `must be a number from ${least} to ${most}`,
    })
    .meta({ type: 'integer', minimum: least, maximum: most });

/** How many a page has. */
export const pageLimit = queryNumber(1, 1000)
  .exactOptional()
  .describe('how many at the most; 100 unless it is said');

/** Where a page goes on. */
export const cursor = <Value>(schema: z.ZodType<Value>) =>
  schema.exactOptional().describe('`next` of the page before: goes on behind it');
