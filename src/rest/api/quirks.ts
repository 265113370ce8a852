/** Deviations of devices, as /v1 answers them. */
import { z } from 'zod';

/** One deviation of one eUICC's device. */
export const QuirkView = z.strictObject({
  name: z.string(),
  about: z.string(),
  count: z.number(),
  first: z.iso.datetime(),
  last: z.iso.datetime(),
  where: z.string().describe('Where in the message it last was'),
});
export type QuirkView = z.infer<typeof QuirkView>;

/** GET /v1/euiccs/:eid/quirks. */
export const QuirksOfEuicc = z.strictObject({
  eid: z.string(),
  quirks: z.array(QuirkView).readonly(),
});
export type QuirksOfEuicc = z.infer<typeof QuirksOfEuicc>;

/** One deviation of the eUICCs of one EUM. */
export const QuirkOfEumView = z.strictObject({
  eum: z.string().describe('The first 8 digits of their EIDs'),
  name: z.string(),
  euiccs: z.number(),
  count: z.number(),
  first: z.iso.datetime(),
  last: z.iso.datetime(),
});
export type QuirkOfEumView = z.infer<typeof QuirkOfEumView>;

/** GET /v1/quirks: those met, and all that are known. */
export const QuirkOverview = z.strictObject({
  eums: z.array(QuirkOfEumView).readonly(),
  known: z
    .array(
      z.strictObject({
        name: z.string(),
        about: z.string(),
        evidence: z.string(),
      }),
    )
    .readonly(),
});
export type QuirkOverview = z.infer<typeof QuirkOverview>;
