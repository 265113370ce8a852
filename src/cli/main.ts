#!/usr/bin/env node
/**
 * `eim`: the operator's commands. All but `serve` speak HTTP with a running eIM. Results go to standard output,
 * everything else to standard error; exit.ts has the exit codes.
 */
import { CommanderError } from 'commander';
import type { Context } from './context.ts';
import { CliError, ExitCode } from './exit.ts';
import { clean } from './output.ts';
import { makeProgram } from './program.ts';

/** The exit code. */
async function run(argv: readonly string[], context: Context): Promise<number> {
  try {
    await makeProgram(context).parseAsync(argv, { from: 'user' });
    return ExitCode.ok;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has written help or its complaint already.
      return error.exitCode === 0 ? ExitCode.ok : ExitCode.badInput;
    }
    const { complaint, hint, exitCode } = explained(error);
    if (complaint === '') return exitCode;
    const lines = complaint.split('\n').map(clean);
    context.stderr.write(`eim: ${lines.join('\n     ')}\n`);
    if (hint !== undefined) context.stderr.write(`     ${clean(hint)}\n`);
    return exitCode;
  }
}

function explained(error: unknown): { complaint: string; hint?: string; exitCode: number } {
  if (error instanceof CliError) {
    const { message, hint, exitCode } = error;
    return { complaint: message, ...(hint === undefined ? {} : { hint }), exitCode };
  }
  const complaint = error instanceof Error ? error.message : String(error);
  return { complaint, exitCode: ExitCode.failed };
}

// `eim order list | head`, or `2>&1 | head`: the reader has enough.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? ExitCode.ok);
    throw error;
  });
}

process.exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  now: Date.now,
});
