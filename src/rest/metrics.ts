/**
 * GET /metrics: counts of the DTLS side in the text format of Prometheus. No label names a device or an address: there
 * are as many lines as there are states and reasons.
 */
import type { Desk } from './desk.ts';
import { type Route, route } from './route.ts';

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];
}

export function metricsRoute(desk: Desk): Route {
  return route('GET /metrics', {
    about: 'Counts for Prometheus',
    gives: { 200: { about: 'in the text format of Prometheus', type: metricsType } },
    answer: () => ({ status: 200, type: metricsType, body: textOf(metricsOf(desk)) }),
  });
}

function metricsOf({ dtls, info }: Desk): readonly Metric[] {
  const { awake, asleep, handshakes, sessions } = dtls.holds;
  const drops = Object.entries(info().drops);
  return [
    {
      name: 'coap_eim_dtls_connections',
      type: 'gauge',
      help: 'DTLS connections in memory.',
      samples: [
        [{ state: 'awake' }, awake],
        [{ state: 'asleep' }, asleep],
      ],
    },
    {
      name: 'coap_eim_dtls_handshakes',
      type: 'gauge',
      help: 'DTLS handshakes under way.',
      samples: [[{}, handshakes]],
    },
    {
      name: 'coap_eim_dtls_sessions',
      type: 'gauge',
      help: 'DTLS sessions in memory that may be resumed by ID.',
      samples: [[{}, sessions]],
    },
    {
      name: 'coap_eim_dropped_total',
      type: 'counter',
      help: 'What came from the wire and was dropped, by reason.',
      samples: drops.map(([key, count]) => {
        const [room = '', ...reason] = key.split(': ');
        return [{ room, reason: reason.join(': ') }, count];
      }),
    },
  ];
}

function textOf(metrics: readonly Metric[]): string {
  return metrics
    .flatMap(({ name, type, help, samples }) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...samples.map(([labels, value]) => `${name}${labelsOf(labels)} ${value}`),
    ])
    .map((line) => `${line}\n`)
    .join('');
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
