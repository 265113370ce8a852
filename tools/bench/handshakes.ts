/**
 * How fast hands are shaken: our server's rate and CPU, beside the primitives that a handshake cannot do without and
 * beside libcoap's server, all under the same clients, in turns on the same machine.
 */
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import Table from 'cli-table3';
import { cpuOf, hasCpuBooks } from './cpu.ts';
import { type HandshakeKind, handshakeKinds } from './handshake-kinds.ts';
import { load } from './handshake-load.ts';
import { primitivesOf } from './handshake-primitives.ts';
import { type ServerUnderTest, startLibcoap, startOurs } from './handshake-servers.ts';

export interface HandshakesOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly json?: true;
}

/** At work at a time: enough that the server never waits for a client. */
const clients = 16;
/** Seconds that a server may take to answer for the first time, and that code may take to get warm. */
const warmUp = 1;
/** Seconds of CPU that a measurement of primitives takes, each round. */
const primitiveSeconds = 0.2;

/** Of one turn. */
interface Turn {
  readonly perSecond: number;
  /** Microseconds of the server's CPU, of one handshake. */
  readonly cpu: number;
}

interface Row {
  readonly kind: HandshakeKind;
  readonly server: string;
  readonly perSecond: number;
  readonly cpu: number;
  /** Of the primitives by themselves, microseconds. */
  readonly primitives: number;
}

interface Contestant {
  readonly kind: HandshakeKind;
  readonly server: ServerUnderTest;
  readonly turns: Turn[];
}

export async function benchHandshakes(options: HandshakesOptions): Promise<void> {
  if (!hasCpuBooks()) throw new Error("this bench needs Linux's /proc");
  const kinds = Object.keys(handshakeKinds) as HandshakeKind[];
  const contestants: Contestant[] = [];
  const missing = new Set<string>();
  try {
    const ours = await startOurs();
    for (const kind of kinds) {
      contestants.push({ kind, server: ours, turns: [] });
      for (const library of ['openssl', 'gnutls'] as const) {
        const server = await startLibcoap(library, kind);
        if (server === undefined) missing.add(`coap-server-${library}`);
        else contestants.push({ kind, server, turns: [] });
      }
    }
    await wait(200);
    for (const { kind, server } of contestants) {
      const { handshakes, why } = await load(kind, server.port, { clients, seconds: warmUp });
      if (handshakes === 0) throw new Error(`no handshake with ${server.name} (${kind}): ${why}`);
    }
    const primitives = new Map<HandshakeKind, number[]>(kinds.map((kind) => [kind, []]));
    for (let round = 0; round < options.rounds; round++) {
      for (const kind of kinds) primitives.get(kind)?.push(primitivesOf(kind, primitiveSeconds));
      for (const contestant of contestants) await takeTurn(contestant, options.seconds);
    }
    const rows = contestants.map(({ kind, server, turns }) => ({
      kind,
      server: server.name,
      perSecond: median(turns.map(({ perSecond }) => perSecond)),
      cpu: median(turns.map(({ cpu }) => cpu)),
      primitives: median(primitives.get(kind) ?? []),
    }));
    if (options.json === true) console.log(JSON.stringify({ rows }));
    else report(rows, missing);
  } finally {
    for (const { server } of contestants) server.stop();
  }
}

async function takeTurn({ kind, server, turns }: Contestant, seconds: number): Promise<void> {
  const before = cpuOf(server.pid);
  const {
    handshakes,
    failures,
    seconds: took,
    why,
  } = await load(kind, server.port, { clients, seconds });
  if (failures > 0 || handshakes === 0) {
    throw new Error(`${failures} handshakes with ${server.name} failed (${kind}): ${why}`);
  }
  turns.push({ perSecond: handshakes / took, cpu: (cpuOf(server.pid) - before) / handshakes });
}

/** The aims of issue 3: what the CPU of ours may be, by what it is held against. */
const aims = { ecdsaOfPrimitives: 2.5, pskOfLibcoap: 1 };

function report(rows: readonly Row[], missing: ReadonlySet<string>): void {
  const table = new Table({
    head: ['handshake', 'server', 'a second', 'CPU each', 'of primitives', 'of libcoap'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
    style: { head: [] },
  });
  for (const row of rows) {
    const { title, suite } = handshakeKinds[row.kind];
    const beside = rows.filter(({ kind, server }) => kind === row.kind && server !== 'ours');
    const ratios = beside.map(({ cpu }) => times(row.cpu / cpu)).join(', ');
    table.push([
      `${title} (${suite.replace(/^TLS_/, '')})`,
      row.server,
      Math.round(row.perSecond),
      `${Math.round(row.cpu)} µs`,
      `${times(row.cpu / row.primitives)} of ${Math.round(row.primitives)} µs`,
      row.server === 'ours' ? ratios : '',
    ]);
  }
  console.log(
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores; Node ${process.versions.node}`,
  );
  console.log(table.toString());
  for (const line of [...missing].map((name) => `${name} is not installed`)) console.log(line);
  for (const { what, holds } of judged(rows)) console.log(`${holds ? 'holds' : 'MISSED'}: ${what}`);
}

function judged(
  rows: readonly Row[],
): readonly { readonly what: string; readonly holds: boolean }[] {
  const of = (kind: HandshakeKind, server: string) =>
    rows.find((row) => row.kind === kind && row.server === server);
  const ecdsa = of('ecdsa', 'ours');
  const psk = of('psk', 'ours');
  const libcoap = of('psk', 'libcoap, openssl') ?? of('psk', 'libcoap, gnutls');
  return [
    ecdsa && {
      what: `ECDHE-ECDSA takes ${times(ecdsa.cpu / ecdsa.primitives)} the CPU of its primitives (aim: at most ${aims.ecdsaOfPrimitives})`,
      holds: ecdsa.cpu <= aims.ecdsaOfPrimitives * ecdsa.primitives,
    },
    psk &&
      libcoap && {
        what: `PSK takes ${times(psk.cpu / libcoap.cpu)} the CPU of ${libcoap.server} (aim: at most ${aims.pskOfLibcoap})`,
        holds: psk.cpu <= aims.pskOfLibcoap * libcoap.cpu,
      },
  ].filter((line) => line !== undefined);
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [
    sorted[sorted.length - 1 - middle],
    sorted[middle],
  ];
  return (low + high) / 2;
}
