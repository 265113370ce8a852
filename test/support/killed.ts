/** A child that is killed with SIGKILL in the middle of its work. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * Runs a script of the tests, kills it once it has printed `lines` lines and `grace` more milliseconds have gone,
 * and gives the whole lines it printed. Rejects where the child ends by itself.
 */
export async function killedAfter(
  script: URL,
  args: readonly string[],
  { lines, grace }: { lines: number; grace: number },
): Promise<readonly string[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(script), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let complaints = '';
  let killing = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (killing || output.split('\n').length <= lines) return;
    killing = true;
    setTimeout(() => child.kill('SIGKILL'), grace);
  });
  const [code, signal] = await once(child, 'close');
  if (signal !== 'SIGKILL') throw new Error(`the child ended by itself (${code}): ${complaints}`);
  // The last piece is no whole line.
  return output.split('\n').slice(0, -1);
}
