/** Deviations of devices, as /v1 answers them. */
import { z } from 'zod';

/** One deviation of one eUICC's device. */
export const QuirkView = z.strictObject({
  name: z.string().describe('Name of the deviation'),
  about: z.string().describe('What the device does otherwise'),
  count: z.number().describe('How often it was met'),
  first: z.iso.datetime().describe('When it was first met'),
  last: z.iso.datetime().describe('When it was last met'),
  where: z.string().describe('Where in the message it last was'),
});
export type QuirkView = z.infer<typeof QuirkView>;

/** GET /v1/euiccs/:eid/quirks. */
export const QuirksOfEuicc = z.strictObject({
  eid: z.string().describe('EID of the eUICC'),
  quirks: z.array(QuirkView).readonly().describe('What its device was met with'),
});
export type QuirksOfEuicc = z.infer<typeof QuirksOfEuicc>;

/** One deviation of the eUICCs of one EUM. */
export const QuirkOfEumView = z.strictObject({
  eum: z.string().describe('The first 8 digits of their EIDs'),
  name: z.string().describe('Name of the deviation'),
  euiccs: z.number().describe('How many of its eUICCs were met with it'),
  count: z.number().describe('How often it was met'),
  first: z.iso.datetime().describe('When it was first met'),
  last: z.iso.datetime().describe('When it was last met'),
});
export type QuirkOfEumView = z.infer<typeof QuirkOfEumView>;

/** GET /v1/quirks: those met, and all that are known. */
export const QuirkOverview = z.strictObject({
  eums: z.array(QuirkOfEumView).readonly().describe('What was met, by EUM'),
  known: z
    .array(
      z.strictObject({
        name: z.string().describe('Name of the deviation'),
        about: z.string().describe('What such devices do otherwise'),
        evidence: z.string().describe('Where it is known from'),
      }),
    )
    .readonly()
    .describe('All deviations that the eIM tells apart, met or not'),
});
export type QuirkOverview = z.infer<typeof QuirkOverview>;
