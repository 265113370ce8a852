/**
 * What the eIM adds to an indirect download: CPU and time of each ESipa message while ES9+ is answered by a stub in the
 * same process, the longest that one of them holds up all others, and how many downloads go on at a time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { loadLabPki } from '../lab/pki/lab-pki.ts';
import { BenchDevice, type FunctionName, functions } from './relay-device.ts';
import { openRelay, type RelayEim } from './relay-eim.ts';

export interface RelayOptions {
  /** Downloads one after the other behind the figures of each message; half as many again warm up. */
  readonly downloads: number;
  /** Downloads under way at a time. */
  readonly atATime: number;
  /** Octets of the bound profile package. */
  readonly size: number;
  readonly json?: true;
}

/** The aim: milliseconds that a message may hold up all others, in 99 of 100 downloads. */
const longestBlock = 5;

/** How long all others are held up at the most, in milliseconds: of 99 in 100 downloads, and of all. */
interface Held {
  readonly block: number;
  readonly longest: number;
}

/** One message; times in milliseconds, medians of the downloads. */
export interface RelayRow extends Held {
  readonly message: FunctionName;
  readonly cpu: number;
  readonly time: number;
  readonly p99: number;
}

export interface RelayResult {
  readonly size: number;
  readonly rows: readonly RelayRow[];
  /** The same of a millisecond of arithmetic: what is above that here is the machine, that does other things too. */
  readonly control: Held;
  /** All downloads at a time. */
  readonly together: {
    readonly downloads: number;
    readonly perSecond: number;
    /** Milliseconds of CPU, of one download. */
    readonly cpu: number;
    /** The longest round of the event loop, with messages of many downloads in it; milliseconds. */
    readonly round: number;
  };
}

/** Prints the figures beside their aim; the exit code is 1 where it is missed. */
export async function benchRelay(options: RelayOptions): Promise<void> {
  const result = await measureRelay(options);
  const judged = result.rows.map(({ message, block }) => ({
    what: `block of ${message}, ms`,
    value: block,
    aim: longestBlock,
    holds: block <= longestBlock,
  }));
  if (options.json === true) console.log(JSON.stringify({ ...result, judged }));
  else report(result);
  if (judged.some(({ holds }) => !holds)) process.exitCode = 1;
}

export async function measureRelay(options: RelayOptions): Promise<RelayResult> {
  const { downloads, atATime, size } = options;
  const folder = mkdtempSync(join(tmpdir(), 'coap-eim-relay-'));
  const pki = loadLabPki();
  const relay = await openRelay(folder, pki, size);
  try {
    let made = 0;
    const devices = (count: number) =>
      Array.from({ length: count }, () => new BenchDevice(pki, ++made));
    for (const device of devices(Math.ceil(downloads / 2))) await download(relay, device);
    const costs = new Map(functions.map((name) => [name, new Costs()]));
    for (const device of devices(downloads)) {
      await download(relay, device, (name) => costs.get(name)?.begin());
    }
    const blocks = new Blocks();
    const held = new Map(functions.map((name) => [name, [] as number[]]));
    for (const device of devices(downloads)) {
      await download(relay, device, (name) => {
        blocks.longest = 0;
        return () => held.get(name)?.push(blocks.longest);
      });
    }
    const control = await controlOf(blocks, functions.length * downloads);
    const fleet = devices(atATime);
    await Promise.all(fleet.map((device) => order(relay, device)));
    blocks.longest = 0;
    const [before, begin] = [process.cpuUsage(), performance.now()];
    await Promise.all(fleet.map((device) => messages(relay, device)));
    const seconds = (performance.now() - begin) / 1000;
    const cpu = microseconds(process.cpuUsage(before)) / 1000 / atATime;
    const together = {
      downloads: atATime,
      perSecond: atATime / seconds,
      cpu,
      round: blocks.longest,
    };
    blocks.stop();
    const rows = functions.map((message) => ({
      message,
      ...(costs.get(message) ?? new Costs()).figures(),
      ...heldUp(held.get(message) ?? []),
    }));
    return { size, rows, control, together };
  } finally {
    await relay.close();
    rmSync(folder, { recursive: true });
  }
}

function heldUp(times: readonly number[]): Held {
  return { block: quantile(times, 0.99), longest: quantile(times, 1) };
}

/** A millisecond of arithmetic, so many times. */
async function controlOf(blocks: Blocks, times: number): Promise<Held> {
  const held: number[] = [];
  for (let i = 0; i < times; i++) {
    blocks.longest = 0;
    const end = performance.now() + 1;
    while (performance.now() < end) Math.sqrt(i);
    await new Promise((resolve) => setTimeout(resolve, 2));
    held.push(blocks.longest);
  }
  return heldUp(held);
}

type OnMessage = (name: FunctionName) => (() => void) | undefined;

async function order({ eim }: RelayEim, { eid }: BenchDevice): Promise<void> {
  await eim.euiccs.ensure(eid);
  const request = { download: { activationCode: '1$smdp.example.com$MATCHING-ID' } };
  await eim.orders.submit({ eid, facility: 'download', request });
}

/** One whole download. Throws where it does not end well. */
async function download(
  relay: RelayEim,
  device: BenchDevice,
  onMessage: OnMessage = () => undefined,
): Promise<void> {
  await order(relay, device);
  await messages(relay, device, onMessage);
  const [done] = await relay.eim.orders.list({ eid: device.eid });
  if (done?.state.at === 'done' && done.state.success) return;
  throw new Error(`a download of the bench failed: ${JSON.stringify(done)}`);
}

async function messages(
  { say }: RelayEim,
  device: BenchDevice,
  onMessage: OnMessage = () => undefined,
): Promise<void> {
  let answer: Uint8Array | undefined;
  for (const name of functions) {
    const message = device.message(name, answer);
    const end = onMessage(name);
    answer = await say(message);
    end?.();
  }
}

/** What the messages of one function cost. */
class Costs {
  readonly #cpu: number[] = [];
  readonly #time: number[] = [];

  begin(): () => void {
    const [before, begin] = [process.cpuUsage(), performance.now()];
    return () => {
      this.#time.push(performance.now() - begin);
      this.#cpu.push(microseconds(process.cpuUsage(before)) / 1000);
    };
  }

  figures() {
    return {
      cpu: quantile(this.#cpu, 0.5),
      time: quantile(this.#time, 0.5),
      p99: quantile(this.#time, 0.99),
    };
  }
}

/**
 * Goes round with the event loop, and remembers its longest round. A machine that does something else meanwhile is no
 * fault of ours: of the round's time and the CPU that it took, the less counts.
 */
class Blocks {
  longest = 0;
  #stopped = false;

  constructor() {
    let [cpu, time] = [process.cpuUsage(), performance.now()];
    const round = (): void => {
      const passed = performance.now() - time;
      if (passed > 1) {
        const worked = microseconds(process.cpuUsage(cpu)) / 1000;
        this.longest = Math.max(this.longest, Math.min(passed, worked));
      }
      [cpu, time] = [process.cpuUsage(), performance.now()];
      if (!this.#stopped) setImmediate(round);
    };
    setImmediate(round);
  }

  stop(): void {
    this.#stopped = true;
  }
}

function microseconds({ user, system }: NodeJS.CpuUsage): number {
  return user + system;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function report({ size, rows, control, together }: RelayResult): void {
  const table = new Table({
    head: [`Package of ${size} octets`, 'CPU', 'Time', 'p99', 'Block', 'Longest', 'Aim'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [] },
  });
  for (const { message, cpu, time, p99, block, longest } of rows) {
    const verdict = `${longestBlock} ms at most: ${block <= longestBlock ? 'met' : 'missed'}`;
    table.push([message, ms(cpu), ms(time), ms(p99), ms(block), ms(longest), verdict]);
  }
  table.push(['1 ms of arithmetic', '', '', '', ms(control.block), ms(control.longest), '']);
  console.log(table.toString());
  const { downloads, perSecond, cpu, round } = together;
  console.log(
    `${downloads} downloads at a time: ${perSecond.toFixed(0)} a second, ${ms(cpu)} of CPU each; ` +
      `longest round of the event loop, for all of them, ${ms(round)}`,
  );
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}
