/**
 * How many polls the eIM answers: GetEimPackage that finds nothing to do, over live DTLS connections, beside raw UDP
 * echo in Node and beside libcoap's server answering a GET of the same size; in turns, under the same devices.
 */
import { availableParallelism, cpus } from 'node:os';
import Table from 'cli-table3';
import { cpuOf, hasCpuBooks } from './cpu.ts';
import {
  type Polled,
  startPolledEcho,
  startPolledEim,
  startPolledLibcoap,
} from './polls-servers.ts';

export interface PollsOptions {
  readonly devices: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly json?: true;
}

/** Polls under way at a time: a server is never idle, and its socket's buffer holds them all. */
const window = 64;
/** The aims: polls as a share of echoed datagrams, and as a multiple of libcoap's GETs; of the same CPU. */
const aims = { ofEcho: 0.3, ofLibcoap: 1 };

export interface PollsRow {
  readonly server: Polled['name'];
  /** Answers a second, the median of all turns. */
  readonly perSecond: number;
  /** Microseconds of the server's CPU, of one answer. */
  readonly cpu: number;
  /** Microseconds of the devices' CPU, of one answer, sealing and opening left out. */
  readonly devicesCpu: number;
  /** Octets of a datagram there and back. */
  readonly octets: { readonly request: number; readonly response: number };
}

interface Contestant {
  readonly polled: Polled;
  /** Answers in a turn. */
  turn: number;
  readonly perSecond: number[];
  readonly cpu: number[];
  readonly devicesCpu: number[];
  octets: PollsRow['octets'];
}

/** The figures, of one run; `missing`: libcoap is not installed. */
export interface PollsResult {
  readonly rows: readonly PollsRow[];
  readonly missing: boolean;
}

/** Prints the figures beside their aims; the exit code is 1 where one is missed. */
export async function benchPolls(options: PollsOptions): Promise<void> {
  const result = await measurePolls(options);
  const judged = judge(result.rows);
  if (options.json === true) console.log(JSON.stringify({ ...result, judged }));
  else report(result, judged, options);
  if (judged.some(({ holds }) => !holds)) process.exitCode = 1;
}

export async function measurePolls(options: PollsOptions): Promise<PollsResult> {
  if (!hasCpuBooks()) throw new Error("this bench needs Linux's /proc");
  const contestants: Contestant[] = [];
  try {
    const enter = async (polled: Polled) => {
      const contestant: Contestant = {
        polled,
        turn: options.devices,
        perSecond: [],
        cpu: [],
        devicesCpu: [],
        octets: { request: 0, response: 0 },
      };
      contestants.push(contestant);
      await warmUp(contestant, options);
      return contestant;
    };
    const eim = await enter(await startPolledEim(options.devices));
    await enter(await startPolledEcho(options.devices, eim.octets.request));
    const libcoap = await startPolledLibcoap(options.devices);
    if (libcoap !== undefined) await enter(libcoap);
    for (let round = 0; round < options.rounds; round++) {
      for (const contestant of contestants) await takeTurn(contestant);
    }
    return { rows: contestants.map(rowOf), missing: libcoap === undefined };
  } finally {
    for (const { polled } of contestants) await polled.stop();
  }
}

/** Has code get warm, and finds how many answers a turn of that length has. */
async function warmUp(contestant: Contestant, { seconds }: PollsOptions): Promise<void> {
  const { polled } = contestant;
  for (let i = 0; i < 3; i++) {
    const { answers, seconds: took, octets } = await polled.devices.work(contestant.turn, window);
    contestant.octets = octets;
    contestant.turn = Math.max(1, Math.round((answers / took) * seconds));
  }
}

async function takeTurn(contestant: Contestant): Promise<void> {
  const { polled, perSecond, cpu, devicesCpu } = contestant;
  const before = cpuOf(polled.pid);
  const { answers, seconds, cpu: own } = await polled.devices.work(contestant.turn, window);
  perSecond.push(answers / seconds);
  cpu.push((cpuOf(polled.pid) - before) / answers);
  devicesCpu.push(own / answers);
}

function rowOf({ polled, perSecond, cpu, devicesCpu, octets }: Contestant): PollsRow {
  return {
    server: polled.name,
    perSecond: middle(perSecond),
    cpu: middle(cpu),
    devicesCpu: middle(devicesCpu),
    octets,
  };
}

interface Judged {
  readonly what: string;
  readonly ratio: number;
  readonly aim: number;
  readonly holds: boolean;
}

function judge(rows: readonly PollsRow[]): readonly Judged[] {
  const of = (server: Polled['name']) => rows.find((row) => row.server === server);
  const [eim, echo, libcoap] = [of('eIM'), of('echo'), of('libcoap')];
  const judged: Judged[] = [];
  const beside = (what: string, other: PollsRow | undefined, aim: number) => {
    if (eim === undefined || other === undefined) return;
    // By CPU: how fast the devices can ask then does not count.
    const ratio = other.cpu / eim.cpu;
    judged.push({ what, ratio, aim, holds: ratio >= aim });
  };
  beside('polls of raw echo, by CPU', echo, aims.ofEcho);
  beside('polls of GETs by libcoap, by CPU', libcoap, aims.ofLibcoap);
  return judged;
}

const titles: Readonly<Record<Polled['name'], string>> = {
  eIM: 'eIM, empty poll',
  echo: 'raw UDP echo in Node',
  libcoap: 'coap-server-openssl, GET',
};

function report(
  { rows, missing }: PollsResult,
  judged: readonly Judged[],
  options: PollsOptions,
): void {
  const eim = rows.find(({ server }) => server === 'eIM');
  const table = new Table({
    head: ['server', 'a second', 'CPU each', 'devices’ CPU', 'octets there, back', 'eIM to it'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { server, perSecond, cpu, devicesCpu, octets } of rows) {
    table.push([
      titles[server],
      Math.round(perSecond),
      `${cpu.toFixed(1)} µs`,
      `${devicesCpu.toFixed(1)} µs`,
      `${octets.request}, ${octets.response}`,
      server === 'eIM' || eim === undefined ? '' : (cpu / eim.cpu).toFixed(2),
    ]);
  }
  const [cpu] = cpus();
  console.log(`${cpu?.model}, ${availableParallelism()} cores, Node ${process.versions.node}`);
  console.log(
    `${options.devices} devices, ${window} polls under way, ${options.rounds} turns of ${options.seconds} s each`,
  );
  console.log(table.toString());
  if (missing) console.log('coap-server-openssl is not installed: nothing is held against it');
  for (const { what, ratio, aim, holds } of judged) {
    const word = holds ? 'holds' : 'MISSED';
    console.log(`${word}: ${what} ${ratio.toFixed(2)} × (aim: ${aim} at least)`);
  }
}

/** The median. */
function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return ((sorted[sorted.length - 1 - half] ?? Number.NaN) + (sorted[half] ?? Number.NaN)) / 2;
}
