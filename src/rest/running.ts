/** The eIM as a process: whether it is alive and ready, and what it reads again. */
import { HealthView, ReadinessView, ReloadView } from './api/running.ts';
import type { Desk } from './desk.ts';
import { json, ok, type Route, route } from './route.ts';

export function runningRoutes({ running }: Desk): readonly Route[] {
  return [
    route('GET /healthz', {
      about: 'Whether the eIM is alive: it answers',
      gives: { 200: json(HealthView) },
      answer: () => ok({ status: 'ok' }),
    }),
    route('GET /readyz', {
      about: 'Whether the eIM can work: the store is written, devices are listened for, no stop',
      gives: {
        200: json(ReadinessView),
        503: json(ReadinessView, 'not ready; checks says why'),
      },
      answer: async () => {
        const { ready, checks } = await running.readiness();
        const body: ReadinessView = { status: ready ? 'ready' : 'not ready', checks };
        return { status: ready ? 200 : 503, body };
      },
    }),
    route('POST /v1/reload', {
      about: 'Read certificates, trust, CRLs, the map of SM-DP+s and the log level again',
      gives: { 200: json(ReloadView, 'what was read again, and what stays as it was') },
      answer: async () => {
        const { at, ...report } = await running.reload();
        const body: ReloadView = { at: new Date(at).toISOString(), ...report };
        return ok(body);
      },
    }),
  ];
}
