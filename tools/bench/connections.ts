/**
 * What idle connections cost: octets of memory asleep and awake, octets on the disk, and how soon a server answers
 * that was killed with all of them in its store, beside one that had a single connection.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { built } from './built.ts';

export interface ConnectionsOptions {
  readonly count: number;
  readonly rounds: number;
  readonly json?: boolean;
}

/** What the child says, a line of JSON. */
type Said = Readonly<Record<string, number>>;

interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** It shall be less. Absent: shown, and no more. */
  readonly aim?: number;
}

const { LevelStore } = await built<typeof import('../../src/store/level.ts')>('store/level.js');
const child = fileURLToPath(new URL('./connections-child.ts', import.meta.url));

/** The least store that has something to take up. */
const few = 1;

/** Sets the exit code to 1 where an aim is missed. */
export async function benchConnections(options: ConnectionsOptions): Promise<void> {
  const { count, rounds, json = false } = options;
  const top = mkdtempSync(join(tmpdir(), 'coap-eim-connections-'));
  const [small, large] = [join(top, 'small'), join(top, 'large')];
  try {
    await live('fill', small, few);
    const filled = await live('fill', large, count);
    const killed = sizeOf(large);
    const lives = { small: [] as Said[], large: [] as Said[] };
    for (let i = 0; i < rounds; i++) {
      lives.small.push(await live('answer', small, few));
      lives.large.push(await live('answer', large, count));
    }
    await tidyUp(large);
    const compacted = sizeOf(large);
    const of = (said: readonly Said[], name: string) => median(said.map((one) => one[name] ?? 0));
    const [alone, among] = [of(lives.small, 'first'), of(lives.large, 'first')];
    const figures: readonly Figure[] = [
      { name: 'memory, asleep', value: filled.asleep ?? 0, unit: 'octets each', aim: 512 },
      { name: 'memory, awake', value: filled.awake ?? 0, unit: 'octets each', aim: 2048 },
      { name: 'resident set, awake', value: filled.awakeRss ?? 0, unit: 'octets each' },
      { name: 'disk', value: compacted / count, unit: 'octets each', aim: 300 },
      { name: 'disk, at the kill', value: killed / count, unit: 'octets each' },
      { name: `first answer, ${few} kept`, value: alone, unit: 'ms after the start' },
      { name: `first answer, ${count} kept`, value: among, unit: 'ms after the start' },
      { name: 'of it for all that are kept', value: among - alone, unit: 'ms', aim: 100 },
      { name: 'opening the store', value: of(lives.large, 'opening'), unit: 'ms' },
      { name: 'a device that comes back', value: of(lives.large, 'each'), unit: 'ms each' },
      { name: 'reading all, behind the work', value: of(lives.large, 'reading'), unit: 'ms' },
      { name: 'found in the store', value: of(lives.large, 'found'), unit: 'entries' },
    ];
    const missed = figures.filter(({ value, aim }) => aim !== undefined && !(value < aim));
    if (json) process.stdout.write(`${JSON.stringify({ connections: count, figures }, null, 2)}\n`);
    else print(count, figures);
    if (missed.length > 0) process.exitCode = 1;
  } finally {
    rmSync(top, { recursive: true });
  }
}

/** One life, from its start to its kill -9. */
async function live(what: string, folder: string, count: number): Promise<Said> {
  const args = ['--expose-gc', '--import', 'tsx', child, what, folder, `${count}`];
  const process_ = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(process_, 'close');
  try {
    return await said(process_);
  } finally {
    process_.kill('SIGKILL');
    await closed;
  }
}

async function said({ stdout }: ChildProcess): Promise<Said> {
  let output = '';
  for await (const chunk of stdout ?? []) {
    output += String(chunk);
    const end = output.indexOf('\n');
    if (end >= 0) return JSON.parse(output.slice(0, end)) as Said;
  }
  throw new Error('the child said nothing');
}

/** Merges what is there, so that no kill in the middle of LevelDB's own merging counts; opening removes what is left over. */
async function tidyUp(folder: string): Promise<void> {
  const store = await LevelStore.open(folder);
  await store.scrub();
  await store.close();
  await (await LevelStore.open(folder)).close();
}

function sizeOf(folder: string): number {
  return readdirSync(folder)
    .map((name) => statSync(join(folder, name)).size)
    .reduce((sum, size) => sum + size, 0);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function print(count: number, figures: readonly Figure[]): void {
  const lines = [`${count} connections, PSK with AES-128-CCM-8, connection IDs of 8 octets`, ''];
  lines.push('| Figure | | | Aim |', '|---|---:|---|---|');
  for (const { name, value, unit, aim } of figures) {
    const digits = value < 10 ? value.toFixed(2) : String(Math.round(value));
    const verdict = aim === undefined ? '' : `< ${aim}: ${value < aim ? 'met' : 'MISSED'}`;
    lines.push(`| ${name} | ${digits} | ${unit} | ${verdict} |`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}
