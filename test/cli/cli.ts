/** `eim` as a child process: the built command, as it is installed (npm test builds it). */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endWithUs } from '../../tools/lab/with-us.ts';

/** What `eim` stands for. */
export const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Of the outside only what a process needs: neither EIM_… nor NO_COLOR nor cli.yaml of whoever runs the tests. */
export const bareEnv: Readonly<Record<string, string | undefined>> = {
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  XDG_CONFIG_HOME: fileURLToPath(new URL('none', import.meta.url)),
};

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly ended: Promise<Ended>;
  /** Resolves when standard output or error holds this text; rejects when the process ends without it. */
  says(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly cwd?: string;
}

export function start(args: readonly string[], options: CommandOptions = {}): RunningCommand {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: options.cwd,
    env: { ...bareEnv, ...options.env },
  });
  // Where a test fails, nobody tells what it follows to end.
  endWithUs(child);
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const listener of listeners) listener();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const listener of listeners) listener();
  });
  child.stdin.on('error', () => {});
  child.stdin.end(options.stdin ?? '');
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return {
    ended,
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!stdout.includes(text) && !stderr.includes(text)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
        ended.then(
          () => reject(new Error(`ended without saying '${text}': ${stdout}${stderr}`)),
          reject,
        );
      }),
    kill: (signal) => child.kill(signal),
  };
}

export function command(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  return start(args, options).ended;
}
