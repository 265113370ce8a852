/** `eim` within this process: the same commands, without the second that a process of their own takes. */
import { PassThrough } from 'node:stream';
import { CommanderError } from 'commander';
import { CliError, ExitCode } from '../../src/cli/exit.ts';
import { makeProgram } from '../../src/cli/program.ts';
import type { Ended } from './cli.ts';

export async function commandHere(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Ended> {
  const [out, error] = [new PassThrough(), new PassThrough()];
  const { stdin } = process;
  const context = { stdin, stdout: stream(out), stderr: stream(error), env, now: Date.now };
  let code: number = ExitCode.ok;
  try {
    await makeProgram(context).parseAsync(args, { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CliError) error.write(thrown.message);
    else if (!(thrown instanceof CommanderError)) throw thrown;
    code = thrown instanceof CliError ? thrown.exitCode : ExitCode.badInput;
  }
  return { code, stdout: textOf(out), stderr: textOf(error) };
}

/** A standard stream that writes elsewhere, and is no terminal. */
function stream(to: PassThrough): NodeJS.WriteStream {
  return Object.create(process.stdout, {
    isTTY: { value: false },
    write: { value: (text: string) => to.write(text) },
  });
}

function textOf(stream: PassThrough): string {
  return String(stream.read() ?? '');
}
