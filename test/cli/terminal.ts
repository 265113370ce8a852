/** Commands on a terminal of their own (util-linux's `script` makes one), with `eim` in the PATH. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { newFolder } from '../support/folders.ts';
import { bareEnv, main } from './cli.ts';

/** A folder with `eim` in it. */
export function folderOfEim(): string {
  const folder = newFolder();
  const script = `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`;
  writeFileSync(join(folder, 'eim'), script, { mode: 0o755 });
  return folder;
}

/** Milliseconds that a command may take. */
const longest = 20_000;

export interface TerminalOptions {
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Typed once the terminal has shown the text before it. */
  readonly typed?: readonly (readonly [after: string, keys: string])[];
  /** Once this is shown, paint apart, after all was typed, the command is ended. */
  readonly until?: string;
}

/** What the terminal shows until the command ends, lines with LF. */
export function onTerminal(
  command: string,
  { columns = 80, env = {}, typed = [], until }: TerminalOptions = {},
): Promise<string> {
  const words = ['-qec', `stty cols ${columns} rows 50; ${command}`, '/dev/null'];
  const path = `${folderOfEim()}${delimiter}${process.env.PATH}`;
  const child = spawn('script', words, {
    env: { ...bareEnv, TERM: 'xterm', SHELL: '/bin/sh', LC_ALL: 'C.UTF-8', ...env, PATH: path },
  });
  let shown = '';
  let from = 0;
  let next = 0;
  const type = () => {
    for (;;) {
      const [after, keys] = typed[next] ?? [];
      if (after === undefined || keys === undefined) return;
      const at = shown.indexOf(after, from);
      if (at < 0) return;
      from = at + after.length;
      next++;
      child.stdin.write(keys);
    }
  };
  child.stdin.on('error', () => {});
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    type();
    if (until !== undefined && next === typed.length && plain(shown.slice(from)).includes(until)) {
      child.kill('SIGKILL');
    }
  });
  // Whoever waits for what does not come sees what came instead.
  const limit = setTimeout(() => child.kill('SIGKILL'), longest);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => clearTimeout(limit));
    child.on('close', () => resolve(shown.replaceAll('\r\n', '\n')));
  });
}

const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g');

/** Without what moves the cursor or paints. */
export function plain(text: string): string {
  return text.replace(escapes, '');
}
