/**
 * GET /metrics: what the eIM counts, in the text format of Prometheus, with the DTLS side added. No label names a device
 * or an address: there are as many lines as there are states and reasons.
 */
import type { Sample } from '../base/metrics.ts';
import type { Desk } from './desk.ts';
import { type Route, route } from './route.ts';

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

export function metricsRoute(desk: Desk): Route {
  addDtls(desk);
  return route('GET /metrics', {
    about: 'Counts for Prometheus',
    gives: { 200: { about: 'in the text format of Prometheus', type: metricsType } },
    answer: () => ({ status: 200, type: metricsType, body: desk.metrics.text() }),
  });
}

function addDtls({ metrics, dtls, info }: Desk): void {
  metrics.gauge('coap_eim_dtls_connections', 'DTLS connections in memory.', () => {
    const { awake, asleep } = dtls.holds;
    return [
      [{ state: 'awake' }, awake],
      [{ state: 'asleep' }, asleep],
    ];
  });
  metrics.gauge(
    'coap_eim_dtls_handshakes',
    'DTLS handshakes under way.',
    () => dtls.holds.handshakes,
  );
  metrics.gauge(
    'coap_eim_dtls_sessions',
    'DTLS sessions in memory that may be resumed by ID.',
    () => dtls.holds.sessions,
  );
  metrics.counted(
    'coap_eim_dropped_total',
    'What came from the wire and was dropped, by reason.',
    () =>
      Object.entries(info().drops).map(([key, count]): Sample => {
        const [room = '', ...reason] = key.split(': ');
        return [{ room, reason: reason.join(': ') }, count];
      }),
  );
}
