/** What every command is given: the options all share, the client they make, and where to show results. */
import type { Command } from 'commander';
import type { z } from 'zod';
import { concat, utf8 } from '../base/bytes.ts';
import { ApiError, check } from '../rest/api/errors.ts';
import { Client } from './client.ts';
import { CliError, ExitCode } from './exit.ts';
import { Output, type Streams } from './output.ts';

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
    .option('--json', 'JSON on standard output, for scripts')
    .option('--no-color', 'no colour (or NO_COLOR)');
}

/** The client and the output that the common options ask for. */
export function remote(context: Context, command: Command): Remote {
  const { url, token } = command.optsWithGlobals<{ url?: string; token?: string }>();
  return {
    client: new Client({
      url: url ?? context.env.EIM_URL ?? defaultUrl,
      token: token ?? (context.env.EIM_TOKEN || undefined),
    }),
    output: output(context, command),
  };
}

export function output(context: Context, command: Command): Output {
  const { json = false, color = true } = command.optsWithGlobals<{
    json?: boolean;
    color?: boolean;
  }>();
  return new Output(context, { json, colour: color });
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

/** Standard input, whole, as octets. */
export async function readOctets(stream: NodeJS.ReadStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of stream) {
    parts.push(typeof chunk === 'string' ? utf8(chunk) : new Uint8Array(chunk));
  }
  return concat(...parts);
}
