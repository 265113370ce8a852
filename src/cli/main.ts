#!/usr/bin/env node
/**
 * `eim`: the operator's commands. All but `serve` speak HTTP with a running eIM. Results go to standard output,
 * everything else to standard error; exit.ts has the exit codes.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addDecode } from './commands/decode.ts';
import { addDevice } from './commands/device.ts';
import { addDtls } from './commands/dtls.ts';
import { addEuicc } from './commands/euicc.ts';
import { addInfo } from './commands/info.ts';
import { addNotification } from './commands/notification.ts';
import { addOrder } from './commands/order.ts';
import { addServe } from './commands/serve.ts';
import { type Context, withCommonOptions } from './context.ts';
import { CliError, ExitCode, exitCodeHelp } from './exit.ts';
import { clean } from './output.ts';

function makeProgram(context: Context): Command {
  const program = withCommonOptions(
    new Command('eim')
      .description('eSIM IoT remote manager (eIM, GSMA SGP.32) over CoAP/DTLS')
      .version(version(), '-V, --version', 'the version')
      .exitOverride()
      .showHelpAfterError('(eim --help lists the commands, eim <command> --help its options)')
      .configureHelp({ showGlobalOptions: true })
      .addHelpText('after', exitCodeHelp),
  );
  addServe(program, context);
  addInfo(program, context);
  addOrder(program, context);
  addDevice(program, context);
  addEuicc(program, context);
  addDtls(program, context);
  addNotification(program, context);
  addDecode(program, context);
  return program;
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}

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
