/**
 * A bulk order: so many simulated devices are added and one order placed for each, in batches over REST, at an eIM as
 * `eim serve` starts it. How long until all are accepted, what memory it takes, and how late the event loop was; then the
 * same again with a `kill -9` in the middle, and the orders that were acknowledged before it are counted after it.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EimProcess, startEim } from '../lab/eim-process.ts';

export interface BulkOptions {
  readonly count: number;
  /** Orders of one request. */
  readonly batch: number;
  readonly json?: boolean;
}

export interface BulkFigures {
  readonly devices: number;
  /** Seconds until all devices are added. */
  readonly added: number;
  /** Seconds until all orders are accepted, and milliseconds of the longest batch. */
  readonly accepted: number;
  readonly longestBatch: number;
  /** MiB of the process: before any order, and the most seen while they were placed. */
  readonly memory: { readonly before: number; readonly most: number };
  /** Milliseconds that the event loop was late, and that a GET /healthz took beside it. */
  readonly eventLoop: { readonly p99: number; readonly max: number };
  readonly healthz: { readonly median: number; readonly max: number };
  readonly kill: {
    /** Orders that were acknowledged before the kill, and those of them found after it. */
    readonly acknowledged: number;
    readonly found: number;
    /** Found besides: on the disk when the eIM died, and not acknowledged yet. */
    readonly more: number;
  };
}

/** The loop may be late by an eighth of what a device waits at the least before it repeats (2 s, RFC 7252 4.8). */
const aims = { eventLoop: 250, lost: 0 };

/** Prints the figures beside their aims; the exit code is 1 where one is missed. */
export async function benchBulk(options: BulkOptions): Promise<void> {
  const figures = await measureBulk(options);
  const lost = figures.kill.acknowledged - figures.kill.found;
  const missed = figures.eventLoop.max > aims.eventLoop || lost > aims.lost;
  if (missed) process.exitCode = 1;
  if (options.json === true) {
    console.log(JSON.stringify(figures, null, 2));
    return;
  }
  const { devices, accepted, memory, eventLoop, healthz, kill } = figures;
  const perSecond = Math.round(devices / accepted);
  const row = (name: string, value: string, aim = '') =>
    console.log(`${name.padEnd(34)} ${value.padEnd(44)} ${aim}`);
  row('devices added', `${devices} in ${figures.added.toFixed(2)} s`);
  row('orders accepted', `${devices} in ${accepted.toFixed(2)} s, ${perSecond} a second`);
  row('longest batch', `${figures.longestBatch.toFixed(0)} ms of ${options.batch} orders`);
  row('memory', `${memory.before.toFixed(0)} MiB before, ${memory.most.toFixed(0)} MiB at most`);
  row(
    'event-loop delay',
    `${eventLoop.p99.toFixed(0)} ms p99, ${eventLoop.max.toFixed(0)} ms at most`,
    `${aims.eventLoop} ms at most: ${eventLoop.max > aims.eventLoop ? 'missed' : 'kept'}`,
  );
  row(
    'GET /healthz beside it',
    `${healthz.median.toFixed(1)} ms median, ${healthz.max.toFixed(0)} ms at most`,
  );
  row(
    'kill -9 in the middle',
    `${kill.acknowledged} acknowledged, ${kill.found} found after, ${kill.more} more`,
    `none lost: ${lost > aims.lost ? `missed, ${lost} are gone` : 'kept'}`,
  );
}

export async function measureBulk({ count, batch }: BulkOptions): Promise<BulkFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'coap-eim-bulk-'));
  try {
    const whole = await place(join(folder, 'whole'), count, batch);
    const kill = await killed(join(folder, 'killed'), count, batch);
    return { ...whole, kill };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function place(
  folder: string,
  count: number,
  batch: number,
): Promise<Omit<BulkFigures, 'kill'>> {
  const eim = await start(folder);
  try {
    const began = performance.now();
    for (const eids of batches(count, batch)) await addDevices(eim, eids);
    const added = (performance.now() - began) / 1000;
    // The loop's delay while devices were added is no longer told after two spans of 15 seconds: take it as it is.
    const watch = watching(eim);
    const start = performance.now();
    let longestBatch = 0;
    for (const eids of batches(count, batch)) {
      const sent = performance.now();
      await order(eim, eids);
      longestBatch = Math.max(longestBatch, performance.now() - sent);
    }
    const accepted = (performance.now() - start) / 1000;
    const seen = await watch();
    return { devices: count, added, accepted, longestBatch, ...seen };
  } finally {
    await eim.stop();
  }
}

/** Looks at memory and at how soon the eIM answers others, until called. */
function watching(eim: EimProcess) {
  const before = residentOf(eim.pid);
  const took: number[] = [];
  let most = before;
  let over = false;
  const looking = (async () => {
    while (!over) {
      const asked = performance.now();
      await eim.ask('GET', '/healthz');
      took.push(performance.now() - asked);
      most = Math.max(most, residentOf(eim.pid));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  return async () => {
    over = true;
    await looking;
    const text = await (await fetch(`${eim.rest}/metrics`)).text();
    const delay = (of: string) =>
      1000 *
      Number(
        new RegExp(`^coap_eim_event_loop_delay_seconds{of="${of}"} (\\S+)$`, 'm').exec(text)?.[1],
      );
    const sorted = took.sort((a, b) => a - b);
    return {
      memory: { before, most },
      eventLoop: { p99: delay('p99'), max: delay('max') },
      healthz: { median: sorted[Math.floor(sorted.length / 2)] ?? 0, max: sorted.at(-1) ?? 0 },
    };
  };
}

/** Requests of one order each that are under way when the eIM is killed. */
const atOnce = 32;

/** Half of the orders in batches, then one by one until a kill in their midst; counts what a new eIM has. */
async function killed(folder: string, count: number, batch: number): Promise<BulkFigures['kill']> {
  const first = await start(folder);
  const acknowledged = new Set<string>();
  const half = Math.ceil(count / 2);
  for (const eids of batches(half, batch)) {
    for (const id of await order(first, eids)) acknowledged.add(id);
  }
  let next = half;
  let dead: Promise<void> | undefined;
  const one = async (): Promise<void> => {
    while (dead === undefined && next < count) {
      const eid = eidOf(next++);
      try {
        for (const id of await order(first, [eid])) acknowledged.add(id);
      } catch (error) {
        // The connection broke with the eIM: nobody acknowledged it.
        if (dead === undefined) throw error;
      }
      if (acknowledged.size >= (half + count) / 2) dead ??= first.kill();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  await (dead ?? first.kill());
  const second = await start(folder);
  try {
    const found = await ordersOf(second);
    const kept = [...acknowledged].filter((id) => found.has(id)).length;
    return { acknowledged: acknowledged.size, found: kept, more: found.size - kept };
  } finally {
    await second.stop();
  }
}

function start(folder: string): Promise<EimProcess> {
  return startEim({
    folder,
    settings: {
      dataFolder: join(folder, 'data'),
      'coaps.host': '127.0.0.1',
      'coaps.port': 0,
      'rest.port': 0,
      'log.level': 'info',
    },
  });
}

/** EIDs of simulated devices, in batches. */
function* batches(count: number, size: number): Generator<readonly string[]> {
  for (let from = 0; from < count; from += size) {
    const length = Math.min(size, count - from);
    yield Array.from({ length }, (_, i) => eidOf(from + i));
  }
}

/** With check digits (SGP.29): the number modulo 97 is 1. */
function eidOf(number: number): string {
  const body = `8904903200${String(number).padStart(20, '0')}`;
  const rest = Number((BigInt(body) * 100n) % 97n);
  return body + String((98 - rest) % 97).padStart(2, '0');
}

async function addDevices(eim: EimProcess, eids: readonly string[]): Promise<void> {
  await eim.ask('POST', '/v1/devices/batch', {
    devices: eids.map((eid) => ({ identity: eid, eids: [eid] })),
  });
}

/** Ids of the orders, all of them accepted. */
async function order(eim: EimProcess, eids: readonly string[]): Promise<readonly string[]> {
  const answer = await eim.ask('POST', '/v1/orders/batch', {
    orders: eids.map((eid) => ({
      eid,
      steps: [{ download: { activationCode: '1$smdp.example.com$BULK' } }],
    })),
  });
  const results = at(answer, 'results');
  if (!Array.isArray(results)) throw new Error('the batch was not answered');
  return results.map((result: unknown) => {
    const id = at(at(result, 'order'), 'id');
    if (typeof id !== 'string') throw new Error(`an order was refused: ${JSON.stringify(result)}`);
    return id;
  });
}

async function ordersOf(eim: EimProcess): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  let after = '';
  for (;;) {
    const answer = await eim.ask('GET', `/v1/orders?limit=1000${after}`);
    const orders = at(answer, 'orders');
    if (!Array.isArray(orders)) throw new Error('the list was not answered');
    for (const one of orders) found.add(String(at(one, 'id')));
    const next = at(answer, 'next');
    if (typeof next !== 'string') return found;
    after = `&after=${next}`;
  }
}

function at(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** MiB of the process that are in memory; 0 where there is no /proc. */
function residentOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
