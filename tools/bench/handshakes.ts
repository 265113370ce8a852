/**
 * How fast hands are shaken: our server's rate and CPU, beside the primitives that a handshake cannot do without and
 * beside libcoap's server, all under the same clients, in turns on the same machine.
 */
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import Table from 'cli-table3';
import { cpuOf, hasCpuBooks } from './cpu.ts';
import { type HandshakeKind, handshakeKinds, kindNames } from './handshake-kinds.ts';
import { Load } from './handshake-load.ts';
import { primitivesOf } from './handshake-primitives.ts';
import { type ServerUnderTest, startChild, startLibcoap } from './handshake-servers.ts';

export interface HandshakesOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly json?: true;
}

/** At work at a time: enough that the server never waits for a client. */
const clients = 16;
/** Seconds before the first round, for code to get warm. */
const warmUp = 0.8;
/** Seconds of CPU that a measurement of primitives takes, each round. */
const primitiveSeconds = 0.15;
/** Datagrams of a handshake each way: two hellos, flight 5, close_notify, and what answers each. */
const exchanges = 4;

/** The aims: what the CPU of ours may be, as a multiple of what it is held against. */
const aims = { ecdsaOfPrimitives: 2.5, pskOfLibcoap: 1 };

/** One server with one kind of handshake. */
interface Contestant {
  readonly kind: HandshakeKind | 'echo';
  readonly server: ServerUnderTest;
  readonly load: Load;
  readonly perSecond: number[];
  /** Microseconds of the server's CPU, of one handshake. */
  readonly cpu: number[];
}

export interface HandshakeRow {
  readonly kind: HandshakeKind;
  readonly server: string;
  readonly perSecond: number;
  /** Microseconds of the server's CPU, of one handshake. */
  readonly cpu: number;
  /** Microseconds of the primitives by themselves. */
  readonly primitives: number;
}

export async function benchHandshakes(options: HandshakesOptions): Promise<void> {
  if (!hasCpuBooks()) throw new Error("this bench needs Linux's /proc");
  const started: ServerUnderTest[] = [];
  try {
    const { contestants, missing } = await contest(started);
    const primitives = await rounds(contestants, options);
    const sockets = exchanges * middle(contestants.find(({ kind }) => kind === 'echo')?.cpu ?? []);
    const rows = contestants.flatMap(({ kind, server, perSecond, cpu }): HandshakeRow[] =>
      kind === 'echo'
        ? []
        : [
            {
              kind,
              server: server.name,
              perSecond: middle(perSecond),
              cpu: middle(cpu),
              primitives: middle(primitives.get(kind) ?? []),
            },
          ],
    );
    if (options.json === true) console.log(JSON.stringify({ rows, sockets }));
    else report(rows, sockets, missing);
  } finally {
    for (const server of started) server.stop();
  }
}

/** Starts the servers, each into `started` too. */
async function contest(started: ServerUnderTest[]) {
  const contestants: Contestant[] = [];
  const missing = new Set<string>();
  const enter = async (kind: Contestant['kind'], server: ServerUnderTest) => {
    started.push(server);
    const load = await Load.open(kind, server.port, clients);
    contestants.push({ kind, server, load, perSecond: [], cpu: [] });
  };
  const ours = await startChild('ours');
  for (const kind of kindNames) {
    await enter(kind, ours);
    if (handshakeKinds[kind].resumed) continue; // what coap-server resumes is its TLS library's affair
    for (const library of ['openssl', 'gnutls'] as const) {
      const server = await startLibcoap(library, kind);
      if (server === undefined) missing.add(`coap-server-${library}`);
      else await enter(kind, server);
    }
  }
  await enter('echo', await startChild('echo'));
  return { contestants, missing };
}

/** Lets all have their turns; gives what the primitives took in between. */
async function rounds(
  contestants: readonly Contestant[],
  options: HandshakesOptions,
): Promise<ReadonlyMap<Contestant['kind'], readonly number[]>> {
  await wait(200);
  for (const { kind, server, load } of contestants) {
    const { handshakes, why } = await load.work(warmUp);
    if (handshakes === 0) throw new Error(`no handshake with ${server.name} (${kind}): ${why}`);
  }
  const primitives = new Map(kindNames.map((kind): [HandshakeKind, number[]] => [kind, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const [kind, taken] of primitives) taken.push(primitivesOf(kind, primitiveSeconds));
    for (const { kind, server, load, perSecond, cpu } of contestants) {
      const before = cpuOf(server.pid);
      const { handshakes, failures, seconds, why } = await load.work(options.seconds);
      if (failures > 0) throw new Error(`${failures} failures, ${server.name} (${kind}): ${why}`);
      perSecond.push(handshakes / seconds);
      cpu.push((cpuOf(server.pid) - before) / handshakes);
    }
  }
  for (const { load } of contestants) load.close();
  return primitives;
}

function report(rows: readonly HandshakeRow[], sockets: number, missing: ReadonlySet<string>) {
  const table = new Table({
    head: ['handshake', 'server', 'a second', 'CPU each', 'of primitives', 'of libcoap'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    const others = rows.filter(({ kind, server }) => kind === row.kind && server !== 'ours');
    table.push([
      handshakeKinds[row.kind].title,
      row.server,
      Math.round(row.perSecond),
      `${Math.round(row.cpu)} µs`,
      `${times(row.cpu / row.primitives)} of ${Math.round(row.primitives)} µs`,
      row.server === 'ours' ? others.map(({ cpu }) => times(row.cpu / cpu)).join(', ') : '',
    ]);
  }
  const [cpu] = cpus();
  console.log(`${cpu?.model}, ${availableParallelism()} cores, Node ${process.versions.node}`);
  console.log(table.toString());
  console.log(
    `Of ours, ${Math.round(sockets)} µs are the sockets': ${exchanges} datagrams each way, said back by a server that does no more.`,
  );
  for (const name of missing) console.log(`${name} is not installed`);
  for (const line of judged(rows)) console.log(line);
}

function judged(rows: readonly HandshakeRow[]): readonly string[] {
  const of = (kind: HandshakeKind, server: string) =>
    rows.find((row) => row.kind === kind && row.server.startsWith(server));
  const [ecdsa, psk] = [of('ecdsa', 'ours'), of('psk', 'ours')];
  const libcoap = of('psk', 'libcoap');
  const lines: string[] = [];
  const judge = (what: string, ratio: number, aim: number) =>
    lines.push(
      `${ratio <= aim ? 'holds' : 'MISSED'}: ${what} ${times(ratio)} (aim: ${aim} at most)`,
    );
  if (ecdsa !== undefined) {
    const ratio = ecdsa.cpu / ecdsa.primitives;
    judge('CPU of ECDHE-ECDSA to its primitives', ratio, aims.ecdsaOfPrimitives);
  }
  if (psk !== undefined && libcoap !== undefined) {
    judge(`CPU of PSK to that of ${libcoap.server}`, psk.cpu / libcoap.cpu, aims.pskOfLibcoap);
  }
  return lines;
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}

/** The median. */
function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return ((sorted[sorted.length - 1 - half] ?? Number.NaN) + (sorted[half] ?? Number.NaN)) / 2;
}
