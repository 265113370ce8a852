/**
 * How fast hands are shaken: our server's CPU for each handshake, beside the primitives that it cannot do without and
 * beside libcoap's server, all under the same clients, in turns on the same machine, each with a process of its own for each
 * kind. A primitive is what a server costs that does it for a datagram and says that back, above one that only says back.
 * What the clients cost is not counted, for they are another process; every ratio is made within a round, and the median
 * of the rounds is shown.
 */
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import Table from 'cli-table3';
import { cpuOf, hasCpuBooks } from './cpu.ts';
import { type HandshakeKind, handshakeKinds, kindNames } from './handshake-kinds.ts';
import { Load, type LoadKind } from './handshake-load.ts';
import { type PrimitiveName, primitiveNames, primitivesOf } from './handshake-primitives.ts';
import { type ServerUnderTest, startChild, startLibcoap } from './handshake-servers.ts';

export interface HandshakesOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly json?: true;
}

/** At work at a time. */
const clients = 16;
/** Handshakes of each server and kind before the first round: compiled code comes late, and costs CPU when it comes. */
const warmUp = { handshakes: 5000, turn: 0.5, turns: 30 };
/** Datagrams of a handshake each way: two hellos, flight 5, close_notify, and what answers each. */
const exchanges = 4;

/** The aims: what the CPU of ours may be, as a multiple of what it is held against. */
const aims = { ecdsaOfCurves: 2.5, pskOfLibcoap: 1 };

/** One server with one kind of handshake. */
interface Contestant {
  readonly kind: HandshakeKind | 'echo' | PrimitiveName;
  readonly server: ServerUnderTest;
  readonly load: Load;
  readonly perSecond: number[];
  /** Microseconds of the server's CPU, of one handshake; one of each round. */
  readonly cpu: number[];
}

export interface HandshakeRow {
  readonly kind: HandshakeKind;
  readonly server: string;
  readonly perSecond: number;
  /** Microseconds of the server's CPU, of one handshake. */
  readonly cpu: number;
  /** How much of a core the server had to do. */
  readonly busy: number;
  /** Of ours: microseconds that no server on Node does without. */
  readonly floor?: Floor;
  /** Of ours: its CPU as a multiple of signature, key generation and agreement, where it has them. */
  readonly ofCurves?: number;
  /** Of ours: its CPU as a multiple of all of the floor. */
  readonly ofFloor?: number;
  /** Of ours: its CPU as a multiple of another server's, by name. */
  readonly of?: Readonly<Record<string, number>>;
}

/** Microseconds of CPU. */
interface Floor {
  /** A signature, an ephemeral key and an agreement; 0 where the handshake has none of them. */
  readonly curves: number;
  /** Hashes and protected records. */
  readonly symmetric: number;
  readonly sockets: number;
}

export async function benchHandshakes(options: HandshakesOptions): Promise<void> {
  if (!hasCpuBooks()) throw new Error("this bench needs Linux's /proc");
  const started: ServerUnderTest[] = [];
  try {
    const { contestants, missing } = await contest(started);
    await rounds(contestants, options);
    const rows = rowsOf(contestants);
    if (options.json === true) console.log(JSON.stringify({ rows, missing: [...missing] }));
    else report(rows, missing);
  } finally {
    for (const server of started) server.stop();
  }
}

function rowsOf(contestants: readonly Contestant[]): readonly HandshakeRow[] {
  const cpuOfKind = (sought: Contestant['kind']) =>
    contestants.find(({ kind }) => kind === sought)?.cpu ?? [];
  const echoes = cpuOfKind('echo');
  const sockets = echoes.map((one) => exchanges * one);
  const taken = (names: readonly PrimitiveName[]) =>
    echoes.map((echo, round) =>
      names.reduce((sum, name) => sum + (cpuOfKind(name)[round] ?? Number.NaN) - echo, 0),
    );
  const rows: HandshakeRow[] = [];
  for (const { kind, server, perSecond, cpu } of contestants) {
    if (!isHandshake(kind)) continue;
    const measured = {
      kind,
      server: server.name,
      perSecond: middle(perSecond),
      cpu: middle(cpu),
      busy: middle(cpu.map((one, round) => (one * (perSecond[round] ?? 0)) / 1e6)),
    };
    if (server.name !== 'ours') {
      rows.push(measured);
      continue;
    }
    const names = primitivesOf(kind);
    const curves = taken(names.filter((name) => name === 'curves'));
    const symmetric = taken(names.filter((name) => name !== 'curves'));
    const whole = sockets.map((one, round) => one + (curves[round] ?? 0) + (symmetric[round] ?? 0));
    const others = contestants.filter((one) => one.kind === kind && one.server !== server);
    rows.push({
      ...measured,
      floor: { curves: middle(curves), symmetric: middle(symmetric), sockets: middle(sockets) },
      ...(middle(curves) === 0 ? {} : { ofCurves: ratio(cpu, curves) }),
      ofFloor: ratio(cpu, whole),
      of: Object.fromEntries(others.map((one) => [one.server.name, ratio(cpu, one.cpu)])),
    });
  }
  return rows;
}

function isHandshake(kind: Contestant['kind']): kind is HandshakeKind {
  return kind in handshakeKinds;
}

/** The median of the rounds' ratios. */
function ratio(ours: readonly number[], theirs: readonly number[]): number {
  return middle(ours.map((one, round) => one / (theirs[round] ?? Number.NaN)));
}

/** Starts the servers, each into `started` too. */
async function contest(started: ServerUnderTest[]) {
  const contestants: Contestant[] = [];
  const missing = new Set<string>();
  const enter = async (kind: Contestant['kind'], server: ServerUnderTest) => {
    started.push(server);
    const asked: LoadKind = isHandshake(kind) ? kind : 'echo';
    const load = await Load.open(asked, server.port, clients);
    contestants.push({ kind, server, load, perSecond: [], cpu: [] });
  };
  for (const kind of kindNames) {
    await enter(kind, await startChild('ours'));
    if (handshakeKinds[kind].resumed) continue; // what coap-server resumes is its TLS library's affair
    for (const library of ['openssl', 'gnutls'] as const) {
      const server = await startLibcoap(library, kind);
      if (server === undefined) missing.add(`coap-server-${library}`);
      else await enter(kind, server);
    }
  }
  for (const kind of ['echo', ...primitiveNames] as const)
    await enter(kind, await startChild(kind));
  return { contestants, missing };
}

/** Lets all have their turns. */
async function rounds(
  contestants: readonly Contestant[],
  options: HandshakesOptions,
): Promise<void> {
  await wait(200);
  for (const contestant of contestants) await warm(contestant);
  for (let round = 0; round < options.rounds; round++) {
    for (const { kind, server, load, perSecond, cpu } of contestants) {
      const before = cpuOf(server.pid);
      const { handshakes, failures, seconds, why } = await load.work(options.seconds);
      if (failures > 0) throw new Error(`${failures} failures, ${server.name} (${kind}): ${why}`);
      perSecond.push(handshakes / seconds);
      cpu.push((cpuOf(server.pid) - before) / handshakes);
    }
  }
  for (const { load } of contestants) load.close();
}

async function warm({ kind, server, load }: Contestant): Promise<void> {
  let done = 0;
  for (let turn = 0; turn < warmUp.turns && done < warmUp.handshakes; turn++) {
    const { handshakes, why } = await load.work(warmUp.turn);
    done += handshakes;
    if (handshakes === 0) throw new Error(`no handshake with ${server.name} (${kind}): ${why}`);
  }
}

function report(rows: readonly HandshakeRow[], missing: ReadonlySet<string>) {
  const table = new Table({
    head: ['handshake', 'server', 'CPU each', 'a second of a core', 'measured', 'busy'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { kind, server, cpu, perSecond, busy } of rows) {
    table.push([
      handshakeKinds[kind].title,
      server,
      micros(cpu),
      Math.round(1e6 / cpu),
      Math.round(perSecond),
      `${Math.round(busy * 100)} %`,
    ]);
  }
  const [cpu] = cpus();
  console.log(`${cpu?.model}, ${availableParallelism()} cores, Node ${process.versions.node}`);
  console.log(table.toString());
  console.log("Where a server was not busy, the clients' core set what was measured a second.");
  console.log('\nOurs beside what no server on Node does without, measured in the same rounds:');
  for (const row of rows) {
    if (row.floor === undefined || row.ofFloor === undefined) continue;
    const { curves, symmetric, sockets } = row.floor;
    const of = [`hashes and records ${micros(symmetric)}`, `sockets ${micros(sockets)}`];
    if (curves > 0) of.unshift(`sign, key, agreement ${micros(curves)}`);
    console.log(
      `  ${handshakeKinds[row.kind].title}: ${of.join(' + ')}; ours takes ${times(row.ofFloor)}`,
    );
  }
  console.log(
    `Sockets: ${exchanges} datagrams each way, said back by a server that does no more, as many at once as it can take.\n`,
  );
  for (const name of missing) console.log(`${name} is not installed: not compared`);
  for (const line of judged(rows)) console.log(line);
}

function judged(rows: readonly HandshakeRow[]): readonly string[] {
  const lines: string[] = [];
  const judge = (what: string, measured: number, aim: number) =>
    lines.push(
      `${measured <= aim ? 'holds' : 'MISSED'}: ${what} ${times(measured)} (aim: ${aim} at most)`,
    );
  for (const { kind, of = {}, ofCurves } of rows) {
    if (kind === 'ecdsa' && ofCurves !== undefined) {
      const what = 'CPU of ECDHE-ECDSA to signature, key generation and agreement';
      judge(what, ofCurves, aims.ecdsaOfCurves);
    }
    if (kind !== 'psk') continue;
    for (const [server, measured] of Object.entries(of)) {
      judge(`CPU of PSK to that of ${server}`, measured, aims.pskOfLibcoap);
    }
  }
  for (const { kind, of = {} } of rows) {
    if (kind !== 'ecdsa') continue;
    for (const [server, measured] of Object.entries(of)) {
      lines.push(`beside: CPU of ECDHE-ECDSA to that of ${server} ${times(measured)} (no aim)`);
    }
  }
  return lines;
}

function micros(time: number): string {
  return `${Math.round(time)} µs`;
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
