/** What must not outlive this process, however it ends, short of SIGKILL: children, folders. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Does it as this process exits, by itself or by a signal; of a signal that others listen for, the end is theirs. The
 * function that is given back has it done never.
 */
function atExit(work: () => void): () => void {
  const exit = (signal: NodeJS.Signals): void => {
    for (const one of signals) process.removeListener(one, exit);
    if (process.listenerCount(signal) === 0) process.exit(128 + constants.signals[signal]);
  };
  // As many as there are children: none of them is forgotten, which is what the limit is there to tell.
  process.setMaxListeners(process.getMaxListeners() + 1);
  // What came last goes first: children before the folder that they write to.
  process.prependOnceListener('exit', work);
  for (const signal of signals) process.once(signal, exit);
  return () => {
    process.setMaxListeners(process.getMaxListeners() - 1);
    process.removeListener('exit', work);
    for (const signal of signals) process.removeListener(signal, exit);
  };
}

/** Kills the child with this process. */
export function endWithUs(child: ChildProcess): void {
  const forget = atExit(() => child.kill('SIGKILL'));
  child.once('exit', forget);
}

/** A folder of one's own, for as long as this process is there. */
interface OwnFolder {
  readonly path: string;
  remove(): void;
}

export function ownFolder(): OwnFolder {
  const path = mkdtempSync(join(tmpdir(), 'coap-eim-lab-'));
  // Who is killed may still write there for a moment.
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  const forget = atExit(remove);
  return {
    path,
    remove() {
      forget();
      remove();
    },
  };
}
