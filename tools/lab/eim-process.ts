/** The eIM as its users run it: `eim serve` as a process of its own, and the CLI against it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Address } from '../../src/base/address.ts';
import { endWithUs } from './with-us.ts';

/** The checkout. */
export const top = fileURLToPath(new URL('../..', import.meta.url));
/** The CLI, as built. */
const cli = join(top, 'dist', 'cli', 'main.js');

/** A part of the lab did not start, or a command of the CLI failed; the message holds what it said. */
export class LabError extends Error {
  override readonly name = 'LabError';
}

export interface EimProcess {
  readonly pid: number;
  /** Where devices reach it. */
  readonly coaps: Address;
  /** The same over HTTPS, where that is enabled. */
  readonly https?: Address;
  readonly rest: string;
  /** Asks its REST API, by path; throws LabError with its answer where that is no success. */
  ask(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown>;
  /** Runs `eim …` against it with --json; throws LabError with what it said where it fails. */
  command(...args: readonly string[]): Promise<unknown>;
  /** Its exit code; null where a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Stops it as an operator would. */
  stop(): Promise<void>;
  /** Ends it at once (SIGKILL), as a power cut would. */
  kill(): Promise<void>;
}

export interface EimProcessOptions {
  /** Folder of configuration, keys and store; made where it is missing. */
  readonly folder: string;
  /** Settings by key, as `--set` takes them. */
  readonly settings: Readonly<Record<string, string | number | readonly string[]>>;
  /** Told of each line of its log. */
  readonly heard?: (line: string) => void;
}

/** Milliseconds that a start or a command may take. */
const patience = 20_000;

/** Starts the eIM; resolves when it is ready. */
export async function startEim({
  folder,
  settings,
  heard,
}: EimProcessOptions): Promise<EimProcess> {
  const flags = Object.entries(settings).flatMap(([key, value]) => [
    '--set',
    `${key}=${text(value)}`,
  ]);
  const args = [cli, 'serve', '--config', join(folder, 'eim.yaml'), ...flags];
  // It prints nothing; and where this process is killed, no reader waits for the eIM's end.
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  endWithUs(child);
  const { coaps, https, rest } = await ready(child, heard);
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const end = (signal: NodeJS.Signals) => async (): Promise<void> => {
    child.kill(signal);
    await ended;
  };
  return {
    pid: child.pid ?? 0,
    coaps,
    ...(https && { https }),
    rest,
    ask: (method, path, body) => askRest(`${rest}${path}`, method, body),
    command: (...words) => runCli(rest, words),
    ended,
    stop: end('SIGTERM'),
    kill: end('SIGKILL'),
  };
}

function text(value: string | number | readonly string[]): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Reads its log until it says that it is ready. */
function ready(child: ChildProcess, heard: (line: string) => void = () => {}): Promise<Listeners> {
  const { stderr } = child;
  if (stderr === null) throw new Error('stderr is not a pipe');
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      reject(
        new LabError(`the eIM did not start within ${patience / 1000} s:\n${said.join('\n')}`),
      );
    }, patience);
    child.once('exit', (code) => {
      clearTimeout(late);
      reject(new LabError(`the eIM ended with exit code ${code}:\n${said.join('\n')}`));
    });
    // Read on after it is ready, so that its log never fills the pipe.
    createInterface({ input: stderr }).on('line', (line) => {
      heard(line);
      if (said.push(line) > 100) said.shift();
      const found = readyLine(line);
      if (found === undefined) return;
      clearTimeout(late);
      resolve(found);
    });
  });
}

/** Where a started eIM listens. */
type Listeners = Pick<EimProcess, 'coaps' | 'https' | 'rest'>;

function readyLine(line: string): Listeners | undefined {
  if (!line.startsWith('{')) return undefined;
  const entry: unknown = JSON.parse(line);
  if (typeof entry !== 'object' || entry === null) return undefined;
  if (!('msg' in entry) || entry.msg !== 'eim: ready') return undefined;
  if (!('coaps' in entry) || !('rest' in entry)) return undefined;
  return {
    coaps: listener(entry.coaps),
    ...('https' in entry && { https: listener(entry.https) }),
    rest: String(entry.rest),
  };
}

function listener(text: unknown): Address {
  const [, address = '', port = ''] = /^(.*):([0-9]+)$/.exec(String(text)) ?? [];
  return { address, port: Number(port) };
}

async function askRest(url: string, method: string, body?: object): Promise<unknown> {
  const answer = await fetch(url, {
    method,
    signal: AbortSignal.timeout(patience),
    ...(body && { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new LabError(`${method} ${url}: HTTP ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** Runs the CLI with --json; resolves with the document that it prints. */
function runCli(url: string, words: readonly string[]): Promise<unknown> {
  const args = [cli, '--json', '--url', url, ...words];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { timeout: patience }, (error, stdout, stderr) => {
      if (error !== null) {
        reject(new LabError(`eim ${words.join(' ')}: ${stderr.trim() || error.message}`));
      } else resolve(JSON.parse(stdout));
    });
  });
}
