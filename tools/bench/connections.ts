/**
 * What idle connections cost: octets of memory asleep and awake, octets on the disk, and how soon a server answers
 * that was killed with all of them in its store.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ConnectionsOptions {
  readonly count: number;
  readonly json?: boolean;
}

/** What the child says, a line of JSON each. */
type Said = Readonly<Record<string, number>>;

const child = fileURLToPath(new URL('./connections-child.ts', import.meta.url));

export async function benchConnections({ count, json = false }: ConnectionsOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'coap-eim-connections-'));
  try {
    const figures: Record<string, number> = { connections: count };
    const first = run('fill', folder, count);
    Object.assign(figures, await said(first));
    first.kill('SIGKILL');
    await once(first, 'close');
    figures['on disk after the kill, octets each'] = Math.round(sizeOf(folder) / count);
    const second = run('answer', folder, count);
    Object.assign(figures, await said(second));
    second.kill('SIGKILL');
    await once(second, 'close');
    figures['on disk once LevelDB has tidied up, octets each'] = Math.round(sizeOf(folder) / count);
    if (json) process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
    else print(figures);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(what: string, folder: string, count: number): ChildProcess {
  const args = ['--expose-gc', '--import', 'tsx', child, what, folder, `${count}`];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function said(process: ChildProcess): Promise<Said> {
  let output = '';
  for await (const chunk of process.stdout ?? []) {
    output += String(chunk);
    const end = output.indexOf('\n');
    if (end >= 0) return JSON.parse(output.slice(0, end)) as Said;
  }
  throw new Error('the child said nothing');
}

function sizeOf(folder: string): number {
  return readdirSync(folder)
    .map((name) => statSync(join(folder, name)).size)
    .reduce((sum, size) => sum + size, 0);
}

function print(figures: Said): void {
  process.stdout.write('| Figure | |\n|---|---:|\n');
  for (const [name, value] of Object.entries(figures)) {
    process.stdout.write(`| ${name} | ${value} |\n`);
  }
}
