/** The eIM as a process: what /readyz and /v1/reload answer. */
import { z } from 'zod';

/** GET /healthz. */
export const HealthView = z.strictObject({ status: z.literal('ok') });

/** GET /readyz: each check is `ok`, or says what is wrong. */
export const ReadinessView = z.strictObject({
  status: z.enum(['ready', 'not ready']),
  checks: z.strictObject({ store: z.string(), coaps: z.string(), stopping: z.string() }),
});
export type ReadinessView = z.infer<typeof ReadinessView>;

/** POST /v1/reload. */
export const ReloadView = z.strictObject({
  at: z.iso.datetime(),
  applied: z.array(z.string()).readonly().describe('What was read again'),
  kept: z
    .array(z.strictObject({ part: z.string(), why: z.string() }))
    .readonly()
    .describe('What could not be read, and is as it was'),
  restart: z
    .array(z.string())
    .readonly()
    .describe('Settings that are others now, and take a restart'),
});
export type ReloadView = z.infer<typeof ReloadView>;
