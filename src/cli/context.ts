/** What every command is given: the options all share, the client they make, and where to show results. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { type Command, Option } from 'commander';
import type { z } from 'zod';
import { concat, utf8 } from '../base/bytes.ts';
import { ApiError, check } from '../rest/api/errors.ts';
import { type FoundConfig, readCliConfig } from './cli-config.ts';
import { Client, type ClientOptions } from './client.ts';
import { CliError, ExitCode } from './exit.ts';
import { type Format, formats, Output, type Streams } from './output.ts';

export interface Context extends Streams {
  readonly stdin: NodeJS.ReadStream;
  now(): number;
}

export interface Remote {
  readonly client: Client;
  readonly output: Output;
}

export const defaultUrl = 'http://127.0.0.1:8080';

/** Adds the options that every command takes. */
export function withCommonOptions(program: Command): Command {
  return program
    .option('--url <url>', `address of the eIM (or EIM_URL; default ${defaultUrl})`)
    .option(
      '--token <token>',
      'bearer token (or EIM_TOKEN, which other users of this machine cannot see)',
    )
    .addOption(
      new Option('-o, --output <format>', 'what the result is shown as (or EIM_OUTPUT)').choices(
        formats,
      ),
    )
    .option('--json', 'the same as --output json')
    .option('--no-color', 'no colour (or NO_COLOR)');
}

interface CommonOptions {
  readonly url?: string;
  readonly token?: string;
  readonly output?: Format;
  readonly json?: true;
  readonly color?: boolean;
}

/**
 * The client and the output that the common options ask for, else the environment, else the CLI's file. `signal` ends
 * every request.
 */
export function remote(context: Context, command: Command, signal?: AbortSignal): Remote {
  const config = readCliConfig(context.env);
  const shown = outputOf(context, command, config);
  if (config.isOpen) shown.note(`warning: others may read the token in ${config.path}: chmod 600`);
  const address = addressOf(context, command.optsWithGlobals<CommonOptions>(), config);
  return {
    client: new Client({ ...address, signal }),
    output: shown,
  };
}

/** Where the eIM is, and the token it wants. */
export function addressOf(
  { env }: Context,
  { url, token }: Pick<CommonOptions, 'url' | 'token'>,
  config: FoundConfig = readCliConfig(env),
): ClientOptions {
  return {
    url: url ?? (env.EIM_URL || config.url || defaultUrl),
    token: token ?? (env.EIM_TOKEN || config.token),
  };
}

export function output(context: Context, command: Command): Output {
  return outputOf(context, command, readCliConfig(context.env));
}

function outputOf(context: Context, command: Command, config: FoundConfig): Output {
  const { json = false, output, color = true } = command.optsWithGlobals<CommonOptions>();
  if (json && output !== undefined && output !== 'json') {
    throw new CliError(ExitCode.badInput, `give --json or --output ${output}, not both`);
  }
  const named = context.env.EIM_OUTPUT || undefined;
  const preset = formats.find((one) => one === named);
  if (named !== undefined && preset === undefined) {
    throw new CliError(ExitCode.badInput, `EIM_OUTPUT: must be one of ${formats.join(', ')}`);
  }
  const format = json ? 'json' : (output ?? preset ?? config.output ?? 'table');
  return new Output(context, { format, colour: color });
}

/**
 * Checks typed input as the eIM would, so that a mistake shows without one. Throws CliError that names the option:
 * `options` says by which option a member of the input was given.
 */
export function checkTyped<Value>(
  schema: z.ZodType<Value>,
  input: unknown,
  options: Readonly<Record<string, string>>,
): Value {
  try {
    return check(schema, input);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const name = /[A-Za-z]+(?=(\[[0-9]+\])?$)/.exec(error.field ?? '')?.[0] ?? '';
    const option = options[name] ?? error.field;
    throw new CliError(ExitCode.badInput, option ? `${option}: ${error.message}` : error.message);
  }
}

/** Standard input, whole, or cut after so many characters. */
export async function readAll(
  stream: NodeJS.ReadStream,
  longest = Number.POSITIVE_INFINITY,
): Promise<string> {
  const parts: string[] = [];
  let length = 0;
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    parts.push(String(chunk));
    length += String(chunk).length;
    if (length > longest) break;
  }
  return parts.join('').trim();
}

/** The first line of standard input; at a terminal it is asked for, and not shown as it is typed. */
export async function readSecret(
  { stdin, stderr }: Context,
  what: string,
  longest: number,
): Promise<string> {
  if (!stdin.isTTY) return (await readAll(stdin, longest)).split(/\r?\n/, 1)[0] ?? '';
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: silent, terminal: true });
  // Not before: what is typed at once would still be shown.
  stderr.write(`${what}: `);
  try {
    for await (const line of lines) return line;
    throw new CliError(ExitCode.badInput, `no ${what} was given`);
  } finally {
    lines.close();
    stderr.write('\n');
  }
}

/** Standard input, whole, as octets. */
export async function readOctets(stream: NodeJS.ReadStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of stream) {
    parts.push(typeof chunk === 'string' ? utf8(chunk) : new Uint8Array(chunk));
  }
  return concat(...parts);
}
