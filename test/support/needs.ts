/** Programs that we did not write, and that a machine may be without. */
import { spawnSync } from 'node:child_process';

/** `skip` of a test that needs a program: the reason where it is missing, never under CI. */
export function needs(program: string, ...args: readonly string[]): string | false {
  if (process.env.CI !== undefined) return false;
  const { error } = spawnSync(program, args, { stdio: 'ignore' });
  return error === undefined ? false : `${program} is not installed`;
}
