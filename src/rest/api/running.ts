/** The eIM as a process: what /readyz and /v1/reload answer. */
import { z } from 'zod';

/** GET /healthz. */
export const HealthView = z.strictObject({ status: z.literal('ok').describe('It answers') });

/** GET /readyz: each check is `ok`, or says what is wrong. */
export const ReadinessView = z.strictObject({
  status: z.enum(['ready', 'not ready']).describe('`ready` when every check is `ok`'),
  checks: z
    .strictObject({
      store: z.string().describe('Whether the store takes writes'),
      coaps: z.string().describe('Whether devices are listened for'),
      stopping: z.string().describe('`ok` unless a stop has begun'),
    })
    .describe('Each is `ok`, or says what is wrong'),
});
export type ReadinessView = z.infer<typeof ReadinessView>;

/** POST /v1/reload. */
export const ReloadView = z.strictObject({
  at: z.iso.datetime().describe('When it was read'),
  applied: z.array(z.string()).readonly().describe('What was read again'),
  kept: z
    .array(
      z.strictObject({
        part: z.string().describe('As in `applied`'),
        why: z.string().describe('What is wrong with it, for people'),
      }),
    )
    .readonly()
    .describe('What could not be read, and is as it was'),
  restart: z
    .array(z.string())
    .readonly()
    .describe('Settings that are others now, and take a restart'),
});
export type ReloadView = z.infer<typeof ReloadView>;
