/**
 * What GET /metrics tells of a running eIM, declared in one place. Names follow Prometheus: a prefix, base units, and
 * `_total` for what only grows; no label names a device, an eUICC or an address.
 */
import { X509Certificate } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Histogram, Metrics, type Observe, type Sample } from './base/metrics.ts';
import type { ReloadReport } from './base/running-facts.ts';
import { Es9TransportError } from './es9/errors.ts';
import type { Https } from './es9/https.ts';
import type { HttpsServer } from './https-server.ts';
import type { Identity } from './identity.ts';
import type { Order } from './orders/order.ts';
import type { Orders } from './orders/orders.ts';
import type { Timed } from './procedures/eim.ts';
import type { CommitWatcher } from './store/watched.ts';

export class ServiceMetrics {
  readonly metrics = new Metrics();
  readonly #commits: Histogram;
  readonly #esipa: Histogram;
  /** What is told of each ESipa function, by its name. */
  readonly #functions = {
    answered: new Map<string, Observe>(),
    refused: new Map<string, Observe>(),
  };
  readonly #es9: Histogram;

  constructor(version: string) {
    const { metrics } = this;
    metrics.gauge('coap_eim_build_info', 'Always 1; what runs is in the labels.', () => [
      [{ version, node: process.version }, 1],
    ]);
    this.#esipa = metrics.histogram(
      'coap_eim_esipa_request_duration_seconds',
      'ESipa functions, by how long the answer took.',
    );
    this.#es9 = metrics.histogram(
      'coap_eim_es9_request_duration_seconds',
      'Requests to SM-DP+s and SM-DSs, by function and what came of them.',
    );
    this.#commits = metrics.histogram(
      'coap_eim_store_commit_duration_seconds',
      'Commits to the store, until they were durable.',
    );
    ofProcess(metrics);
  }

  /** For WatchedStore. */
  readonly commit: CommitWatcher = (took, failed) => {
    this.#commits.observe({ result: failed ? 'failed' : 'ok' }, took / 1000);
  };

  /** For Eim. */
  readonly timed: Timed = {
    now: () => performance.now(),
    took: (name, result, began) => {
      this.#took(name, result)((performance.now() - began) / 1000);
    },
  };

  #took(name: string, result: 'answered' | 'refused'): Observe {
    const known = this.#functions[result].get(name);
    if (known !== undefined) return known;
    const observe = this.#esipa.of({ function: name, result });
    this.#functions[result].set(name, observe);
    return observe;
  }

  /** The same connections outward, with their requests counted. */
  outward(https: Pick<Https, 'post' | 'get'>): Pick<Https, 'post' | 'get'> {
    const watched = async <Answer extends { readonly status: number }>(
      path: string,
      ask: () => Promise<Answer>,
    ): Promise<Answer> => {
      const began = performance.now();
      const told = (result: string) => {
        const name = /^\/gsma\/rsp2\/es(?:9plus|11)\/(\w+)$/.exec(path)?.[1] ?? 'other';
        this.#es9.observe({ function: name, result }, (performance.now() - began) / 1000);
      };
      try {
        const answer = await ask();
        told(`${Math.floor(answer.status / 100)}xx`);
        return answer;
      } catch (error) {
        told(error instanceof Es9TransportError ? error.kind : 'failed');
        throw error;
      }
    };
    return {
      post: (address, request) => watched(request.path, () => https.post(address, request)),
      get: (address, request) => watched(request.path, () => https.get(address, request)),
    };
  }

  /** Orders by state and outcome, from those that are open now on. */
  async orders(orders: Orders): Promise<void> {
    const { metrics } = this;
    const open = new Map<string, 'new' | 'work'>();
    const submitted = metrics.counter('coap_eim_orders_submitted_total', 'Orders accepted.');
    const ended = metrics.counter('coap_eim_orders_finished_total', 'Orders that ended.');
    metrics.gauge('coap_eim_orders_open', 'Orders that are not done, by state.', () => {
      let work = 0;
      for (const state of open.values()) if (state === 'work') work++;
      return [
        [{ state: 'new' }, open.size - work],
        [{ state: 'work' }, work],
      ];
    });
    orders.onChange((order, what) => {
      const { id, facility, state } = order;
      if (what === 'deleted') {
        open.delete(id);
        return;
      }
      if (state.at !== 'done') {
        if (!open.has(id)) submitted.add({ facility });
        open.set(id, state.at);
      } else if (open.delete(id)) ended.add({ facility, outcome: outcomeOf(order) });
    });
    let after: string | undefined;
    for (;;) {
      const page = await orders.list({ limit: 500, ...(after === undefined ? {} : { after }) });
      for (const { id, state } of page) {
        if (state.at !== 'done' && !open.has(id)) open.set(id, state.at);
      }
      after = page.at(-1)?.id;
      if (page.length < 500 || after === undefined) return;
    }
  }

  /** Devices over HTTPS. */
  https(server: Pick<HttpsServer, 'holds'>): void {
    const { metrics } = this;
    metrics.gauge(
      'coap_eim_https_connections',
      'TCP connections of devices over HTTPS.',
      () => server.holds.connections,
    );
    metrics.counted(
      'coap_eim_https_requests_total',
      'Requests of devices over HTTPS, by the status that they were answered with.',
      () =>
        [...server.holds.answered].map(
          ([status, count]): Sample => [{ status: String(status) }, count],
        ),
    );
  }

  /** When certificates end, and what came of the last reload. */
  running(identity: () => Identity, lastReload: () => ReloadReport | undefined): void {
    const { metrics } = this;
    metrics.gauge(
      'coap_eim_certificate_expiry_timestamp_seconds',
      'When the certificates that this eIM shows expire.',
      () => expiries(identity()),
    );
    metrics.gauge(
      'coap_eim_config_last_reload_successful',
      'Whether all was read again by the last reload.',
      () => ((lastReload()?.kept.length ?? 0) === 0 ? 1 : 0),
    );
  }
}

/** As the REST API has it: what became of an order, in a word. */
function outcomeOf({ state }: Order): string {
  if (state.at !== 'done') return 'open';
  if (state.success) return 'success';
  const [first] = state.outcome;
  const error = first?.procedureError;
  const named = ['abortedOrder', 'noshowOrder', 'stuckOrder'];
  return typeof error === 'string' && named.includes(error) ? error : 'failed';
}

function expiries({ tls, otherTls }: Identity): readonly Sample[] {
  const shown = [
    ['eim.tls', tls] as const,
    ...otherTls.map((one, i) => [`dtls.certificates.${i}`, one] as const),
  ];
  return shown.flatMap(([certificate, { chain }]) => {
    const [leaf] = chain;
    if (leaf === undefined) return [];
    return [[{ certificate }, Date.parse(new X509Certificate(leaf).validTo) / 1000]];
  });
}

/** Milliseconds over which the delay of the event loop is looked at. */
const window = 15_000;

function ofProcess(metrics: Metrics): void {
  metrics.counted('process_cpu_seconds_total', 'Processor time, user and system.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  metrics.gauge('process_resident_memory_bytes', 'Memory of the process.', () =>
    process.memoryUsage.rss(),
  );
  metrics.gauge('process_start_time_seconds', 'When the process began, since 1970.', () =>
    Math.round(Date.now() / 1000 - process.uptime()),
  );
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const read = () => ({
    p50: delay.percentile(50) / 1e9,
    p99: delay.percentile(99) / 1e9,
    max: delay.max / 1e9,
  });
  let before = { p50: 0, p99: 0, max: 0 };
  const turn = () => {
    before = read();
    delay.reset();
  };
  setInterval(turn, window).unref();
  metrics.gauge(
    'coap_eim_event_loop_delay_seconds',
    'How late the event loop was: the worse of this and the last span of 15 seconds.',
    () => {
      const now = read();
      return (['p50', 'p99', 'max'] as const).map(
        (of): Sample => [{ of }, Math.max(now[of], before[of])],
      );
    },
  );
}
