/** Ctrl-C while a command follows something. */
import { CliError, ExitCode } from './exit.ts';

/** Does the work with a signal that Ctrl-C, or SIGTERM, gives; work that fails after that throws CliError `interrupted`. */
export async function untilInterrupted<Result>(
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.once(name, stop);
  try {
    return await work(controller.signal);
  } catch (cause) {
    if (!controller.signal.aborted) throw cause;
    throw new CliError(ExitCode.interrupted, '', undefined, { cause });
  } finally {
    for (const name of signals) process.removeListener(name, stop);
  }
}
