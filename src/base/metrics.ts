/**
 * Numbers for whoever watches: counters, histograms and gauges by name and labels, in the text format of Prometheus.
 * Labels are of small sets (states, functions, results): nothing that names a device, an eUICC or an address. Times are
 * in seconds, sizes in octets (`bytes`, as Prometheus has them).
 */

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];
/** What is read when somebody looks. */
export type Reading = () => readonly Sample[] | number;

type Kind = 'counter' | 'gauge' | 'histogram';

interface Metric {
  readonly name: string;
  readonly kind: Kind;
  readonly help: string;
  lines(): readonly string[];
}

/** Most label sets of one metric; beyond, what is new counts under `other`. */
const mostSeries = 500;

export class Metrics {
  readonly #metrics = new Map<string, Metric>();

  /** Only ever grows; its name ends in `_total`. */
  counter(name: string, help: string): Counter {
    const counter = new Counter();
    this.#add({ name, kind: 'counter', help, lines: () => linesOf(name, counter.samples()) });
    return counter;
  }

  /** Counted where it is kept, and read when somebody looks. */
  counted(name: string, help: string, read: Reading): void {
    this.#add({ name, kind: 'counter', help, lines: () => linesOf(name, samplesOf(read)) });
  }

  gauge(name: string, help: string, read: Reading): void {
    this.#add({ name, kind: 'gauge', help, lines: () => linesOf(name, samplesOf(read)) });
  }

  /** How often something took up to so many seconds: `bounds` in ascending order. */
  histogram(name: string, help: string, bounds: readonly number[] = seconds): Histogram {
    const histogram = new Histogram(bounds);
    this.#add({ name, kind: 'histogram', help, lines: () => histogram.lines(name) });
    return histogram;
  }

  /** All of it, in the text format 0.0.4. */
  text(): string {
    return [...this.#metrics.values()]
      .flatMap(({ name, kind, help, lines }) => [
        `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
        `# TYPE ${name} ${kind}`,
        ...lines(),
      ])
      .map((line) => `${line}\n`)
      .join('');
  }

  #add(metric: Metric): void {
    if (this.#metrics.has(metric.name)) throw new Error(`there are two metrics ${metric.name}`);
    this.#metrics.set(metric.name, metric);
  }
}

/** From what a look into memory takes to the patience of a device. */
const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export class Counter {
  readonly #series = new Series<{ value: number }>(() => ({ value: 0 }));

  add(labels: Labels = {}, by = 1): void {
    this.#series.of(labels).value += by;
  }

  samples(): readonly Sample[] {
    return [...this.#series.all()].map(([labels, { value }]) => [labels, value]);
  }
}

interface Spread {
  readonly counts: number[];
  count: number;
  sum: number;
}

/** Told of each value. */
export type Observe = (value: number) => void;

export class Histogram {
  readonly #bounds: readonly number[];
  readonly #series: Series<Spread>;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#series = new Series(() => ({ counts: bounds.map(() => 0), count: 0, sum: 0 }));
  }

  observe(labels: Labels, value: number): void {
    this.#add(this.#series.of(labels), value);
  }

  /** The same for one set of labels, which is looked up once, and shown from then on. */
  of(labels: Labels): Observe {
    const spread = this.#series.of(labels);
    return (value) => this.#add(spread, value);
  }

  #add(spread: Spread, value: number): void {
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at >= 0) spread.counts[at] = (spread.counts[at] ?? 0) + 1;
    spread.count++;
    spread.sum += value;
  }

  lines(name: string): readonly string[] {
    return [...this.#series.all()].flatMap(([labels, { counts, count, sum }]) => {
      let below = 0;
      const buckets = this.#bounds.map((bound, i): Sample => {
        below += counts[i] ?? 0;
        return [{ ...labels, le: String(bound) }, below];
      });
      return [
        ...linesOf(`${name}_bucket`, [...buckets, [{ ...labels, le: '+Inf' }, count]]),
        ...linesOf(`${name}_sum`, [[labels, sum]]),
        ...linesOf(`${name}_count`, [[labels, count]]),
      ];
    });
  }
}

/** What is counted for each set of labels. */
class Series<Value> {
  readonly #values = new Map<string, readonly [Labels, Value]>();
  readonly #fresh: () => Value;

  constructor(fresh: () => Value) {
    this.#fresh = fresh;
  }

  of(labels: Labels): Value {
    const key = Object.values(labels).join('\u0000');
    const known = this.#values.get(key);
    if (known !== undefined) return known[1];
    const rest = other(labels);
    const full = this.#values.size >= mostSeries && key !== Object.values(rest).join('\u0000');
    if (full) return this.of(rest);
    const value = this.#fresh();
    this.#values.set(key, [labels, value]);
    return value;
  }

  all(): Iterable<readonly [Labels, Value]> {
    return this.#values.values();
  }
}

function other(labels: Labels): Labels {
  return Object.fromEntries(Object.keys(labels).map((name) => [name, 'other']));
}

function samplesOf(read: Reading): readonly Sample[] {
  const found = read();
  return typeof found === 'number' ? [[{}, found]] : found;
}

function linesOf(name: string, samples: readonly Sample[]): readonly string[] {
  return samples.map(([labels, value]) => `${name}${labelsOf(labels)} ${numberText(value)}`);
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}

function labelsOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
